#include "pg/planner/subtree.h"

#include <algorithm>

#include "base/error.h"
#include "pg/border/call.h"
#include "pg/planner/leaves.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_errors.h"
#include "pg/planner/plan_expressions.h"
#include "pg/planner/subquery_cost.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// A fresh Sort that restores the order in which a sorted aggregate hands out its groups. The group
/// keys that the targetlist does not have cannot be relied on above, nor those after them.
Plan* sorted_as(Plan* scan, const Agg& agg) {
  return call([scan, &agg]() -> Plan* {
    const auto* below = reinterpret_cast<const Sort*>(agg.plan.lefttree);
    const int keys_max = std::min(agg.numCols, below->numCols);
    auto* sort = makeNode(Sort);
    sort->sortColIdx = static_cast<AttrNumber*>(palloc0(sizeof(AttrNumber) * (keys_max + 1)));
    for (; sort->numCols < keys_max; ++sort->numCols) {
      AttrNumber found = 0;
      ListCell* cell;
      foreach (cell, agg.plan.targetlist) {
        const auto* entry = static_cast<const TargetEntry*>(lfirst(cell));
        if (IsA(entry->expr, Var) && reinterpret_cast<const Var*>(entry->expr)->varattno ==
                                         below->sortColIdx[sort->numCols]) {
          found = entry->resno;
        }
      }
      if (found == 0) {
        break;
      }
      sort->sortColIdx[sort->numCols] = found;
    }
    if (sort->numCols == 0) {
      return scan;
    }
    sort->sortOperators = below->sortOperators;
    sort->collations = below->collations;
    sort->nullsFirst = below->nullsFirst;
    Plan& base = sort->plan;
    base.startup_cost = scan->total_cost;
    base.total_cost = scan->total_cost;
    base.plan_rows = scan->plan_rows;
    base.plan_width = scan->plan_width;
    base.extParam = bms_copy(scan->extParam);
    base.allParam = bms_copy(scan->allParam);
    base.lefttree = scan;
    ListCell* cell;
    foreach (cell, scan->targetlist) {
      auto* entry = static_cast<TargetEntry*>(lfirst(cell));
      TargetEntry* copy = flatCopyTargetEntry(entry);
      Var* var = makeVarFromTargetEntry(OUTER_VAR, entry);
      var->varnosyn = 0;
      var->varattnosyn = 0;
      copy->expr = reinterpret_cast<Expr*>(var);
      base.targetlist = lappend(base.targetlist, copy);
    }
    return &sort->plan;
  });
}

Costs operator+(const Costs& a, const Costs& b) {
  return {a.startup + b.startup, a.total + b.total};
}

/// What the nodes above a subtree make of its rows.
struct Consumer {
  bool rescans = false;     // an outer row each has them come again
  bool wants_order = true;  // may take them for sorted
  bool wants_ties = true;   // shows in which order equal ones come, but for the client
  bool may_stop = true;     // may not ask for all of them
};

constexpr Consumer kAnyConsumer{};

/// The parameters with one value for the whole statement: of init plans without an outer row.
Bitmapset* settled_params(const PlannedStmt* planned) {
  const InitPlans init_plans = init_plans_of(planned);
  Bitmapset* settled = nullptr;
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < init_plans.size(); ++i) {
      const auto param = static_cast<int>(i);
      const Plan* plan =
          init_plans[i] == nullptr ? nullptr : plan_at(planned, init_plans[i]->plan_id);
      if (plan != nullptr && !bms_is_member(param, settled) &&
          bms_is_subset(plan->extParam, settled)) {
        settled = call([=] { return bms_add_member(settled, param); });
        more = true;
      }
    }
  }
  return settled;
}

/// Groups that come in the order of their keys.
bool is_sorted_aggregate(const Plan* node) {
  if (!IsA(node, Agg)) {
    return false;
  }
  const auto* agg = reinterpret_cast<const Agg*>(node);
  return agg->aggstrategy == AGG_SORTED && agg->numCols > 0;
}

/// Whether the node's own expressions tell in which order they were evaluated.
bool is_volatile(const Plan* node) {
  return call([node] {
    return contain_volatile_functions(reinterpret_cast<Node*>(node->targetlist)) ||
           contain_volatile_functions(reinterpret_cast<Node*>(node->qual));
  });
}

/// What `node` and those above it make of the rows of a child.
Consumer consumer_of_child(const Plan* node, const Consumer& above, bool rescans) {
  switch (nodeTag(node)) {
    case T_Sort:  // equal rows come as they lay in its input, or nearly
      return {rescans, above.wants_ties, true, false};
    case T_SubqueryScan:
      return {rescans, above.wants_order || is_volatile(node), above.wants_ties, above.may_stop};
    case T_Limit:
      return {rescans, true, above.wants_ties, true};
    case T_Agg:
      return {rescans, true, true, is_sorted_aggregate(node) && above.may_stop};
    case T_Hash:
      return {rescans, true, true, false};
    case T_WindowAgg: {
      const bool stops = reinterpret_cast<const WindowAgg*>(node)->runCondition != NIL;
      return {rescans, true, true, above.may_stop || stops};
    }
    case T_Append:  // those that read their children to the end, if nobody stops them
    case T_MergeAppend:
    case T_IncrementalSort:
    case T_Result:
    case T_SetOp:
    case T_Unique:
      return {rescans, true, true, above.may_stop};
    case T_ModifyTable:
      return {rescans, true, true, false};
    default:
      return {rescans, true, true, true};
  }
}

