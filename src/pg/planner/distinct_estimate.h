// How many values a column has, as ANALYZE has found.
#pragma once

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"

namespace sluice::pg {

/// The distinct values of a table's column; 0 where nothing is known.
/// Errors: PgError.
[[nodiscard]] double distinct_values(Oid table, AttrNumber attribute);
/// The distinct values of `terminal` among `rows` rows; `rows` where nothing is known.
/// Errors: PgError.
[[nodiscard]] double distinct_values(const Statement& statement, const Node* terminal, double rows);

}  // namespace sluice::pg
