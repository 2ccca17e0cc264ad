// Joins with the distinct keys of a side, seen as the semi joins that they are.
#pragma once

#include <optional>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// `join` is a JOIN_SEMI, but which of its sides is only tested against is said by `tests_outer`.
struct SemiJoin {
  HashJoin join;
  bool tests_outer = false;
};

/// PostgreSQL may plan `x IN (SELECT y ...)` as an inner join with an aggregate that makes y
/// distinct. An engine with semi joins need not: the result is a copy of `join` as a semi join with
/// the aggregate's input; nothing where `join` is none of that kind.
/// Shape:  `leaves` are what the join hands out and filters by; they must not read the side that is
///         only tested against.
/// Source: PostgreSQL, create_unique_path().
/// Errors: PgError.
[[nodiscard]] std::optional<SemiJoin> as_semi_join(const Statement& statement, const HashJoin& join,
                                                   const std::vector<Node*>& leaves);

}  // namespace sluice::pg
