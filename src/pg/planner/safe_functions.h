// Functions, aggregates, other parts of expressions, and values that raise no error, whatever the
// rows.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

// All run in: call(), and may longjmp; those that are noexcept run anywhere.

/// The location of a FuncExpr of ours that raises nothing, whatever its function may: a
/// division whose dividend is NULL where the divisor is 0. Nobody else looks at a location below 0.
inline constexpr int kSafeCallLocation = -2;

/// Whether a call of `function` may raise, numerics being bounded. What is not known may. Shape: a
/// callback of check_functions_in_node(); `context` is not used.
[[nodiscard]] bool function_may_raise(Oid function, void* context);
/// Whether `node` is one with that location.
[[nodiscard]] bool is_safe_call(const Node* node);

/// Whether a node of an expression calls no function and raises nothing itself. An array of arrays
/// does: these must have the same dimensions.
[[nodiscard]] bool is_safe_node(const Node* node);

/// The arguments of a call of any kind: function, operator, aggregate or window function.
[[nodiscard]] List* arguments_of(Node* node);
/// Whether a call gets text of which it does not know the collation: columns of two collations
/// leave it open.
[[nodiscard]] bool lacks_collation(Node* node);

/// A sum or an average that is exact in any order, NULL for no rows, and cannot overflow.
[[nodiscard]] bool is_plain_sum(Oid aggregate) noexcept;
/// A minimum or a maximum of the kind.
[[nodiscard]] bool is_plain_extreme(Oid aggregate) noexcept;

/// Whether the planner has evaluated `node` before anything runs.
[[nodiscard]] bool is_folded(Node* node);

/// Whether values of a type can be numerics that arithmetic takes beyond numeric's limits.
[[nodiscard]] bool is_boundless(Oid type, int typmod);
/// The same of a constant: NaN is larger than all numbers.
[[nodiscard]] bool is_boundless(const Const& constant);

}  // namespace sluice::pg
