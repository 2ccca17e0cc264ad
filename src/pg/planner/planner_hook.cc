#include "pg/planner/planner_hook.h"

#include <algorithm>
#include <cmath>

#include "pg/border/call.h"
#include "pg/border/guard.h"
#include "pg/border/pg_include.h"
#include "pg/planner/cursor.h"
#include "pg/planner/eligibility.h"
#include "pg/planner/explain_reason.h"
#include "pg/planner/leaves.h"
#include "pg/planner/lookup_cost.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_expressions.h"
#include "pg/planner/pull_up_aggregates.h"
#include "pg/planner/reasons.h"
#include "pg/planner/second_planning.h"
#include "pg/planner/subquery_cost.h"
#include "pg/planner/subtree.h"
#include "pg/planner/user_code.h"
#include "pg/planner/why_not.h"
#include "pg/port/settings.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
#include <miscadmin.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/cost.h>
#include <optimizer/planmain.h>
#include <optimizer/planner.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

planner_hook_type previous_planner = nullptr;

Mode planning_mode() noexcept { return asking_why_not() ? Mode::kForce : current_mode(); }

PlannedStmt* keep(PlannedStmt* planned, PlanningReport report, std::vector<Decline> declines) {
  report.declines = std::move(declines);
  remember(std::move(report));
  return planned;
}

/// Whether a subquery takes values from the query around it, and so runs again for each of its
/// rows.
bool has_correlated_subplan(const PlannedStmt* planned) noexcept {
  for (int i = 0; i < list_length(planned->subplans); ++i) {
    const auto* subplan = static_cast<const Plan*>(list_nth(planned->subplans, i));
    if (subplan != nullptr && !bms_is_empty(subplan->extParam)) {
      return true;
    }
  }
  return false;
}

/// Whether `test` passes for a node of the tree.
template <typename Test>
bool has_node(const Plan* node, const Test& test) {
  if (node == nullptr) {
    return false;
  }
  call([] { check_stack_depth(); });
  bool found = test(node);
  for_each_child(node, [&](const Plan* child) { found = found || has_node(child, test); });
  return found;
}

template <typename Test>
bool has_node(const PlannedStmt* planned, const Test& test) {
  bool found = has_node(planned->planTree, test);
  for (int i = 0; i < list_length(planned->subplans); ++i) {
    found = found || has_node(static_cast<const Plan*>(list_nth(planned->subplans, i)), test);
  }
  return found;
}

/// Whether `test` passes for what a node of the plan evaluates.
bool evaluates(const PlannedStmt* planned, bool (*test)(Node* expressions)) {
  return has_node(planned, [test](const Plan* node) {
    auto* expressions = reinterpret_cast<Node*>(expressions_of(node));
    return call([=] { return test(expressions); });
  });
}

/// A recursive query: nobody knows how often its inner part runs, PostgreSQL says ten times.
bool recurses(const PlannedStmt* planned) {
  return has_node(planned, [](const Plan* node) { return IsA(node, RecursiveUnion); });
}

/// In hash shape: a lateral subquery, which runs once a row. Without its index or its nested loop
/// it would scan tables each time.
bool runs_once_a_row(const PlannedStmt* planned) {
  return has_node(planned, [](const Plan* node) {
    return IsA(node, NestLoop) && reinterpret_cast<const NestLoop*>(node)->nestParams != NIL;
  });
}

/// Of the subqueries that run once.
double subqueries_cost(const PlannedStmt* planned) noexcept {
  double cost = 0;
  for (int i = 0; i < list_length(planned->subplans); ++i) {
    const auto* subplan = static_cast<const Plan*>(list_nth(planned->subplans, i));
    if (subplan != nullptr && bms_is_empty(subplan->extParam)) {
      cost += planned_costs(subplan).total;
    }
  }
  return cost;
}

/// What PostgreSQL executes without workers may not bear parallel mode, whatever its label says.
WorkerLimits workers_beside(const PlannedStmt* first, Query* query, int cursor_options) {
  const WorkerLimits limits = workers_allowed(query, cursor_options);
  const bool doubts = limits.streaming_leader > 0 && !first->parallelModeNeeded;
  return doubts && evaluates(first, calls_other_languages) ? WorkerLimits{} : limits;
}

