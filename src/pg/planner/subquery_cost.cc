#include "pg/planner/subquery_cost.h"

#include <algorithm>

#include "pg/border/call.h"
#include "pg/planner/cost.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_expressions.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

double sum_of_init_plans(const Plan* node) noexcept {
  double sum = 0;
  for (int i = 0; i < list_length(node->initPlan); ++i) {
    sum += charge_of(*static_cast<const SubPlan*>(list_nth(node->initPlan, i)), 1);
  }
  return sum;
}

double sum_of_subqueries(List* expressions, double calls) {
  double sum = 0;
  for (const SubPlan* subplan : subqueries_read(expressions, {})) {
    sum += charge_of(*subplan, calls);
  }
  return sum;
}

/// Runs in: call().
double uncharged_below(const Plan* node) {
  check_stack_depth();
  double sum = sum_of_init_plans(node) - init_plans_charge(node);
  for_each_child(node, [&sum](const Plan* child) { sum += uncharged_below(child); });
  return sum;
}

/// How much of each subquery's plan is in the statement's cost: 1 is all of it, once.
class Shares {
 public:
  explicit Shares(const std::vector<SubplanSaving>& savings)
      : savings_(savings), shares_(savings.size(), 0.0) {}

  /// Of what hangs in `node`, which itself is in the cost with `share`.
  void add(const Plan* node, double share);
  [[nodiscard]] double of(int plan_id) const {
    return shares_[static_cast<std::size_t>(plan_id - 1)];
  }

 private:
  void add(const SubPlan& subplan, double share);

  const std::vector<SubplanSaving>& savings_;
  std::vector<double> shares_;
};

void Shares::add(const SubPlan& subplan, double share) {
  const auto number = static_cast<std::size_t>(subplan.plan_id - 1);
  // One that is not kept in a table PostgreSQL charges for every row; it is run again for few.
  const double before = savings_[number].before;
  const double part = before > 0 ? std::min(charge_of(subplan, 1) / before, 1.0) : 0;
  // Copies of its expression are one: the keys of a HashJoin are also those of its Hash.
  shares_[number] = std::max(shares_[number], share * part);
}

void Shares::add(const Plan* node, double share) {
  call([] { check_stack_depth(); });
  for (int i = 0; i < list_length(node->initPlan); ++i) {
    add(*static_cast<const SubPlan*>(list_nth(node->initPlan, i)), share);
  }
  for (const SubPlan* subplan : subqueries_read(expressions_of(node), {})) {
    add(*subplan, share);
  }
  const Plan* const fallback = as_planned(node);
  for_each_child(node, [&](const Plan* child) {
    if (child != fallback) {
      add(child, share);
    }
  });
}

}  // namespace

Plan* plan_at(const PlannedStmt* planned, int plan_id) noexcept {
  return static_cast<Plan*>(list_nth(planned->subplans, plan_id - 1));
}

double charge_of(const SubPlan& subplan, double calls) noexcept {
  return without_penalty(subplan.startup_cost) + without_penalty(subplan.per_call_cost) * calls;
}

double init_plans_charge(const Plan* node) noexcept {
  constexpr double kRounding = 1e-6;
  const double sum = sum_of_init_plans(node);
  return without_penalty(node->startup_cost) >= sum * (1 - kRounding) ? sum : 0;
}

double subqueries_charge(const Plan* node) {
  const double tested = IsA(node, Agg)
                            ? static_cast<double>(reinterpret_cast<const Agg*>(node)->numGroups)
                            : node->plan_rows;
  return sum_of_subqueries(node->targetlist, node->plan_rows) +
         sum_of_subqueries(node->qual, std::max(tested, node->plan_rows));
}

double uncharged_init_plans(const PlannedStmt* planned) {
  return call([planned] {
    double sum = uncharged_below(planned->planTree);
    ListCell* cell;
    foreach (cell, planned->subplans) {
      const auto* plan = static_cast<const Plan*>(lfirst(cell));
      if (plan != nullptr && bms_is_empty(plan->extParam)) {
        sum += uncharged_below(plan);
      }
    }
    return sum;
  });
}

double saved_by_subplans(const PlannedStmt* planned, const std::vector<SubplanSaving>& savings) {
  Shares shares(savings);
  shares.add(planned->planTree, 1);
  double saved = 0;
  // A subquery's plan comes behind those of the subqueries in it.
  for (int plan_id = list_length(planned->subplans); plan_id > 0; --plan_id) {
    const Plan* plan = plan_at(planned, plan_id);
    const double share = shares.of(plan_id);
    if (plan != nullptr && share > 0) {
      shares.add(plan, share);
      saved += share * savings[static_cast<std::size_t>(plan_id - 1)].saved;
    }
  }
  return saved;
}

}  // namespace sluice::pg
