// The range of an integer column of stored rows: what bitmaps and direct indexes are laid out over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/interrupt_poll.h"
#include "engine/row_store.h"
#include "vector/physical_type.h"

namespace sluice::engine {

[[nodiscard]] constexpr bool is_integer(vector::PhysicalType type) noexcept {
  using vector::PhysicalType;
  return type == PhysicalType::kInt8 || type == PhysicalType::kInt16 ||
         type == PhysicalType::kInt32 || type == PhysicalType::kInt64;
}

/// Calls `visit` with a value of an integer type's width.
template <typename Visit>
void with_integer(vector::PhysicalType type, Visit visit) {
  using vector::PhysicalType;
  switch (type) {
    case PhysicalType::kInt8:
      return visit(std::int8_t{});
    case PhysicalType::kInt16:
      return visit(std::int16_t{});
    case PhysicalType::kInt32:
      return visit(std::int32_t{});
    default:
      return visit(std::int64_t{});
  }
}

/// Calls `visit` with the number of every stored row that has a value in the column.
template <typename Visit>
void for_values(const RowStore& store, std::size_t column, Visit visit) {
  constexpr std::uint32_t kRowsBetweenPolls = std::uint32_t{1} << 16;
  const bool nullable = store.may_hold_null(column);
  for (std::uint32_t number = 1; number <= store.rows(); ++number) {
    if (number % kRowsBetweenPolls == 0) {
      base::poll_interrupts();
    }
    if (!nullable || !store.is_null(number, column)) {
      visit(number);
    }
  }
}

/// Values by their distance from the least one. Without values it holds one that no row has.
struct IntegerRange {
  std::int64_t least = 0;
  std::uint64_t span = 0;  // the greatest minus the least

  template <typename T>
  [[nodiscard]] std::uint64_t offset(T value) const noexcept {
    return static_cast<std::uint64_t>(std::int64_t{value}) - static_cast<std::uint64_t>(least);
  }
};

/// Shape: the column's type is T.
template <typename T>
[[nodiscard]] IntegerRange integer_range(const RowStore& store, std::size_t column) {
  T least = std::numeric_limits<T>::max();
  T greatest = std::numeric_limits<T>::min();
  for_values(store, column, [&](std::uint32_t number) {
    const T value = store.value<T>(number, column);
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  });
  IntegerRange range{least, 0};
  range.span = least <= greatest ? range.offset(greatest) : 0;
  return range;
}

}  // namespace sluice::engine
