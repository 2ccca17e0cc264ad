// Correlated scalar aggregates as joins with grouped subqueries.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/parsenodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Rewrites conditions in `query`, as it comes to the planner, and in the queries within it:
///   ... WHERE o.x < (SELECT 0.2 * avg(i.y) FROM i WHERE i.k = o.k)
/// becomes a join with the subquery grouped by what it compares with the query around it:
///   ..., (SELECT i.k, sum(i.y), count(i.y) FROM i GROUP BY i.k) g
///   WHERE g.k = o.k AND o.x < 0.2 * (g.sum / g.count)
/// PostgreSQL runs such a subquery once for every row around it.
///
/// Only where the result is the same: the aggregates are NULL for no rows and the condition is not
/// true then, so that a row without a group may go. And where nothing can raise that is evaluated
/// here for groups and rows that PostgreSQL would not have come to.
/// Post:   the number of conditions rewritten is returned.
/// Runs in: call(); may longjmp.
int pull_up_scalar_aggregates(Query* query);

}  // namespace sluice::pg
