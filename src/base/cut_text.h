// Texts that must fit: cut between two characters of UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::base {

/// The beginning of `text` that has at most `bytes_max` bytes and does not end within a character.
[[nodiscard]] std::string_view cut_text(std::string_view text, std::size_t bytes_max) noexcept;

}  // namespace sluice::base
