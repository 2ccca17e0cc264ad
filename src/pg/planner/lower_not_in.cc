// x NOT IN (subquery) among a scan's conditions -> joins.
//
// A row passes if the subquery has no rows at all, or if x is not NULL, the subquery has no NULL,
// and x equals none of its values. Where neither side can be NULL that is an anti join. Else an
// anti join leaves the rows whose x equals no value, and an inner join with the one row that
// counts the subquery's rows and values tells which of these pass.
#include <algorithm>
#include <numeric>

#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/lower_plan.h"
#include "plan/filter_order.h"
#include "plan/limits.h"

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::Op;
using plan::TypeKind;

constexpr DataType kCountType = DataType::of(TypeKind::kInt64);

/// The subquery, if `conjunct` is NOT (x = ANY (subquery)) over one that takes nothing from outside
/// of it.
const SubPlan* as_not_in(const Node* conjunct) {
  if (!IsA(conjunct, BoolExpr)) {
    return nullptr;
  }
  const auto* negation = reinterpret_cast<const BoolExpr*>(conjunct);
  if (negation->boolop != NOT_EXPR || !IsA(linitial(negation->args), SubPlan)) {
    return nullptr;
  }
  const auto* subplan = static_cast<const SubPlan*>(linitial(negation->args));
  const bool plain = subplan->subLinkType == ANY_SUBLINK && subplan->parParam == NIL &&
                     subplan->args == NIL && list_length(subplan->paramIds) == 1 &&
                     subplan->testexpr != nullptr && IsA(subplan->testexpr, OpExpr);
  return plain ? subplan : nullptr;
}

/// The values that x is compared with.
struct Values {
  plan::PlanNode node;
  ScopeColumn column;
};

Values lower_values(Lowering& lowering, const SubPlan& subplan) {
  auto* root =
      static_cast<Plan*>(list_nth(lowering.statement.planned->subplans, subplan.plan_id - 1));
  if (!bms_is_empty(root->extParam)) {
    decline(Reason::kParameter, "subquery that depends on a value from outside");
  }
  WantedAttributes wanted(static_cast<std::size_t>(list_length(root->targetlist)), false);
  wanted.front() = true;
  // PostgreSQL does not run the subquery before a row asks for it.
  const ReadWhole whole(lowering, false);
  ChildColumns child = lower_child(lowering, root, wanted);
  const ScopeColumn column = child.columns.front().value();
  if (column.kind != OutputKind::kColumn || column.scale_column.has_value()) {
    decline(Reason::kAggregate, "NOT IN of an avg, or of sums of mixed scales");
  }
  if (plan::node_may_raise(child.node)) {
    decline(Reason::kJoin, "NOT IN of a subquery that may raise an error");
  }
  return {std::move(child.node), column};
}

/// The operand that stands for the subquery's value.
bool is_value_param(const Node* operand, const SubPlan& subplan) {
  while (IsA(operand, RelabelType)) {
    operand = reinterpret_cast<const Node*>(reinterpret_cast<const RelabelType*>(operand)->arg);
  }
  return IsA(operand, Param) && reinterpret_cast<const Param*>(operand)->paramkind == PARAM_EXEC &&
         reinterpret_cast<const Param*>(operand)->paramid == linitial_int(subplan.paramIds);
}

/// Whether which rows `node` has may depend on the order in which they come.
bool limits_rows(const plan::PlanNode& node) {
  return node.as<plan::TopKSpec>() != nullptr || std::ranges::any_of(node.inputs, limits_rows);
}

std::size_t count_nodes(const plan::PlanNode& node) {
  return std::accumulate(
      node.inputs.begin(), node.inputs.end(), std::size_t{1},
      [](std::size_t count, const plan::PlanNode& input) { return count + count_nodes(input); });
}

std::vector<std::uint32_t> first_columns(std::size_t count) {
  std::vector<std::uint32_t> columns(count);
  std::iota(columns.begin(), columns.end(), 0U);
  return columns;
}

plan::PlanNode join_of(plan::HashJoinSpec spec, plan::PlanNode probe, plan::PlanNode build,
                       double rows) {
  std::vector<plan::PlanNode> inputs;
  inputs.push_back(std::move(probe));
  inputs.push_back(std::move(build));
  return make_node(std::move(spec), std::move(inputs), rows);
}

plan::Expr call_of(Op op, std::vector<plan::Expr> args) {
  return plan::Expr::make_call(op, kBoolType, std::move(args));
}

/// The key that every row has, for the join with one row.
plan::Expr one() { return plan::Expr::make_integer(1, DataType::of(TypeKind::kInt32)); }

/// The facts are read off a second copy of the subquery, which a subquery in the subquery doubles
/// again.
/// Errors: Declined where the copies would not agree, or would be too large.
void check_copied(const Values& values, bool reads_plan_inputs) {
  if (reads_plan_inputs) {
    // Two copies of one node would set the same parameters.
    decline(Reason::kJoin, "NOT IN of a subquery with NULLs that PostgreSQL executes");
  }
  if (limits_rows(values.node)) {
    decline(Reason::kJoin, "NOT IN of a subquery with NULLs and a limit");
  }
  if (count_nodes(values.node) > plan::kPlanNodesMax / 2) {
    decline(Reason::kJoin, "NOT IN of a subquery with NULLs that is too large");
  }
}

