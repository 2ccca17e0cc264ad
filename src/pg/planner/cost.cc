#include "pg/planner/cost.h"

#include <algorithm>
#include <cmath>

#include "pg/border/call.h"
#include "pg/planner/distinct_estimate.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_expressions.h"
#include "pg/planner/subquery_cost.h"
#include "pg/planner/user_code.h"
#include "plan/runtime_filter.h"

SLUICE_PG_HEADERS_BEGIN
#include <optimizer/cost.h>
#include <optimizer/optimizer.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

constexpr double kScanFactor = 0.3;  // pages must be read all the same
constexpr double kJoinFactor = 0.4;  // cache misses are the same
constexpr double kAggregateFactor = 0.25;
constexpr double kSortFactor = 0.4;
constexpr double kWorkerShare = 0.85;  // what a further seat adds to the first one's speed
constexpr double kLeaderAloneStartup = 20;
constexpr double kLaunchFactor = 1.5;        // of parallel_setup_cost
constexpr double kExchangedRowFactor = 0.2;  // of cpu_tuple_cost, per row through a stream
constexpr double kReturnedRowFactor = 0.5;   // of cpu_tuple_cost, per row into a slot
constexpr double kInputRowFactor = 0.9;      // of cpu_tuple_cost, per row out of a slot
constexpr double kInputValueFactor = 0.15;   // and per value of it

/// Users' functions take as long here as there.
double factor_of(const Plan* node) {
  auto* expressions = reinterpret_cast<Node*>(expressions_of(node));
  if (call([expressions] { return calls_users_functions(expressions); })) {
    return 1;
  }
  switch (nodeTag(node)) {
    case T_SeqScan:
      return kScanFactor;
    case T_HashJoin:
    case T_Hash:
      return kJoinFactor;
    case T_Agg:
      return kAggregateFactor;
    case T_Sort:
      return kSortFactor;
    default:
      return 1;
  }
}

/// What PostgreSQL's cost of a subtree comes to. Shape: the seats share `engine`; `outside` stays
/// PostgreSQL's: init plans, and subqueries that rows of the root ask for.
struct Work {
  double engine = 0;
  double outside = 0;
};

class WorkEstimate {
 public:
  WorkEstimate(const PlannedStmt* planned, std::span<Plan* const> plan_inputs)
      : planned_(planned), plan_inputs_(plan_inputs) {}

  /// Of `node` and what is below it, without the plan inputs.
  void add(const Plan* node);
  [[nodiscard]] const Work& work() const noexcept { return work_; }

 private:
  const PlannedStmt* const planned_;
  const std::span<Plan* const> plan_inputs_;
  Work work_;
};

/// What PostgreSQL charges for the rows of its inner side in the hash table, where the engine has
/// those of the other, smaller one there.
/// Source: src/backend/optimizer/path/costsize.c, initial_cost_hashjoin()
double spared_by_smaller_table(const Plan* node) noexcept {
  if (!IsA(node, HashJoin)) {
    return 0;
  }
  const JoinType type = reinterpret_cast<const HashJoin*>(node)->join.jointype;
  if (type != JOIN_INNER && type != JOIN_SEMI && type != JOIN_ANTI) {
    return 0;
  }
  const double rows = innerPlan(node)->plan_rows - outerPlan(node)->plan_rows;
  return std::max(rows, 0.0) * cpu_tuple_cost;
}

void WorkEstimate::add(const Plan* node) {
  if (std::ranges::find(plan_inputs_, node) != plan_inputs_.end()) {
    return;
  }
  double own = without_penalty(node->total_cost) - spared_by_smaller_table(node);
  for_each_child(node, [&](const Plan* child) {
    own -= without_penalty(child->total_cost);
    add(child);
  });
  double outside = init_plans_charge(node);
  double joined = 0;
  if (IsA(node, SeqScan)) {  // the conditions with subqueries are joins with these
    for (const SubPlan* subplan : subqueries_read(node->qual, {})) {
      joined += charge_of(*subplan, subplan->useHashTable ? 0 : 1);
      add(plan_at(planned_, subplan->plan_id));
    }
  } else {
    outside += subqueries_charge(node);
  }
  work_.outside += outside;
  work_.engine += factor_of(node) * std::max(own - outside - joined, 0.0);
}

/// What the leader alone does: PostgreSQL's work, and a row's way into columns.
double input_cost(const plan::PlanNode& node, std::span<Plan* const> plan_inputs) noexcept {
  double cost = 0;
  if (const auto* input = node.as<plan::PlanInputSpec>()) {
    const double factor =
        kInputRowFactor + kInputValueFactor * static_cast<double>(input->columns.size());
    cost = without_penalty(plan_inputs[input->number]->total_cost) +
           node.rows_estimated * cpu_tuple_cost * factor;
  }
  for (const plan::PlanNode& below : node.inputs) {
    cost += input_cost(below, plan_inputs);
  }
  return cost;
}

