// What the decoder must know of a relation: every attribute's place, and the columns that are
// wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vector/physical_type.h"

namespace sluice::pg {

inline constexpr std::int16_t kVarlenaLength = -1;
inline constexpr std::int16_t kCStringLength = -2;

/// One attribute of the relation, dropped ones included, in attribute order.
/// Shape: `length` is pg_attribute.attlen: bytes, kVarlenaLength or kCStringLength; `alignment` is
///        1, 2, 4 or 8.
struct AttributeLayout {
  std::int16_t length = 0;
  std::uint8_t alignment = 1;
};

/// The values of a stage are wanted only for the rows that the conditions of the stages before it
/// left; those of stage 0 for every row.
using Stage = std::uint8_t;

/// One wanted column.
/// Shape: `attribute` counts from 0 and is unique among the columns. A fixed-width attribute's
///        length is the width of `type`, which for kInt128 without precision holds a uuid; decimals
///        (precision > 0; kInt64 up to 18 digits, else kInt128) are varlenas. kVarlen is the body
///        of a varlena, or all bytes of a fixed-width attribute, as they are.
struct ColumnTarget {
  std::uint16_t attribute = 0;
  vector::PhysicalType type = vector::PhysicalType::kInt32;
  std::uint8_t precision = 0;  // decimals: digits in all, 1..38
  std::uint8_t scale = 0;      // decimals: digits after the point, 0..precision
  Stage stage = 0;
  /// The value of rows that are older than the column, as a tuple would hold it (a varlena plain,
  /// with its header); nothing stands for NULL.
  std::optional<std::vector<std::uint8_t>> missing;
};

}  // namespace sluice::pg
