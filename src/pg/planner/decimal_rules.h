// Types of decimal arithmetic: bounds on the digits that follow from the operands' types.
#pragma once

#include <optional>

#include "plan/data_type.h"

namespace sluice::pg {

/// Shape: `may_overflow` says that the bound is beyond kDecimalDigitsMax and was capped, so that a
///        value may not fit at run time.
struct DecimalBound {
  plan::DataType type;
  bool may_overflow = false;

  friend bool operator==(const DecimalBound&, const DecimalBound&) = default;
};

/// The smallest decimal that holds the values of both; integers count as decimals of scale 0.
[[nodiscard]] DecimalBound common_decimal(const plan::DataType& a, const plan::DataType& b);
/// Of a + b and a - b.
[[nodiscard]] DecimalBound sum_decimal(const plan::DataType& a, const plan::DataType& b);
/// Of a * b; nothing where the scale is beyond kDecimalDigitsMax.
[[nodiscard]] std::optional<DecimalBound> product_decimal(const plan::DataType& a,
                                                          const plan::DataType& b);
/// The decimal that holds every integer of a kind.
[[nodiscard]] plan::DataType decimal_of_integer(plan::TypeKind kind);

}  // namespace sluice::pg
