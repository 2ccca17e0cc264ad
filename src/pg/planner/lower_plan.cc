#include "pg/planner/lower_plan.h"

#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/plan_columns.h"
#include "pg/planner/plan_errors.h"
#include "plan/limits.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
#include <nodes/nodeFuncs.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

TargetEntry* entry_at(List* targetlist, std::size_t index) {
  return static_cast<TargetEntry*>(list_nth(targetlist, static_cast<int>(index)));
}

/// A node whose Vars of `varno` read the columns of its one child.
Fragment lower_pass_through(Lowering& lowering, Plan* node, Plan* child_plan, int varno,
                            const std::vector<Node*>& leaves) {
  std::vector<Node*> all = leaves;
  collect_leaves(reinterpret_cast<Node*>(node->qual), all);
  ChildColumns child =
      lower_child(lowering, child_plan, wanted_attributes(all, varno, child_plan->targetlist));
  Fragment fragment{{}, scope_over_child(all, varno, child)};
  ExprLowering exprs(lowering, fragment.scope);
  fragment.node =
      filtered(std::move(child.node), exprs.lower_conjuncts(node->qual), node->plan_rows);
  return fragment;
}

Fragment lower_result(Lowering& lowering, const Result& result, const std::vector<Node*>& leaves) {
  auto* node = const_cast<Plan*>(&result.plan);
  if (result.resconstantqual != nullptr || node->lefttree == nullptr) {
    decline(Reason::kPlanNode, plan_node_name(node));
  }
  return lower_pass_through(lowering, node, node->lefttree, OUTER_VAR, leaves);
}

ChildColumns lower_top_k_child(Lowering& lowering, const Limit& limit,
                               const WantedAttributes& wanted) {
  const auto count = top_k_limit(limit);
  if (!count.has_value() || limit.limitOffset != nullptr) {
    decline(Reason::kPlanNode, plan_node_name(&limit.plan));
  }
  const auto& sort = *reinterpret_cast<const Sort*>(limit.plan.lefttree);
  WantedAttributes with_keys = wanted;
  for (int i = 0; i < sort.numCols; ++i) {
    with_keys.at(static_cast<std::size_t>(sort.sortColIdx[i] - 1)) = true;
  }
  ChildColumns child = lower_child(lowering, sort.plan.lefttree, with_keys);
  std::vector<ScopeColumn> keys;
  for (int i = 0; i < sort.numCols; ++i) {
    keys.push_back(*child.columns[static_cast<std::size_t>(sort.sortColIdx[i] - 1)]);
  }
  plan::TopKSpec spec{sort_keys_of(sort, keys), *count};
  std::vector<plan::PlanNode> inputs;
  inputs.push_back(std::move(child.node));
  child.node = make_node(std::move(spec), std::move(inputs), limit.plan.plan_rows);
  return child;
}

}  // namespace

Fragment lower_fragment(Lowering& lowering, Plan* node, const std::vector<Node*>& leaves) {
  switch (nodeTag(node)) {
    case T_SeqScan:
      return lower_scan(lowering, *reinterpret_cast<SeqScan*>(node), leaves);
    case T_HashJoin:
      return lower_join(lowering, *reinterpret_cast<HashJoin*>(node), leaves);
    case T_Agg:
      return lower_aggregate(lowering, *reinterpret_cast<Agg*>(node), leaves);
    case T_SubqueryScan: {
      auto* scan = reinterpret_cast<SubqueryScan*>(node);
      return lower_pass_through(lowering, node, scan->subplan,
                                static_cast<int>(scan->scan.scanrelid), leaves);
    }
    case T_Result:
      return lower_result(lowering, *reinterpret_cast<Result*>(node), leaves);
    default:
      decline(Reason::kPlanNode, plan_node_name(node));
  }
}

namespace {

/// With what nobody above looks at and PostgreSQL evaluates all the same, so that it shows: sort
/// keys and volatile functions stay in the targetlist of a subquery.
/// Source: allpaths.c, remove_unused_subquery_outputs()
WantedAttributes with_effects(const Lowering& lowering, const Plan* node, WantedAttributes wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) {
      auto* expr = reinterpret_cast<Node*>(entry_at(node->targetlist, i)->expr);
      wanted[i] = !IsA(expr, Var) && shows_when_evaluated(lowering.statement, node, expr);
    }
  }
  return wanted;
}