Query* copy_of(const Query* query) {
  return call([query] { return static_cast<Query*>(copyObjectImpl(query)); });
}

/// A second plan with our nodes in it.
struct Candidate {
  PlannedStmt* planned;
  ReplacedPlan replaced;
  double cost;  // of the part of the rows that is fetched
};

/// What a candidate has to beat.
struct Bounds {
  RunLimits limits;
  double fetched;  // part of the rows
  double cost;     // infinite in force mode
};

/// The part of its rows that the planner expects a cursor to be asked for.
/// Source: PostgreSQL, standard_planner()
double fetched_part(int cursor_options) noexcept {
  const bool is_cursor = (cursor_options & CURSOR_OPT_FAST_PLAN) != 0;
  return is_cursor ? std::clamp(cursor_tuple_fraction, 0.0, 1.0) : 1;
}

/// Until that part has come. Shape: `beyond` is what the plan does beyond its `costs`, nobody knows
/// when.
double cost_of_part(const Costs& costs, double beyond, double part) noexcept {
  const double cost = costs.startup + part * (costs.total - costs.startup);
  return costs.total > 0 ? cost + beyond * cost / costs.total : beyond;
}

bool is_taken(const Candidate& candidate, const Bounds& bounds) {
  return candidate.replaced.scans_placed > 0 && candidate.cost < bounds.cost;
}

Candidate plan_candidate(const PlanningCall& planning, const PlannedStmt* first, bool keep_lookups,
                         const Bounds& bounds) {
  PlannedStmt* planned = plan_in_hash_shape(planning, keep_lookups);
  ReplacedPlan replaced = replace_subtrees(planned, first, bounds.limits);
  const double cost = cost_of_part(replaced.costs, underpriced_lookups(planned), bounds.fetched);
  return {planned, std::move(replaced), cost};
}

/// Whether what runs once a row, or a subquery, may be cheaper with lookups.
bool may_want_lookups(const Candidate& candidate, const PlannedStmt* first) {
  return runs_once_a_row(candidate.planned) ||
         subqueries_cost(candidate.planned) > subqueries_cost(first);
}

/// Of a statement without correlated subqueries. Shape: `again` is `planning` with a query of its
/// own.
Candidate cheaper_candidate(const PlanningCall& planning, const PlanningCall& again,
                            const PlannedStmt* first, const Bounds& bounds) {
  Candidate hashed = plan_candidate(planning, first, false, bounds);
  if (bounds.limits.exact || hashed.replaced.scans_placed == 0 ||
      !may_want_lookups(hashed, first)) {
    return hashed;
  }
  Candidate with_lookups = plan_candidate(again, first, true, bounds);
  const bool cheaper = with_lookups.replaced.scans_placed > 0 && with_lookups.cost < hashed.cost;
  return cheaper ? std::move(with_lookups) : std::move(hashed);
}

/// Of the copy in `planning`: with correlated aggregates as joins, or as they are. A correlated
/// subquery that stays one, and a recursive query, need the lookups that PostgreSQL would plan for
/// them.
Candidate best_candidate(const PlanningCall& planning, const PlannedStmt* first,
                         const Bounds& bounds) {
  const bool recursive = recurses(first);
  PlanningCall as_written = planning;
  as_written.query = copy_of(planning.query);
  if (!has_correlated_subplan(first)) {
    return recursive ? plan_candidate(planning, first, true, bounds)
                     : cheaper_candidate(planning, as_written, first, bounds);
  }
  Query* query = planning.query;
  if (call([query] { return pull_up_scalar_aggregates(query); }) > 0) {
    Candidate joined = plan_candidate(planning, first, recursive, bounds);
    if (is_taken(joined, bounds)) {
      return joined;
    }
  }
  return plan_candidate(as_written, first, true, bounds);
}

