// Expressions over rows of integers, evaluated one row at a time, for the PlanSimulator.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include "plan/expr.h"

namespace sluice::plan {

using SimulatedValue = std::optional<std::int64_t>;
using SimulatedRow = std::vector<SimulatedValue>;
using SimulatedRows = std::vector<SimulatedRow>;

/// Shape: the operators that RandomPlan makes. A condition is true where it is neither 0 nor NULL.
[[nodiscard]] inline SimulatedValue simulated_value(const Expr& expr, const SimulatedRow& row) {
  if (expr.kind == ExprKind::kColumn) {
    return row[expr.column];
  }
  if (expr.kind == ExprKind::kConstant) {
    return static_cast<std::int64_t>(expr.constant.integer);
  }
  const SimulatedValue left = simulated_value(expr.args[0], row);
  if (expr.op == Op::kIsNull) {
    return left.has_value() ? 0 : 1;
  }
  const SimulatedValue right = simulated_value(expr.args[1], row);
  if (expr.op == Op::kOr) {
    return left.value_or(0) | right.value_or(0);  // as a condition: NULL is false
  }
  if (!left.has_value() || !right.has_value()) {
    return std::nullopt;
  }
  switch (expr.op) {
    case Op::kAdd:
      return *left + *right;
    case Op::kNotEqual:
      return *left != *right ? 1 : 0;
    case Op::kLess:
      return *left < *right ? 1 : 0;
    case Op::kGreaterEqual:
      return *left >= *right ? 1 : 0;
    default:
      throw std::logic_error("the simulator lacks an operator");
  }
}

}  // namespace sluice::plan