ChildColumns lower_supported(Lowering& lowering, Plan* node, const WantedAttributes& read) {
  switch (nodeTag(node)) {
    case T_Hash:
    case T_Material:
    case T_Sort:  // nobody above looks at the order: joins and aggregates hash
      return lower_child(lowering, node->lefttree, read);
    case T_Limit:
      return lower_top_k_child(lowering, *reinterpret_cast<Limit*>(node), read);
    default:
      break;
  }
  const WantedAttributes wanted = with_effects(lowering, node, read);
  std::vector<Node*> leaves;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) {
      collect_leaves(reinterpret_cast<Node*>(entry_at(node->targetlist, i)->expr), leaves);
    }
  }
  const bool has_having = IsA(node, Agg) && node->qual != NIL;
  if (has_having) {
    collect_leaves(reinterpret_cast<Node*>(node->qual), leaves);
  }
  Fragment fragment = lower_fragment(lowering, node, leaves);
  ExprLowering exprs(lowering, fragment.scope);
  if (has_having) {
    fragment.node =
        filtered(std::move(fragment.node), exprs.lower_conjuncts(node->qual), node->plan_rows);
  }
  ChildColumns child{{}, std::vector<std::optional<ScopeColumn>>(wanted.size())};
  std::vector<plan::Expr> computed;
  std::vector<std::size_t> computed_entries;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) {
      continue;
    }
    auto* expr = reinterpret_cast<Node*>(entry_at(node->targetlist, i)->expr);
    if (const ScopeColumn* column =
            IsA(expr, Var) || IsA(expr, Aggref) ? fragment.scope.find(expr) : nullptr) {
      child.columns[i] = *column;
      continue;
    }
    Value value = exprs.lower(expr);
    if (value.scale.has_value()) {
      decline(Reason::kExpression, "numeric whose scale differs from row to row");
    }
    child.columns[i] = ScopeColumn{value.expr.type,
                                   0,
                                   readable(fragment.scope.terminal_of(expr)),
                                   value.not_null,
                                   OutputKind::kColumn,
                                   0,
                                   std::nullopt,
                                   nullptr};
    computed.push_back(std::move(value.expr));
    computed_entries.push_back(i);
  }
  const auto positions = append_columns(fragment.node, std::move(computed));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    child.columns[computed_entries[i]]->column = positions[i];
  }
  child.node = std::move(fragment.node);
  return child;
}

/// Errors: Declined where no plan is that deep, or no stack is left; PgError where it is canceled.
void check_depth(const Lowering& lowering) {
  const bool stack_ends = call([] {
    CHECK_FOR_INTERRUPTS();
    return stack_is_too_deep();
  });
  if (lowering.depth == plan::kPlanDepthMax || stack_ends) {
    decline(Reason::kSpec, "plan nested too deeply");
  }
}

}  // namespace

ChildColumns lower_child(Lowering& lowering, Plan* node, const WantedAttributes& wanted) {
  check_depth(lowering);
  const OneDeeper below(lowering);
  const LoweringMark before = mark_of(lowering);
  try {
    return lower_supported(lowering, node, wanted);
  } catch (const Declined& reason) {
    go_back(lowering, before);
    std::optional<ChildColumns> input = lower_plan_input(lowering, node, wanted);
    if (!input.has_value()) {
      throw;
    }
    if (reason.decline().reason != Reason::kPlanNode) {
      lowering.inside.push_back(reason.decline());
    }
    return std::move(*input);
  }
}

WantedAttributes wanted_attributes(const std::vector<Node*>& leaves, int varno, List* targetlist) {
  WantedAttributes wanted(static_cast<std::size_t>(list_length(targetlist)), false);
  for (const Node* leaf : leaves) {
    if (!IsA(leaf, Var)) {
      continue;
    }
    const auto* var = reinterpret_cast<const Var*>(leaf);
    if (var->varno != varno) {
      continue;
    }
    if (var->varattno <= 0 || static_cast<std::size_t>(var->varattno) > wanted.size()) {
      decline(Reason::kExpression, "whole row or system column");
    }
    wanted[static_cast<std::size_t>(var->varattno - 1)] = true;
  }
  return wanted;
}

