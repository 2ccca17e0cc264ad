// Addition, subtraction and multiplication of integers, decimals and float8.
#pragma once

#include <memory>

#include "engine/expr_node.h"
#include "plan/expr.h"

namespace sluice::engine {

/// The arguments' types as the plan says; the operands have their physical types.
struct ArithmeticTypes {
  plan::DataType left;
  plan::DataType right;
  plan::DataType result;
};

/// `op` is kAdd, kSubtract or kMultiply; not both operands are constant.
/// Errors: 22003 for integers and float8 as PostgreSQL's int2pl.. and float8_pl.. raise it,
///         kAbandon for a decimal beyond its width or 38 digits; both for rows without NULL only.
[[nodiscard]] std::unique_ptr<ExprNode> make_arithmetic(plan::Op op, const ArithmeticTypes& types,
                                                        Operand left, Operand right,
                                                        base::Arena& arena);

}  // namespace sluice::engine
