// Appends values to a byte vector, little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/int128.h"

namespace sluice::codec {

class ByteWriter {
 public:
  void u8(std::uint8_t value) { put(value, 1); }
  void u16(std::uint16_t value) { put(value, 2); }
  void u32(std::uint32_t value) { put(value, 4); }
  void u64(std::uint64_t value) { put(value, 8); }
  void i128(base::Int128 value);
  void f64(double value);
  void flag(bool value) { u8(value ? 1 : 0); }
  /// Its length, then its bytes.
  void string(const std::string& bytes);
  /// How many elements follow.
  void count(std::size_t elements);
  void columns(const std::vector<std::uint32_t>& columns);

  /// Overwrites what was written as zeros.
  void patch_u32(std::size_t at, std::uint32_t value) noexcept;
  void patch_u64(std::size_t at, std::uint64_t value) noexcept;

  [[nodiscard]] const std::vector<std::byte>& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::vector<std::byte> take() noexcept { return std::move(bytes_); }

 private:
  void put(std::uint64_t value, std::size_t width);
  void patch(std::size_t at, std::uint64_t value, std::size_t width) noexcept;

  std::vector<std::byte> bytes_;
};

}  // namespace sluice::codec
