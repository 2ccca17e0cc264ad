// Which parts of a query, before planning, can raise an error that depends on the rows they see.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/parsenodes.h>
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Whether `call` is a sum, average, minimum or maximum of its own query level that is exact in any
/// order, NULL for no rows, and cannot overflow: no float sums, no DISTINCT, FILTER, ORDER BY.
[[nodiscard]] bool is_plain_aggregate(const Aggref& call);

/// Whether evaluating `part` (an expression, a List of them or a FROM clause) may raise. Numerics
/// count as safe where they have a declared precision, or are columns of range table entry
/// `bounded` (0: none) of the query's own level. What is not known may raise, subqueries as well.
/// Runs in: call(); may longjmp.
[[nodiscard]] bool may_raise(Node* part, int bounded);

}  // namespace sluice::pg
