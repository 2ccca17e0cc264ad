// PostgreSQL's built-in functions that the engine has an operator for.
#pragma once

#include <cstdint>
#include <optional>

#include "pg/border/pg_include.h"
#include "plan/expr.h"

namespace sluice::pg {

/// How the operands of a function are brought into the form that its Op wants.
enum class OperatorShape : std::uint8_t {
  kArithmetic,     // both to the result's type
  kNegate,         // one operand of the result's type
  kComparison,     // both to their common type
  kDateTimestamp,  // date compared with timestamp
  kTimestampDate,  // timestamp compared with date
  kLike,           // string and constant pattern
  kSubstring,      // text, int4 and perhaps int4
  kCast,           // one operand, to the result's type
  kExtract,        // constant field name, date or timestamp
};

struct OperatorEntry {
  plan::Op op;
  OperatorShape shape;
};

/// Nothing where the engine does not have the function.
[[nodiscard]] std::optional<OperatorEntry> find_operator(Oid function) noexcept;

/// a op b == b swapped(op) a. Shape: `op` is a comparison.
[[nodiscard]] plan::Op swapped(plan::Op op) noexcept;

/// Whether the comparison asks for an order, not only for equality.
[[nodiscard]] constexpr bool needs_order(plan::Op op) noexcept {
  return op == plan::Op::kLess || op == plan::Op::kLessEqual || op == plan::Op::kGreater ||
         op == plan::Op::kGreaterEqual;
}

}  // namespace sluice::pg