class Replacer {
 public:
  Replacer(const Statement& statement, const RunLimits& limits)
      : statement_(statement),
        limits_(limits),
        settled_params_(settled_params(statement.planned)) {}

  /// Rewrites the tree at `slot`; returns what it costs now.
  Costs replace(Plan*& slot, const Consumer& above);
  [[nodiscard]] ReplacedPlan& result() noexcept { return result_; }
  void note(Decline decline);

 private:
  bool try_place(Plan*& slot, std::optional<std::uint64_t> top_k, const Consumer& above,
                 bool quietly);
  bool try_limit(Plan* node);
  void replace_inputs(CustomScan* scan);
  Costs replace_children(Plan* node, const Consumer& above);
  Costs replace_list(List* plans, const Consumer& above, Costs& before);

  const Statement& statement_;
  const RunLimits& limits_;
  const Bitmapset* const settled_params_;
  ReplacedPlan result_;
};

void Replacer::note(Decline decline) {
  auto& all = result_.declines;
  if (std::find(all.begin(), all.end(), decline) == all.end()) {
    all.push_back(std::move(decline));
  }
}

bool Replacer::try_place(Plan*& slot, std::optional<std::uint64_t> top_k, const Consumer& above,
                         bool quietly) {
  Plan* replaced = slot;
  const bool restores_order = above.wants_order && is_sorted_aggregate(replaced);
  std::optional<Decline> declined;
  try {
    // The Custom Scan evaluates them before its groups are sorted.
    if (is_sorted_aggregate(replaced) && is_volatile(replaced)) {
      decline(Reason::kAggregate, "volatile expressions of groups in order");
    }
    if (restores_order && !IsA(replaced->lefttree, Sort)) {
      decline(Reason::kAggregate, "groups in the order of their input");
    }
    RunLimits limits = limits_;
    limits.may_stop = above.may_stop;
    const PlacedScan placed = place_custom_scan(statement_, replaced, top_k, limits);
    slot = &placed.scan->scan.plan;
    for (const Decline& decline : placed.inside) {
      note(decline);
    }
    replace_inputs(placed.scan);
    if (restores_order) {
      slot = sorted_as(slot, *reinterpret_cast<Agg*>(replaced));
    }
    ++result_.scans_placed;
    result_.needs_workers = result_.needs_workers || placed.workers > 0;
    return true;
  } catch (const Declined& reason) {
    declined = reason.decline();
  } catch (const base::Error& error) {
    declined = Decline{Reason::kSpec, error.message()};
  }
  if (!quietly) {
    note(std::move(*declined));
  }
  return false;
}

/// What PostgreSQL executes inside the run may have parts for runs of their own.
void Replacer::replace_inputs(CustomScan* scan) {
  for (int i = 1; i < list_length(scan->custom_plans); ++i) {
    auto*& input = reinterpret_cast<Plan*&>(scan->custom_plans->elements[i].ptr_value);
    const double before = planned_costs(input).total;
    const double saved = before - replace(input, kAnyConsumer).total;
    scan->scan.plan.startup_cost = std::max(scan->scan.plan.startup_cost - saved, 0.0);
    scan->scan.plan.total_cost = std::max(scan->scan.plan.total_cost - saved, 0.0);
  }
}

/// A Sort below a Limit becomes a top-K; if it cannot, what is below it is tried.
bool Replacer::try_limit(Plan* node) {
  const auto count = top_k_limit(*reinterpret_cast<Limit*>(node));
  if (!count.has_value()) {
    return false;
  }
  const Plan* below = node->lefttree->lefttree;
  const bool shape = IsA(below, HashJoin) || IsA(below, Agg);
  return shape && try_place(node->lefttree, count, kAnyConsumer, true);
}

Costs Replacer::replace(Plan*& slot, const Consumer& above) {
  Plan* node = slot;
  if (node == nullptr) {
    return {};
  }
  const bool candidate = IsA(node, HashJoin) || IsA(node, Agg);
  if (candidate && above.rescans) {
    note({Reason::kPlanNode, "runs again for every outer row of a Nested Loop"});
  } else if (candidate && !node->parallel_aware && try_place(slot, std::nullopt, above, false)) {
    return planned_costs(slot);
  }
  if (IsA(node, NestLoop) || IsA(node, MergeJoin)) {
    note({Reason::kPlanNode, plan_node_name(node)});
  }
  if (IsA(node, Limit) && !above.rescans) {
    const Costs before = planned_costs(node->lefttree);
    const double rows = node->lefttree->plan_rows;
    if (try_limit(node)) {
      const Costs now = with_child(node, before, planned_costs(node->lefttree), rows);
      node->startup_cost = now.startup;
      node->total_cost = now.total;
      return now;
    }
  }
  return replace_children(node, above);
}

