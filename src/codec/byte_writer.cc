#include "codec/byte_writer.h"

#include <bit>
#include <limits>

#include "base/check.h"

namespace sluice::codec {

void ByteWriter::i128(base::Int128 value) {
  const auto bits = static_cast<base::UInt128>(value);
  u64(static_cast<std::uint64_t>(bits));
  u64(static_cast<std::uint64_t>(bits >> 64));
}

void ByteWriter::f64(double value) { u64(std::bit_cast<std::uint64_t>(value)); }

void ByteWriter::string(const std::string& bytes) {
  count(bytes.size());
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  bytes_.insert(bytes_.end(), data, data + bytes.size());
}

void ByteWriter::count(std::size_t elements) {
  SLUICE_CHECK(elements <= std::numeric_limits<std::uint32_t>::max(), "plan with too long a list");
  u32(static_cast<std::uint32_t>(elements));
}

void ByteWriter::columns(const std::vector<std::uint32_t>& columns) {
  count(columns.size());
  for (const std::uint32_t column : columns) {
    u32(column);
  }
}

void ByteWriter::patch_u32(std::size_t at, std::uint32_t value) noexcept { patch(at, value, 4); }

void ByteWriter::patch_u64(std::size_t at, std::uint64_t value) noexcept { patch(at, value, 8); }

void ByteWriter::put(std::uint64_t value, std::size_t width) {
  const std::size_t at = bytes_.size();
  bytes_.resize(at + width);
  patch(at, value, width);
}

void ByteWriter::patch(std::size_t at, std::uint64_t value, std::size_t width) noexcept {
  for (std::size_t i = 0; i < width; ++i) {
    bytes_[at + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

}  // namespace sluice::codec
