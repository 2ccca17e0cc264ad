// Where the columns of a finished plan's nodes come from.
#pragma once

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// `expr` of a node's targetlist in base columns, for EXPLAIN; where it has no such form, a NULL of
/// its type. Runs in: call().
[[nodiscard]] Node* terminal_of(const Plan* node, Node* expr);

/// `terminal`, or a NULL of its type where it has grown beyond what anybody would read: of a column
/// that is doubled again and again.
/// Errors: PgError.
[[nodiscard]] Node* readable(Node* terminal);

/// The digits of a numeric. Shape: unknown, or at most 38. `sure`: whatever the rows; otherwise as
/// they should be, but a sum may have more, and not every function keeps to what it is declared
/// with.
struct NumericDigits {
  bool known = false;
  bool sure = false;
  int precision = 0;
  int scale = 0;
};

/// Of a numeric `expr` of a node's targetlist, followed down to tables through subqueries and CTEs.
/// Known digits mean that the value, and all that it is computed from, is far from numeric's
/// limits.
/// Errors: PgError.
[[nodiscard]] NumericDigits numeric_digits_of(const Statement& statement, const Plan* node,
                                              Node* expr);

}  // namespace sluice::pg