/// Whether settings of the session rule nodes out, so that penalties may be in PostgreSQL's costs.
bool rules_nodes_out() noexcept {
  return !(enable_seqscan && enable_indexscan && enable_indexonlyscan && enable_bitmapscan &&
           enable_tidscan && enable_sort && enable_incremental_sort && enable_hashagg &&
           enable_nestloop && enable_material && enable_memoize && enable_mergejoin &&
           enable_hashjoin && enable_gathermerge);
}

Costs own_costs(const Plan* node) noexcept {
  return rules_nodes_out() ? planned_costs(node) : Costs{node->startup_cost, node->total_cost};
}

Costs postgres_costs(const PlannedStmt* first) {
  const Costs costs = own_costs(first->planTree);
  const double uncharged = uncharged_init_plans(first);
  return {costs.startup + uncharged, costs.total + uncharged};
}

/// PostgreSQL's plan first; ours in its place where it is allowed, supported and cheaper.
PlannedStmt* plan_with_sluice(const PlanningCall& planning) {
  const bool force = planning_mode() == Mode::kForce;
  Query* copy = copy_of(planning.query);
  PlannedStmt* first = call([&] {
    return planning.planner(planning.query, planning.text, planning.cursor_options,
                            planning.params);
  });
  PlanningReport report;
  report.planned = first;
  report.planned_cost = own_costs(first->planTree).total;
  if (!force && report.planned_cost < settings.min_cost) {
    return keep(first, std::move(report), {{Reason::kCost, "below sluice.min_cost"}});
  }
  if (first->rowMarks != NIL) {
    return keep(first, std::move(report), {{Reason::kStatement, "locks rows"}});
  }
  // SQL functions have been replaced by their bodies.
  if (evaluates(first, [](Node* expressions) { return reads_storage(expressions); })) {
    return keep(first, std::move(report), {{Reason::kStatement, "asks how values are stored"}});
  }
  const double fetched = fetched_part(planning.cursor_options);
  report.postgres_cost = cost_of_part(postgres_costs(first), underpriced_lookups(first), fetched);
  const RunLimits limits{workers_beside(first, copy, planning.cursor_options), force,
                         settings.plan_inputs, reads_part(planning.cursor_options)};
  const Bounds bounds{limits, fetched, force ? HUGE_VAL : report.postgres_cost};
  PlanningCall again = planning;
  again.query = copy;
  Candidate second = best_candidate(again, first, bounds);
  ReplacedPlan& replaced = second.replaced;
  report.sluice_cost = second.cost;
  if (!is_taken(second, bounds)) {
    if (replaced.scans_placed > 0) {
      replaced.declines.push_back({Reason::kCost, cost_detail(second.cost, report.postgres_cost)});
    }
    return keep(first, std::move(report), std::move(replaced.declines));
  }
  if (const char* loss = loss_for_cursor(first, second.planned, planning.cursor_options)) {
    replaced.declines.push_back({Reason::kStatement, loss});
    return keep(first, std::move(report), std::move(replaced.declines));
  }
  second.planned->parallelModeNeeded |= replaced.needs_workers;
  report.planned = second.planned;
  report.taken = true;
  return keep(second.planned, std::move(report), std::move(replaced.declines));
}

extern "C" PlannedStmt* sluice_planner(Query* query, const char* text, int cursor_options,
                                       ParamListInfo params) {
  const PlanningCall planning{previous_planner != nullptr ? previous_planner : standard_planner,
                              query, text, cursor_options, params};
  if (in_second_planning()) {
    return plan_inside_second_planning(planning);
  }
  const bool off = planning_mode() == Mode::kOff || IsParallelWorker();
  const char* why = off ? nullptr : reason_against(query, cursor_options);
  if (off || why != nullptr) {
    PlannedStmt* planned = planning.planner(query, text, cursor_options, params);
    remember_unseen(planned, why);
    return planned;
  }
  return guard([&planning] { return plan_with_sluice(planning); });
}

}  // namespace

void install_planner_hooks() {
  previous_planner = planner_hook;
  planner_hook = sluice_planner;
  install_explain_hook();
}

}  // namespace sluice::pg
