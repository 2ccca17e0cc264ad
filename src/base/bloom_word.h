// Bloom filters whose blocks are single words: where a hash lies in one, and which bits it sets.
// Source: Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters" (2007).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::base {

/// Three of a word's bits.
[[nodiscard]] constexpr std::uint64_t bloom_bits(std::uint64_t hash) noexcept {
  return std::uint64_t{1} << (hash & 63) | std::uint64_t{1} << (hash >> 6 & 63) |
         std::uint64_t{1} << (hash >> 12 & 63);
}

/// Which of `words`. The leading bits of a seat's hashes may be all alike, so every bit has its
/// say. Shape: `words` is less than 2^32.
[[nodiscard]] constexpr std::size_t bloom_word(std::uint64_t hash, std::size_t words) noexcept {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15ULL;
  const std::uint64_t spread = (hash * kFactor) >> 32;
  return static_cast<std::size_t>((spread * words) >> 32);
}

}  // namespace sluice::base
