// What PostgreSQL charges a plan's nodes for their init plans and subqueries: the whole of them, at
// the nodes they hang at or that evaluate them.
#pragma once

#include <vector>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The plan of a subquery or CTE, as it is now; null for one that nobody uses.
[[nodiscard]] Plan* plan_at(const PlannedStmt* planned, int plan_id) noexcept;

/// Of a subquery that is evaluated `calls` times.
/// Units: PostgreSQL's cost units, as all here.
[[nodiscard]] double charge_of(const SubPlan& subplan, double calls) noexcept;

/// In the node's costs for its init plans.
/// Source: PostgreSQL, SS_charge_for_initplans()
[[nodiscard]] double init_plans_charge(const Plan* node) noexcept;

/// In the node's costs for the subqueries of its targetlist and conditions, evaluated once for each
/// row that it has, or group that it tests.
/// Errors: PgError.
[[nodiscard]] double subqueries_charge(const Plan* node);

/// What is in no node's costs: the init plans of a SubqueryScan that PostgreSQL left out, as it did
/// nothing, hang at the node below it.
/// Source: PostgreSQL, clean_up_removed_plan_level()
/// Errors: PgError.
[[nodiscard]] double uncharged_init_plans(const PlannedStmt* planned);

/// What a subquery's plan cost before, by its number in the statement, and what less it costs now.
struct SubplanSaving {
  double before = 0;
  double saved = 0;
};

/// What that spares the statement: of each subquery the part that was charged, and nothing for one
/// that became joins.
/// Errors: PgError.
[[nodiscard]] double saved_by_subplans(const PlannedStmt* planned,
                                       const std::vector<SubplanSaving>& savings);

}  // namespace sluice::pg
