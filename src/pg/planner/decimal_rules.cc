#include "pg/planner/decimal_rules.h"

#include <algorithm>

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::TypeKind;

DecimalBound bound(int integer_digits, int scale) {
  const int precision = std::max(integer_digits + scale, 1);
  return {DataType::decimal(precision, scale), precision > DataType::kDecimalDigitsMax};
}

int integer_digits(const DataType& type) { return type.precision - type.scale; }

}  // namespace

DecimalBound common_decimal(const DataType& a, const DataType& b) {
  return bound(std::max(integer_digits(a), integer_digits(b)), std::max(a.scale, b.scale));
}

DecimalBound sum_decimal(const DataType& a, const DataType& b) {
  return bound(std::max(integer_digits(a), integer_digits(b)) + 1, std::max(a.scale, b.scale));
}

std::optional<DecimalBound> product_decimal(const DataType& a, const DataType& b) {
  const int scale = a.scale + b.scale;
  if (scale > DataType::kDecimalDigitsMax) {
    return std::nullopt;
  }
  return bound(integer_digits(a) + integer_digits(b), scale);
}

DataType decimal_of_integer(TypeKind kind) {
  switch (kind) {
    case TypeKind::kInt16:
      return DataType::decimal(5, 0);
    case TypeKind::kInt32:
      return DataType::decimal(10, 0);
    default:
      return DataType::decimal(19, 0);
  }
}

}  // namespace sluice::pg
