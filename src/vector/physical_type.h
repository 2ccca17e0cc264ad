// How a value lies in memory. What it means (decimal scale, blank padding) is plan::DataType.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/int128.h"

namespace sluice::vector {

/// The numbers are part of the page format (docs/formats/page.md).
enum class PhysicalType : std::uint8_t {
  kInt8 = 0,  // bool: 0 or 1
  kInt16 = 1,
  kInt32 = 2,   // int4, date
  kInt64 = 3,   // int8, timestamp, decimal of up to 18 digits
  kInt128 = 4,  // decimal of up to 38 digits
  kFloat64 = 5,
  kVarlen = 6,  // StringRef
};

/// Units: bytes of one value in a column's value array.
[[nodiscard]] constexpr std::size_t width_bytes(PhysicalType type) noexcept {
  switch (type) {
    case PhysicalType::kInt8:
      return 1;
    case PhysicalType::kInt16:
      return 2;
    case PhysicalType::kInt32:
      return 4;
    case PhysicalType::kInt64:
    case PhysicalType::kFloat64:
      return 8;
    case PhysicalType::kInt128:
    case PhysicalType::kVarlen:
      return 16;
  }
  return 0;
}

/// A decimal column may hold numeric's NaN as the largest value of its width, which compares,
/// hashes and orders as PostgreSQL's NaN does; only arithmetic and output must look for it, and
/// only where ColumnView::may_hold_nan says so.
inline constexpr std::int64_t kDecimalNan64 = INT64_MAX;
inline constexpr base::Int128 kDecimalNan128 = base::kInt128Max;

}  // namespace sluice::vector
