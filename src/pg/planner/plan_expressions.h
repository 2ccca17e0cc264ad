// The expressions of a finished plan's nodes, and the nodes that they lead to.
#pragma once

#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// `node`, or the fallback where it is a Custom Scan of ours: the same as PostgreSQL planned it.
[[nodiscard]] const Plan* as_planned(const Plan* node);

/// The plan of a subquery, as planned.
[[nodiscard]] const Plan* plan_of(const Statement& statement, const SubPlan& subquery);

/// What `node` itself evaluates: a fresh List of expressions, Lists of them, and NULLs. Shape: what
/// its children evaluate is left out.
/// Errors: PgError.
[[nodiscard]] List* expressions_of(const Plan* node);

/// Shape: all as planned.
struct NodesBehind {
  std::vector<const Plan*> nodes;
  std::vector<const SubPlan*> subqueries;  // of expressions, and init plans
};

/// `node` and all that PostgreSQL may execute for it: what is below, the CTEs and subqueries that
/// these read, and what is below of them.
/// Errors: PgError.
[[nodiscard]] NodesBehind nodes_behind(const Statement& statement, const Plan* node);

}  // namespace sluice::pg
