// A 16-byte view of bytes: short strings inline, long ones by pointer, always with a prefix.
#pragma once

#include <bit>
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
  constexpr std::string_view kEightBlanks = "        ";
  while (text.ends_with(kEightBlanks)) {
    text.remove_suffix(kEightBlanks.size());
  }
  while (!text.empty() && text.back() == ' ') {
    text.remove_suffix(1);
  }
  return text;
}

/// The same of a view, whose result is in its one form: two of them are equal if `==` says so.
[[nodiscard]] inline StringRef without_trailing_blanks(const StringRef& string) noexcept {
  if (!string.is_inline()) {
    return StringRef(without_trailing_blanks(string.view()));
  }
  // All twelve bytes at once; those behind the end are masked out.
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t kBlanks = 0x2020202020202020;
  std::uint32_t words[4];
  std::memcpy(words, &string, sizeof words);
  const std::uint64_t low = words[1] | (std::uint64_t{words[2]} << 32);
  const std::uint64_t high = words[3];
  const auto bytes_mask = [](std::uint32_t bytes) noexcept {
    return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (bytes * 8)) - 1;
  };
  const std::uint32_t size = string.size();
  const std::uint64_t low_text = (low ^ kBlanks) & bytes_mask(size);
  const std::uint64_t high_text = size > 8 ? (high ^ kBlanks) & bytes_mask(size - 8) : 0;
  const auto last_byte = [](std::uint64_t text) noexcept {
    return static_cast<std::uint32_t>(64 - std::countl_zero(text) + 7) / 8;
  };
  const std::uint32_t kept = high_text != 0 ? 8 + last_byte(high_text) : last_byte(low_text);
  const std::uint64_t kept_low = low & bytes_mask(kept);
  const std::uint64_t kept_high = kept > 8 ? high & bytes_mask(kept - 8) : 0;
  words[0] = kept;
  words[1] = static_cast<std::uint32_t>(kept_low);
  words[2] = static_cast<std::uint32_t>(kept_low >> 32);
  words[3] = static_cast<std::uint32_t>(kept_high);
  StringRef result;
  std::memcpy(static_cast<void*>(&result), words, sizeof words);
  return result;
}

}  // namespace sluice::vector
