// The expressions that a node of a finished plan evaluates itself, the subqueries and init plans
// that these read, and the plans of those; a Custom Scan of ours leads to the node it stands for.
#pragma once

#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// `node`, or the fallback where it is a Custom Scan of ours: the same as PostgreSQL planned it.
[[nodiscard]] const Plan* as_planned(const Plan* node);

/// The plan of a subquery or CTE, as planned.
[[nodiscard]] const Plan* plan_of(const Statement& statement, int plan_id);

/// What `node` itself evaluates: a fresh List of expressions, Lists of them, and NULLs. Shape: what
/// its children evaluate is left out.
/// Errors: PgError.
[[nodiscard]] List* expressions_of(const Plan* node);

/// The init plans of a statement, by the number of each parameter that they set; null for others.
using InitPlans = std::vector<const SubPlan*>;
/// Errors: PgError.
[[nodiscard]] InitPlans init_plans_of(const PlannedStmt* planned);

/// The subqueries that expressions read: those in them, and the init plans of their parameters.
/// Errors: PgError.
[[nodiscard]] std::vector<const SubPlan*> subqueries_read(List* expressions,
                                                          const InitPlans& init_plans);

}  // namespace sluice::pg
