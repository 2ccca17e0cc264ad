// What of a finished plan can raise an error, or have an effect, that depends on whether it is
// executed at all.
#pragma once

#include <optional>
#include <unordered_map>

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"
#include "pg/planner/plan_expressions.h"

namespace sluice::pg {

/// Of a node and all that PostgreSQL may execute for it: what is below, the CTEs and subqueries
/// that these read, and what is below of them.
struct PlanVerdict {
  /// Executing it twice may differ from executing it once: it calls a volatile function, also one
  /// that the planner took from the body of another, or what may call one unseen.
  bool is_volatile = false;
  /// Executing it to its end may raise an error that depends on its rows. What is not known may.
  bool may_raise = false;
  /// It calls functions that are not PostgreSQL's own: somebody may notice that they are called.
  bool calls_users = false;
};

/// Those given so far for a statement.
struct PlanVerdicts {
  std::unordered_map<const Plan*, PlanVerdict> given;
  std::optional<InitPlans> init_plans;  // once they are needed
};

/// Whether `node`, with all that PostgreSQL may execute for it, is volatile, and whether it may
/// raise. Looked into once: the statement keeps its verdicts.
/// Errors: PgError.
[[nodiscard]] PlanVerdict verdict_on(const Statement& statement, const Plan* node);

/// Whether a subquery that `expr` reads, also as a parameter, is volatile.
/// Errors: PgError.
[[nodiscard]] bool reads_volatile_subquery(const Statement& statement, Node* expr);

/// Whether somebody may notice that `expr` of the targetlist of `node` is not evaluated: it is
/// volatile, may raise, or reads a subquery.
/// Errors: PgError.
[[nodiscard]] bool shows_when_evaluated(const Statement& statement, const Plan* node, Node* expr);

}  // namespace sluice::pg