using SharedFilters = std::vector<plan::SharedFilterSpec>;

/// Of the rows of a scan, those whose keys another fragment's build side is expected to have.
double part_kept(const plan::PlanNode& scan, const SharedFilters& filters) {
  double part = 1;
  for (const plan::SharedFilterSpec& set : filters) {
    for (const plan::RuntimeFilterSpec& filter : set.scans) {
      if (filter.scan != &scan) {
        continue;
      }
      const auto& spec = *scan.as<plan::ScanSpec>();
      const double values = distinct_values(spec.relation, spec.columns[filter.column].attribute);
      if (values > 0) {
        part = std::min(part, set.join->inputs[1].rows_estimated / values);
      }
    }
  }
  return part;
}

/// The scan whose rows `node` hands on, or joins and hands on; null where there is none.
const plan::PlanNode* scan_below(const plan::PlanNode& node) noexcept {
  const bool hands_on = node.as<plan::FilterSpec>() != nullptr ||
                        node.as<plan::ProjectSpec>() != nullptr ||
                        node.as<plan::HashJoinSpec>() != nullptr;
  return node.as<plan::ScanSpec>() != nullptr ? &node
         : hands_on                           ? scan_below(node.inputs[0])
                                              : nullptr;
}

/// A broadcast's estimate counts every copy already. The estimates know nothing of runtime filters.
double exchanged_rows(const plan::PlanNode& node, const SharedFilters& filters) {
  double rows = 0;
  if (node.as<plan::ExchangeSpec>() != nullptr) {
    const plan::PlanNode* scan = scan_below(node.inputs[0]);
    rows = node.rows_estimated * (scan != nullptr ? part_kept(*scan, filters) : 1);
  }
  for (const plan::PlanNode& input : node.inputs) {
    rows += exchanged_rows(input, filters);
  }
  return rows;
}

}  // namespace

double without_penalty(double cost) noexcept {
  return cost < disable_cost ? cost : std::fmod(cost, disable_cost);
}

Costs planned_costs(const Plan* node) noexcept {
  return {without_penalty(node->startup_cost), without_penalty(node->total_cost)};
}

Costs estimate_costs(const Plan* replaced, const plan::PlanSpec& spec, const RunTraits& traits) {
  const int more_seats = traits.leader_computes ? traits.workers : traits.workers - 1;
  const double seats = 1 + kWorkerShare * std::max(more_seats, 0);
  const double startup = traits.workers > 0 ? parallel_setup_cost : kLeaderAloneStartup;
  // PostgreSQL unpacks only what an expression or the client comes to look at.
  const double unpacking = static_cast<double>(traits.toast_pages) * random_page_cost;
  WorkEstimate estimate(traits.planned, traits.plan_inputs);
  estimate.add(replaced);
  // It takes them for the engine's own.
  const double foreign = (1 - kAggregateFactor) * traits.foreign_cost;
  const double work = (estimate.work().engine + unpacking + foreign) / seats +
                      (1 - kAggregateFactor / seats) * traits.leader_cost +
                      exchanged_rows(spec.root, plan::shared_filters(spec.root)) * cpu_tuple_cost *
                          kExchangedRowFactor +
                      input_cost(spec.root, traits.plan_inputs);
  const double output = spec.root.rows_estimated * cpu_tuple_cost * kReturnedRowFactor;
  const double before = startup + estimate.work().outside;
  return {traits.root_streams ? before + work / 2 : before + work, before + work + output};
}

double least_saving_by_workers() noexcept { return kLaunchFactor * parallel_setup_cost; }

Costs with_child(const Plan* node, const Costs& before, const Costs& now,
                 double child_rows) noexcept {
  const Costs own = planned_costs(node);
  const double init_plans = init_plans_charge(node);
  if (IsA(node, Limit) && child_rows > 0) {
    const double part = std::min(node->plan_rows / child_rows, 1.0);
    const double startup = init_plans + now.startup;
    return {startup, startup + part * (now.total - now.startup)};
  }
  const bool blocks = own.startup - init_plans >= before.total;
  const double startup =
      own.startup + (blocks ? now.total - before.total : now.startup - before.startup);
  const double total = own.total + now.total - before.total;
  return {std::max(startup, 0.0), std::max(total, 0.0)};
}

}  // namespace sluice::pg