Costs Replacer::replace_list(List* plans, const Consumer& above, Costs& before) {
  Costs now;
  for (int i = 0; i < list_length(plans); ++i) {
    auto*& child = reinterpret_cast<Plan*&>(plans->elements[i].ptr_value);
    before = before + planned_costs(child);
    now = now + replace(child, above);
  }
  return now;
}

Costs Replacer::replace_children(Plan* node, const Consumer& above) {
  Costs before;
  Costs now;
  const double rows = node->lefttree != nullptr ? node->lefttree->plan_rows : 0;
  const auto descend = [&](Plan*& child, bool rescans) {
    if (child != nullptr) {
      before = before + planned_costs(child);
      now = now + replace(child, consumer_of_child(node, above, rescans));
    }
  };
  switch (nodeTag(node)) {
    case T_Gather:
    case T_GatherMerge:
    case T_RecursiveUnion:
    case T_Memoize:
      return planned_costs(node);
    case T_NestLoop:
      descend(node->lefttree, above.rescans);
      descend(node->righttree, true);
      break;
    case T_Material: {  // reads its input once, whoever rescans it, but for other parameters
      const bool reads_once = bms_is_subset(node->extParam, settled_params_);
      descend(node->lefttree, above.rescans && !reads_once);
      break;
    }
    case T_SubqueryScan:
      descend(reinterpret_cast<SubqueryScan*>(node)->subplan, above.rescans);
      break;
    case T_Append:
      now = replace_list(reinterpret_cast<Append*>(node)->appendplans,
                         consumer_of_child(node, above, above.rescans), before);
      break;
    case T_MergeAppend:
      now = replace_list(reinterpret_cast<MergeAppend*>(node)->mergeplans,
                         consumer_of_child(node, above, above.rescans), before);
      break;
    default:
      descend(node->lefttree, above.rescans);
      descend(node->righttree, above.rescans);
      break;
  }
  const Costs costs = with_child(node, before, now, rows);
  node->startup_cost = costs.startup;
  node->total_cost = costs.total;
  return costs;
}

/// Ids of plan nodes are unique in a statement. Runs in: call().
void renumber(Plan* node, int* next) {
  node->plan_node_id = (*next)++;
  for_each_child(node, [next](Plan* child) { renumber(child, next); });
}

}  // namespace

ReplacedPlan replace_subtrees(PlannedStmt* planned, const PlannedStmt* first,
                              const RunLimits& limits) {
  PlanVerdicts verdicts;
  Statement statement{planned, nullptr, first, &verdicts};
  statement.init_plan_params =
      add_init_plan_params(nullptr, reinterpret_cast<Node*>(planned->planTree));
  for (int i = 0; i < list_length(planned->subplans); ++i) {
    statement.init_plan_params = add_init_plan_params(
        statement.init_plan_params, static_cast<Node*>(list_nth(planned->subplans, i)));
  }
  Replacer replacer(statement, limits);
  const Consumer client{
      .rescans = false, .wants_order = true, .wants_ties = false, .may_stop = limits.may_stop};
  const double uncharged = uncharged_init_plans(planned);
  Costs costs = replacer.replace(planned->planTree, client);
  std::vector<SubplanSaving> savings(static_cast<std::size_t>(list_length(planned->subplans)));
  // From the outside in, as they are numbered backward: what a NOT IN joins must be as planned.
  for (int i = list_length(planned->subplans) - 1; i >= 0; --i) {
    auto*& subplan = reinterpret_cast<Plan*&>(planned->subplans->elements[i].ptr_value);
    if (subplan == nullptr) {
      continue;
    }
    SubplanSaving& saving = savings[static_cast<std::size_t>(i)];
    saving.before = planned_costs(subplan).total;
    if (!bms_is_empty(subplan->extParam)) {
      replacer.note({Reason::kParameter, "subquery that depends on an outer row"});
      continue;
    }
    saving.saved = saving.before - replacer.replace(subplan, kAnyConsumer).total;
  }
  // They are charged before the first row.
  const double saved = saved_by_subplans(planned, savings) - uncharged;
  costs.total = std::max(costs.total - saved, 0.0);
  costs.startup = std::clamp(costs.startup - saved, 0.0, costs.total);
  planned->planTree->startup_cost = costs.startup;
  planned->planTree->total_cost = costs.total;
  call([planned] {
    int next = 0;
    renumber(planned->planTree, &next);
    ListCell* cell;
    foreach (cell, planned->subplans) {
      if (lfirst(cell) != nullptr) {
        renumber(static_cast<Plan*>(lfirst(cell)), &next);
      }
    }
  });
  replacer.result().costs = costs;
  return std::move(replacer.result());
}

}  // namespace sluice::pg
