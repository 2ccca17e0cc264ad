#include "pg/planner/lower_root.h"

#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/memory_estimate.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_errors.h"
#include "pg/planner/reasons.h"
#include "pg/planner/sluice_plan.h"
#include "pg/port/custom_scan_methods.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/filter_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/paths.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

#include <algorithm>

namespace sluice::pg {

namespace {

/// The node whose leaves the Custom Scan's targetlist reads, and the expressions that stay above
/// the engine.
struct Root {
  Fragment fragment;
  List* exprs = NIL;  // of `replaced`'s targetlist, over the fragment's leaves
  List* qual = NIL;   // left to PostgreSQL
};

/// The targetlist of `replaced` in terms of the leaves of `source`: a Sort's entries are Vars of
/// its child's.
List* root_exprs(const Plan* replaced, const Plan* source) {
  return call([replaced, source] {
    List* exprs = NIL;
    ListCell* cell;
    foreach (cell, replaced->targetlist) {
      Expr* expr = static_cast<TargetEntry*>(lfirst(cell))->expr;
      if (replaced != source && IsA(expr, Var)) {
        const AttrNumber attribute = reinterpret_cast<Var*>(expr)->varattno;
        expr = static_cast<TargetEntry*>(list_nth(source->targetlist, attribute - 1))->expr;
      }
      exprs = lappend(exprs, expr);
    }
    return exprs;
  });
}

/// PostgreSQL evaluates its targetlist below the Sort for all rows, and we above it for those that
/// are left.
/// Errors: Declined where that may show.
void check_evaluated_for_few(const Lowering& lowering, const Plan* source) {
  for (int i = 0; i < list_length(source->targetlist); ++i) {
    auto* entry = static_cast<TargetEntry*>(list_nth(source->targetlist, i));
    auto* expr = reinterpret_cast<Node*>(entry->expr);
    if (!IsA(expr, Var) && !IsA(expr, Aggref) &&
        shows_when_evaluated(lowering.statement, source, expr)) {
      decline(Reason::kOrder, "what may raise an error below a limit's order");
    }
  }
}

void add_top_k(Root& root, const Sort& sort, const Plan* source, std::uint64_t limit) {
  std::vector<ScopeColumn> columns;
  for (int i = 0; i < sort.numCols; ++i) {
    auto* entry = static_cast<TargetEntry*>(list_nth(source->targetlist, sort.sortColIdx[i] - 1));
    auto* expr = reinterpret_cast<Node*>(entry->expr);
    const ScopeColumn* column =
        IsA(expr, Var) || IsA(expr, Aggref) ? root.fragment.scope.find(expr) : nullptr;
    if (column == nullptr) {
      decline(Reason::kOrder, "order by what is computed above the engine");
    }
    columns.push_back(*column);
  }
  plan::TopKSpec spec{sort_keys_of(sort, columns), limit};
  const double rows = std::min(root.fragment.node.rows_estimated, static_cast<double>(limit));
  std::vector<plan::PlanNode> inputs;
  inputs.push_back(std::move(root.fragment.node));
  root.fragment.node = make_node(std::move(spec), std::move(inputs), rows);
}

/// HAVING runs in the engine where it can; avg and the like leave it to PostgreSQL.
void add_having(Lowering& lowering, Root& root, Plan* source, bool must) {
  if (!IsA(source, Agg) || source->qual == NIL) {
    return;
  }
  const LoweringMark before = mark_of(lowering);
  try {
    ExprLowering exprs(lowering, root.fragment.scope);
    std::vector<plan::Expr> conjuncts = exprs.lower_conjuncts(source->qual);
    root.fragment.node =
        filtered(std::move(root.fragment.node), std::move(conjuncts), source->plan_rows);
  } catch (const Declined&) {
    if (must) {
      throw;
    }
    go_back(lowering, before);
    root.qual = source->qual;
  }
}

/// The plan input from which rows get to the client while more of them are to come, or null.
const plan::PlanInputSpec* streamed_input(const plan::PlanNode& node) {
  if (const auto* input = node.as<plan::PlanInputSpec>()) {
    return input;
  }
  const bool blocks =
      node.as<plan::AggregateSpec>() != nullptr || node.as<plan::TopKSpec>() != nullptr;
  return blocks || node.inputs.empty() ? nullptr : streamed_input(node.inputs[0]);
}

/// Once rows have gone to the client the run cannot be abandoned for one that comes late. The
/// leader alone runs it, and stops to read where no more rows are asked for.
void check_streamed_input(Lowering& lowering, const plan::PlanNode& root) {
  const plan::PlanInputSpec* input = lowering.root_streams ? streamed_input(root) : nullptr;
  if (input == nullptr) {
    return;
  }
  if (lowering.unsure_inputs[input->number]) {
    decline(Reason::kOverflow, "numeric of a " + input->name + " whose rows go to the client");
  }
  lowering.order_matters = true;
}

Root lower_root(Lowering& lowering, Plan* replaced, std::optional<std::uint64_t> top_k,
                bool may_stop) {
  Plan* source = top_k.has_value() ? replaced->lefttree : replaced;
  Root root;
  root.exprs = root_exprs(replaced, source);
  std::vector<Node*> leaves;
  collect_leaves(reinterpret_cast<Node*>(root.exprs), leaves);
  if (IsA(source, Agg)) {
    collect_leaves(reinterpret_cast<Node*>(source->qual), leaves);
  }
  lowering.root_streams = !IsA(source, Agg) && !top_k.has_value();
  lowering.read_whole = !lowering.root_streams;
  lowering.all_groups = !may_stop;
  root.fragment = lower_fragment(lowering, source, leaves);
  add_having(lowering, root, source, top_k.has_value());
  if (top_k.has_value()) {
    check_evaluated_for_few(lowering, source);
    add_top_k(root, *reinterpret_cast<Sort*>(replaced), source, *top_k);
  }
  check_streamed_input(lowering, root.fragment.node);
  if (lowering.root_streams && !lowering.may_abandon.empty()) {
    decline(Reason::kOverflow, lowering.may_abandon + " below a join whose rows go to the client");
  }
  // A batch is computed ahead of its first row, and PostgreSQL may never come to the others.
  if (lowering.root_streams && may_stop && plan::streamed_rows_may_raise(root.fragment.node)) {
    decline(Reason::kExpression, "what may raise an error, of rows that may not be asked for");
  }
  return root;
}

int workers_for(const Lowering& lowering, const RunLimits& limits) {
  const bool leader_has_all = lowering.range_indexes.empty();  // only plan inputs
  if (leader_has_all || lowering.has_temporary || lowering.order_matters ||
      lowering.forbids_workers) {
    return 0;
  }
  const bool small =
      lowering.pages_max < static_cast<std::uint64_t>(std::max(min_parallel_table_scan_size, 1));
  if (small && !limits.exact) {
    return 0;
  }
  return lowering.leader_computes() ? limits.workers.computing_leader
                                    : limits.workers.streaming_leader;
}

plan::PlanSpec spec_of(const plan::PlanNode& root, const Lowering& lowering, int workers) {
  plan::PlanSpec spec;
  spec.root = root;
  if (workers == 0) {
    plan::number_nodes(spec);
    plan::validate_plan(spec);
    return spec;
  }
  plan::ShuffleOptions options;
  options.seats = static_cast<std::uint32_t>(workers) + 1;
  options.root_streams = lowering.root_streams;
  return plan::enforce_dsm_shuffle(std::move(spec), options);
}

struct Choice {
  plan::PlanSpec spec;
  Costs costs;
  int workers = 0;
};

RunTraits traits_of(const Lowering& lowering, int workers) noexcept {
  return {lowering.statement.planned, workers,
          lowering.root_streams,      lowering.leader_computes(),
          lowering.toast_pages,       lowering.foreign_cost,
          lowering.leader_cost,       lowering.plan_inputs};
}

bool fits_memory(const plan::PlanSpec& spec, int seats) {
  return largest_table_bytes(spec, seats) <= static_cast<double>(operator_memory_bytes());
}

/// The costs are those of the cheaper way, for comparisons with PostgreSQL's plans, which leave the
/// true price of workers out as well.
Choice choose_run(const Plan* replaced, const plan::PlanNode& root, const Lowering& lowering,
                  const RunLimits& limits) {
  const int workers = workers_for(lowering, limits);
  Choice choice;
  choice.spec = spec_of(root, lowering, workers);
  choice.workers = choice.spec.distributed ? workers : 0;
  choice.costs = estimate_costs(replaced, choice.spec, traits_of(lowering, choice.workers));
  if (choice.workers > 0 && !limits.exact) {
    plan::PlanSpec alone = spec_of(root, lowering, 0);
    const Costs costs = estimate_costs(replaced, alone, traits_of(lowering, 0));
    const bool saves_enough =
        choice.costs.total + least_saving_by_workers() < costs.total || !fits_memory(alone, 1);
    if (costs.total < choice.costs.total) {
      choice.costs = costs;
    }
    if (!saves_enough) {
      choice.spec = std::move(alone);
      choice.workers = 0;
    }
  }
  return choice;
}

/// Nothing spills yet: what is expected to outgrow its memory would be run in vain, or, once rows
/// have gone to the client, could not be taken over by PostgreSQL's plan any more.
void check_memory(const Choice& choice, const Lowering& lowering, const RunLimits& limits) {
  if (limits.exact && !lowering.root_streams) {
    return;
  }
  const int seats = lowering.leader_computes() ? choice.workers + 1 : std::max(choice.workers, 1);
  if (!fits_memory(choice.spec, seats)) {
    const double bytes = largest_table_bytes(choice.spec, seats);
    decline(Reason::kMemory, "a hash table of about " +
                                 std::to_string(static_cast<std::uint64_t>(bytes / 1024)) +
                                 " kB is more than work_mem x hash_mem_multiplier");
  }
}

/// One custom_scan_tlist entry. Runs in: call().
Var* append_output(List** scan_tlist, Node* terminal) {
  const auto number = static_cast<AttrNumber>(list_length(*scan_tlist) + 1);
  TargetEntry* entry = makeTargetEntry(reinterpret_cast<Expr*>(terminal), number, nullptr, false);
  *scan_tlist = lappend(*scan_tlist, entry);
  Var* var = makeVarFromTargetEntry(INDEX_VAR, entry);
  var->varnosyn = 0;
  var->varattnosyn = 0;
  return var;
}

struct Outputs {
  std::vector<OutputColumn> columns;
  List* scan_tlist = NIL;
  std::vector<LeafReplacement> replacements;
};

Outputs outputs_of(const Root& root) {
  std::vector<Node*> leaves;
  collect_leaves(reinterpret_cast<Node*>(root.exprs), leaves);
  collect_leaves(reinterpret_cast<Node*>(root.qual), leaves);
  Outputs outputs;
  for (Node* leaf : leaves) {
    const ScopeColumn& column = *root.fragment.scope.find(leaf);
    const Oid type = call([leaf] { return getBaseType(exprType(leaf)); });
    List** const tlist = &outputs.scan_tlist;
    auto* by = call([&] { return reinterpret_cast<Node*>(append_output(tlist, column.terminal)); });
    outputs.columns.push_back({column.kind, column.column, column.count_column, type});
    if (column.scale_column.has_value()) {
      by = call([&] {
        Var* scale = append_output(tlist, column.scale_terminal);
        return reinterpret_cast<Node*>(makeFuncExpr(F_ROUND_NUMERIC_INT4, NUMERICOID,
                                                    list_make2(by, scale), InvalidOid, InvalidOid,
                                                    COERCE_EXPLICIT_CALL));
      });
      outputs.columns.push_back({OutputKind::kColumn, *column.scale_column, 0, INT4OID});
    }
    outputs.replacements.push_back({leaf, by});
  }
  return outputs;
}

/// Moves the init plans of the replaced nodes up: the Custom Scan evaluates parameters, the
/// fallback and the plan inputs below it must not run an init plan a second time. Runs in: call().
void hoist_init_plans(Plan* node, List** init_plans) {
  *init_plans = list_concat(*init_plans, node->initPlan);
  node->initPlan = NIL;
  for_each_child(node, [init_plans](Plan* child) { hoist_init_plans(child, init_plans); });
}

/// Where PostgreSQL executes a part all the same, what is left must be worth its rows' way.
void check_worth(const Plan* replaced, const Choice& choice, const Lowering& lowering,
                 const RunLimits& limits) {
  const double cost = planned_costs(replaced).total;
  if (!limits.exact && !lowering.plan_inputs.empty() && choice.costs.total >= cost) {
    decline(Reason::kCost, cost_detail(choice.costs.total, cost));
  }
}

List* as_targetlist(List* exprs, const List* like) {
  return call([exprs, like] {
    List* targetlist = NIL;
    for (int i = 0; i < list_length(exprs); ++i) {
      TargetEntry* entry = flatCopyTargetEntry(static_cast<TargetEntry*>(list_nth(like, i)));
      entry->expr = static_cast<Expr*>(list_nth(exprs, i));
      targetlist = lappend(targetlist, entry);
    }
    return targetlist;
  });
}

}  // namespace

PlacedScan place_custom_scan(const Statement& statement, Plan* replaced,
                             std::optional<std::uint64_t> top_k, const RunLimits& limits) {
  Lowering lowering(statement);
  lowering.may_read_plans = limits.plan_inputs;
  const LoweringMark nothing = mark_of(lowering);
  Root root;
  try {
    root = lower_root(lowering, replaced, top_k, limits.may_stop);
  } catch (const Declined& reason) {
    if (reason.decline().reason != Reason::kOverflow || lowering.plan_inputs.empty()) {
      throw;
    }
    go_back(lowering, nothing);
    lowering.only_sure_numerics = true;
    root = lower_root(lowering, replaced, top_k, limits.may_stop);
  }
  Choice choice = choose_run(replaced, root.fragment.node, lowering, limits);
  check_memory(choice, lowering, limits);
  check_worth(replaced, choice, lowering, limits);
  Outputs outputs = outputs_of(root);
  auto* exprs = reinterpret_cast<List*>(
      replace_leaves(reinterpret_cast<Node*>(root.exprs), outputs.replacements));
  auto* qual = reinterpret_cast<List*>(
      replace_leaves(reinterpret_cast<Node*>(root.qual), outputs.replacements));
  List* targetlist = as_targetlist(exprs, replaced->targetlist);
  SluicePlan plan{std::move(choice.spec), std::move(outputs.columns), lowering.param_types,
                  static_cast<std::uint32_t>(choice.workers), !lowering.calls_users};
  List* custom_private = to_custom_private(plan);

  const Costs costs = choice.costs;
  CustomScan* scan = call([&] {
    auto* node = makeNode(CustomScan);
    Plan& base = node->scan.plan;
    base.startup_cost = costs.startup;
    base.total_cost = costs.total;
    base.plan_rows = top_k.has_value() ? std::min(replaced->plan_rows, static_cast<double>(*top_k))
                                       : replaced->plan_rows;
    base.plan_width = replaced->plan_width;
    base.targetlist = targetlist;
    base.qual = qual;
    base.extParam = bms_copy(replaced->extParam);
    base.allParam = bms_copy(replaced->allParam);
    hoist_init_plans(replaced, &base.initPlan);
    node->custom_plans = list_make1(replaced);
    for (const Plan* input : lowering.plan_inputs) {
      node->custom_plans = lappend(node->custom_plans, copyObjectImpl(input));
    }
    for (Node* param : lowering.param_exprs) {
      node->custom_exprs = lappend(node->custom_exprs, copyObjectImpl(param));
    }
    for (const Index range_index : lowering.range_indexes) {
      node->custom_relids = bms_add_member(node->custom_relids, static_cast<int>(range_index));
    }
    node->custom_private = custom_private;
    node->custom_scan_tlist = outputs.scan_tlist;
    node->methods = &custom_scan_methods;
    return node;
  });
  return {scan, costs, choice.workers, std::move(lowering.inside)};
}

}  // namespace sluice::pg
