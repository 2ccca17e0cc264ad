// A 16-byte view of bytes: short strings inline, long ones by pointer, always with a prefix.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::vector {

/// Bytes with their length. Up to kInlineBytes lie inside, zero-padded, so that two short equal
/// strings have equal bytes; longer ones repeat their first 4 bytes as the prefix.
/// Owns:   nothing; a long string's bytes must outlive the view.
/// Source: the "German strings" of Umbra (Neumann, Freitag, CIDR 2020).
class StringRef {
 public:
  static constexpr std::uint32_t kInlineBytes = 12;

  StringRef() noexcept : size_(0), bytes_{} {}
  StringRef(const char* data, std::uint32_t size) noexcept : size_(size), bytes_{} {
    if (size <= kInlineBytes) {
      std::memcpy(bytes_, data, size);
    } else {
      std::memcpy(bytes_, data, 4);
      std::memcpy(bytes_ + 4, &data, sizeof data);
    }
  }
  explicit StringRef(std::string_view text) noexcept
      : StringRef(text.data(), static_cast<std::uint32_t>(text.size())) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool is_inline() const noexcept { return size_ <= kInlineBytes; }
  [[nodiscard]] const char* data() const noexcept {
    if (is_inline()) {
      return bytes_;
    }
    const char* pointer;
    std::memcpy(&pointer, bytes_ + 4, sizeof pointer);
    return pointer;
  }
  /// Valid while this object lives, for an inline string.
  [[nodiscard]] std::string_view view() const noexcept { return {data(), size_}; }

  friend bool operator==(const StringRef& a, const StringRef& b) noexcept {
    if (std::memcmp(&a, &b, 8) != 0) {  // length and prefix
      return false;
    }
    if (a.is_inline()) {
      return std::memcmp(a.bytes_ + 4, b.bytes_ + 4, 8) == 0;
    }
    return std::memcmp(a.data(), b.data(), a.size_) == 0;
  }

 private:
  std::uint32_t size_;
  char bytes_[12];
};
static_assert(sizeof(StringRef) == 16);

/// PostgreSQL's bpchar compares and hashes without its trailing blanks.
[[nodiscard]] inline std::string_view without_trailing_blanks(std::string_view text) noexcept {
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace sluice::vector