/// One row: one(), whether there are no rows, whether no value is NULL.
plan::PlanNode facts_of(Values values) {
  plan::AggregateSpec counts;
  counts.calls.push_back({plan::AggregateFunction::kCountStar, 0, kCountType});
  counts.calls.push_back({plan::AggregateFunction::kCount, values.column.column, kCountType});
  std::vector<plan::PlanNode> below;
  below.push_back(std::move(values.node));
  plan::PlanNode counted = make_node(std::move(counts), std::move(below), 1);
  const plan::Expr rows = plan::Expr::make_column(0, kCountType);
  plan::ProjectSpec facts;
  facts.exprs = {one(), call_of(Op::kEqual, {rows, plan::Expr::make_integer(0, kCountType)}),
                 call_of(Op::kEqual, {rows, plan::Expr::make_column(1, kCountType)})};
  below.clear();
  below.push_back(std::move(counted));
  return make_node(std::move(facts), std::move(below), 1);
}

/// Leaves of `node` the rows whose column `value`, which equals no value, is not in `facts` either.
plan::PlanNode without_unknowns(plan::PlanNode node, std::uint32_t value, plan::PlanNode facts) {
  const double rows = node.rows_estimated;
  const DataType type = node.output[value];
  const auto columns = static_cast<std::uint32_t>(node.output.size());
  plan::HashJoinSpec spec;
  spec.probe_keys = append_columns(node, {one()});
  spec.build_keys = {0};
  spec.outputs = first_columns(columns);
  const auto build_first = static_cast<std::uint32_t>(node.output.size());
  spec.outputs.push_back(build_first + 1);
  spec.outputs.push_back(build_first + 2);
  plan::PlanNode joined = join_of(std::move(spec), std::move(node), std::move(facts), rows);
  plan::Expr known =
      call_of(Op::kAnd, {call_of(Op::kIsNotNull, {plan::Expr::make_column(value, type)}),
                         plan::Expr::make_column(columns + 1, kBoolType)});
  return filtered(
      std::move(joined),
      {call_of(Op::kOr, {plan::Expr::make_column(columns, kBoolType), std::move(known)})}, rows);
}

}  // namespace

NotInConditions split_not_in(List* qual) {
  NotInConditions split;
  for (int i = 0; i < list_length(qual); ++i) {
    auto* conjunct = static_cast<Node*>(list_nth(qual, i));
    if (const SubPlan* subplan = as_not_in(conjunct)) {
      split.subplans.push_back(subplan);
    } else if (split.subplans.empty()) {
      split.before.push_back(conjunct);
    } else {
      split.after.push_back(conjunct);
    }
  }
  return split;
}

void add_not_in(Lowering& lowering, Fragment& fragment, const SubPlan& subplan) {
  auto* test = reinterpret_cast<Node*>(subplan.testexpr);
  const auto* equality = reinterpret_cast<const OpExpr*>(test);
  const auto entry = find_operator(equality->opfuncid);
  if (!entry.has_value() || entry->shape != OperatorShape::kComparison || entry->op != Op::kEqual ||
      !is_value_param(static_cast<Node*>(lsecond(equality->args)), subplan)) {
    decline(Reason::kJoin, "NOT IN with " + describe_expr(test));
  }
  ExprLowering exprs(lowering, fragment.scope);
  Value value = exprs.lower(static_cast<Node*>(linitial(equality->args)));
  // PostgreSQL does not evaluate it where the subquery has no rows.
  if (plan::may_raise(value.expr)) {
    decline(Reason::kJoin, "NOT IN of an expression that may raise an error");
  }
  const LoweringMark before = mark_of(lowering);
  Values values = lower_values(lowering, subplan);
  std::optional<plan::PlanNode> facts;
  if (!value.not_null || !values.column.not_null) {
    check_copied(values, lowering.plan_inputs.size() > before.plan_inputs.size());
    facts = facts_of(values);
    lowering.toast_pages += lowering.toast_pages - before.toast_pages;
    lowering.foreign_cost += lowering.foreign_cost - before.foreign_cost;
    lowering.leader_cost += lowering.leader_cost - before.leader_cost;
  }
  JoinKey key = common_key(lowering, std::move(value.expr),
                           plan::Expr::make_column(values.column.column, values.column.type),
                           equality->inputcollid);
  const double rows = fragment.node.rows_estimated;
  plan::HashJoinSpec spec;
  spec.type = plan::JoinType::kAnti;
  spec.probe_keys = append_columns(fragment.node, {std::move(key.left)});
  spec.build_keys = append_columns(values.node, {std::move(key.right)});
  spec.outputs = first_columns(fragment.node.output.size());
  const std::uint32_t probe_key = spec.probe_keys.front();
  fragment.node = join_of(std::move(spec), std::move(fragment.node), std::move(values.node), rows);
  if (facts.has_value()) {
    fragment.node = without_unknowns(std::move(fragment.node), probe_key, std::move(*facts));
  }
}

}  // namespace sluice::pg
