// Plans a query once more in the shape that the engine runs best: hash joins and sequential leaves,
// no Gather.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <optimizer/planner.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// What planner_hook was called with. Shape: `planner` is who plans.
struct PlanningCall {
  planner_hook_type planner;
  Query* query;
  const char* text;
  int cursor_options;
  ParamListInfo params;
};

/// `keep_lookups` leaves index scans and nested loops to the planner's choice: for what runs often,
/// as correlated subqueries do, or is cheap only with them.
/// Pre:    nobody else uses call.query, which the planner changes.
/// Post:   the planner's settings are what they were, also after an error.
/// Errors: PgError.
[[nodiscard]] PlannedStmt* plan_in_hash_shape(const PlanningCall& planning, bool keep_lookups);

/// Whether a second planning is under way in this process: what is planned now is planned from
/// inside it.
[[nodiscard]] bool in_second_planning() noexcept;

/// Plans as PostgreSQL is set, although a second planning is under way. Runs in: C code; may
/// longjmp.
[[nodiscard]] PlannedStmt* plan_inside_second_planning(const PlanningCall& planning);

}  // namespace sluice::pg
