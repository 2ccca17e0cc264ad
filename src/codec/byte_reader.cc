#include "codec/byte_reader.h"

#include <bit>

namespace sluice::codec {

base::Int128 ByteReader::i128() {
  const base::UInt128 low = u64();
  const base::UInt128 high = u64();
  return static_cast<base::Int128>(high << 64 | low);
}

double ByteReader::f64() { return std::bit_cast<double>(u64()); }

bool ByteReader::flag() {
  const std::uint8_t value = u8();
  SLUICE_CHECK_BYTES(value <= 1, "encoded plan: flag");
  return value == 1;
}

std::string ByteReader::string() {
  const std::size_t length = count(1);
  std::string bytes(reinterpret_cast<const char*>(rest_.data()), length);
  rest_ = rest_.subspan(length);
  return bytes;
}

std::size_t ByteReader::count(std::size_t element_bytes_min) {
  const std::size_t elements = u32();
  SLUICE_CHECK_BYTES(elements <= rest_.size() / element_bytes_min,
                     "encoded plan: count beyond its end");
  return elements;
}

std::vector<std::uint32_t> ByteReader::columns() {
  std::vector<std::uint32_t> columns(count(sizeof(std::uint32_t)));
  for (std::uint32_t& column : columns) {
    column = u32();
  }
  return columns;
}

std::uint64_t ByteReader::take(std::size_t width) {
  SLUICE_CHECK_BYTES(rest_.size() >= width, "encoded plan: truncated");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    value |= static_cast<std::uint64_t>(rest_[i]) << (8 * i);
  }
  rest_ = rest_.subspan(width);
  return value;
}

}  // namespace sluice::codec