Scope scope_over_child(const std::vector<Node*>& leaves, int varno, const ChildColumns& child,
                       std::uint32_t offset) {
  Scope scope;
  for (Node* leaf : leaves) {
    if (!IsA(leaf, Var) || reinterpret_cast<Var*>(leaf)->varno != varno) {
      continue;
    }
    const auto index = static_cast<std::size_t>(reinterpret_cast<Var*>(leaf)->varattno - 1);
    ScopeColumn column = child.columns.at(index).value();
    column.column += offset;
    column.count_column += offset;
    if (column.scale_column.has_value()) {
      *column.scale_column += offset;
    }
    scope.add(leaf, column);
  }
  return scope;
}

plan::PlanNode make_node(plan::NodeSpec spec, std::vector<plan::PlanNode> inputs, double rows) {
  plan::PlanNode node;
  node.spec = std::move(spec);
  node.inputs = std::move(inputs);
  node.rows_estimated = rows;
  node.output = plan::derive_output(node);
  return node;
}

plan::PlanNode filtered(plan::PlanNode input, std::vector<plan::Expr> conjuncts, double rows) {
  if (conjuncts.empty()) {
    return input;
  }
  std::vector<plan::PlanNode> inputs;
  inputs.push_back(std::move(input));
  return make_node(plan::FilterSpec{std::move(conjuncts)}, std::move(inputs), rows);
}

std::vector<std::uint32_t> append_columns(plan::PlanNode& node, std::vector<plan::Expr> exprs) {
  std::vector<std::uint32_t> positions;
  std::vector<plan::Expr> columns;
  for (std::size_t i = 0; i < node.output.size(); ++i) {
    columns.push_back(plan::Expr::make_column(static_cast<std::uint32_t>(i), node.output[i]));
  }
  const std::size_t kept = columns.size();
  for (plan::Expr& expr : exprs) {
    std::size_t at = 0;
    while (at < columns.size() && !(columns[at] == expr)) {
      ++at;
    }
    if (at == columns.size()) {
      columns.push_back(std::move(expr));
    }
    positions.push_back(static_cast<std::uint32_t>(at));
  }
  if (columns.size() > kept) {
    const double rows = node.rows_estimated;
    std::vector<plan::PlanNode> inputs;
    inputs.push_back(std::move(node));
    node = make_node(plan::ProjectSpec{std::move(columns)}, std::move(inputs), rows);
  }
  return positions;
}

const char* plan_node_name(const Plan* node) {
  switch (nodeTag(node)) {
    case T_NestLoop:
      return "Nested Loop";
    case T_MergeJoin:
      return "Merge Join";
    case T_HashJoin:
      return "Hash Join";
    case T_Append:
      return "Append";
    case T_MergeAppend:
      return "Merge Append";
    case T_SeqScan:
      return "Seq Scan";
    case T_SubqueryScan:
      return "Subquery Scan";
    case T_NamedTuplestoreScan:
      return "Named Tuplestore Scan";
    case T_Agg:
      return "Aggregate";
    case T_Material:
      return "Materialize";
    case T_Sort:
    case T_IncrementalSort:
      return "Sort";
    case T_IndexScan:
      return "Index Scan";
    case T_IndexOnlyScan:
      return "Index Only Scan";
    case T_BitmapHeapScan:
      return "Bitmap Heap Scan";
    case T_TidScan:
    case T_TidRangeScan:
      return "Tid Scan";
    case T_SampleScan:
      return "Sample Scan";
    case T_FunctionScan:
      return "Function Scan";
    case T_TableFuncScan:
      return "Table Function Scan";
    case T_ValuesScan:
      return "Values Scan";
    case T_CteScan:
      return "CTE Scan";
    case T_WorkTableScan:
      return "Work Table Scan";
    case T_RecursiveUnion:
      return "Recursive Union";
    case T_ForeignScan:
      return "Foreign Scan";
    case T_CustomScan:
      return "Custom Scan";
    case T_WindowAgg:
      return "Window Aggregate";
    case T_Group:
      return "Group";
    case T_Unique:
      return "Unique";
    case T_SetOp:
      return "Set Operation";
    case T_Limit:
      return "Limit";
    case T_Result:
      return "Result";
    case T_ProjectSet:
      return "Project Set";
    case T_LockRows:
      return "Lock Rows";
    case T_Gather:
    case T_GatherMerge:
      return "Gather";
    case T_Memoize:
      return "Memoize";
    default:
      return "another plan node";
  }
}

}  // namespace sluice::pg
