// Feeds arbitrary bytes to PageReader::open and reads everything that it hands out.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "base/error.h"
#include "vector/page.h"

namespace {

using sluice::vector::PhysicalType;

std::uint64_t read_all(const sluice::vector::Batch& batch) {
  std::uint64_t sum = 0;
  for (const sluice::vector::ColumnView& column : batch.columns()) {
    for (std::uint32_t row = 0; row < batch.rows(); ++row) {
      sum += column.is_null(row) ? 1 : 0;
      if (column.type == PhysicalType::kVarlen) {
        for (const char c : column.as<sluice::vector::StringRef>()[row].view()) {
          sum += static_cast<unsigned char>(c);
        }
        continue;
      }
      const std::size_t width = width_bytes(column.type);
      for (std::size_t i = 0; i < width; ++i) {
        sum += column.as<std::uint8_t>()[row * width + i];
      }
    }
  }
  return sum;
}

}  // namespace

/// Shape: the first byte is the number of columns, then one byte a type, then the page.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size < 1U + data[0] % 8U) {
    return 0;
  }
  const std::size_t column_count = data[0] % 8U;
  std::vector<PhysicalType> types;
  for (std::size_t i = 0; i < column_count; ++i) {
    types.push_back(static_cast<PhysicalType>(data[1 + i] % 7U));
  }
  const std::size_t bytes = size - 1 - column_count;
  auto* page = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{16}));
  if (bytes != 0) {
    std::memcpy(page, data + 1 + column_count, bytes);
  }
  try {
    sluice::vector::PageReader reader(types);
    volatile std::uint64_t sum = read_all(reader.open({page, bytes}));
    (void)sum;
  } catch (const sluice::base::Error&) {
  }
  ::operator delete (page, std::align_val_t{16});
  return 0;
}
