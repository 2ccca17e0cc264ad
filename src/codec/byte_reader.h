// Takes values from untrusted bytes, little-endian. No read goes beyond the end, and nothing is
// allocated on the word of a count or a length before the bytes for it are known to be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/int128.h"

namespace sluice::codec {

/// Errors: every member throws Error kCorrupt where the bytes end or break a bound.
/// Owns:   nothing; the bytes outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] std::uint8_t u8() { return static_cast<std::uint8_t>(take(1)); }
  [[nodiscard]] std::uint16_t u16() { return static_cast<std::uint16_t>(take(2)); }
  [[nodiscard]] std::uint32_t u32() { return static_cast<std::uint32_t>(take(4)); }
  [[nodiscard]] std::uint64_t u64() { return take(8); }
  [[nodiscard]] base::Int128 i128();
  [[nodiscard]] double f64();
  /// 0 or 1 and nothing else, so that equal plans have equal bytes.
  [[nodiscard]] bool flag();
  /// An enumerator numbered 0..`last`.
  template <typename Enum>
  [[nodiscard]] Enum enumerator(Enum last) {
    const std::uint8_t value = u8();
    SLUICE_CHECK_BYTES(value <= static_cast<std::uint8_t>(last), "encoded plan: unknown number");
    return static_cast<Enum>(value);
  }
  [[nodiscard]] std::string string();
  /// How many elements follow, each of them at least `element_bytes_min` bytes.
  [[nodiscard]] std::size_t count(std::size_t element_bytes_min);
  [[nodiscard]] std::vector<std::uint32_t> columns();

  [[nodiscard]] std::size_t rest_bytes() const noexcept { return rest_.size(); }

 private:
  [[nodiscard]] std::uint64_t take(std::size_t width);

  std::span<const std::byte> rest_;
};

}  // namespace sluice::codec
