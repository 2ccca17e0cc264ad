// Any plan node that is not lowered -> PlanInputSpec: PostgreSQL executes it, and the engine reads
// its rows.
#include "pg/border/call.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_columns.h"
#include "pg/planner/plan_errors.h"
#include "pg/port/types.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <nodes/nodeFuncs.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Whether the leader can execute a node of this kind inside a run and, where the run is abandoned,
/// a second time: it neither changes nor locks rows, and needs no node around it.
bool is_repeatable(const Plan* node) {
  switch (nodeTag(node)) {
    case T_Result:
    case T_ProjectSet:
    case T_Append:
    case T_MergeAppend:
    case T_BitmapAnd:
    case T_BitmapOr:
    case T_NestLoop:
    case T_MergeJoin:
    case T_HashJoin:
    case T_SeqScan:
    case T_SampleScan:
    case T_IndexScan:
    case T_IndexOnlyScan:
    case T_BitmapIndexScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_TidRangeScan:
    case T_SubqueryScan:
    case T_FunctionScan:
    case T_ValuesScan:
    case T_TableFuncScan:
    case T_CteScan:
    case T_NamedTuplestoreScan:
    case T_Material:
    case T_Memoize:
    case T_Sort:
    case T_IncrementalSort:
    case T_Group:
    case T_Agg:
    case T_WindowAgg:
    case T_Unique:
    case T_SetOp:
    case T_Hash:
    case T_Limit:
      return !node->parallel_aware;
    default:
      return false;
  }
}

/// Whether the init plans of `node` can move up to the Custom Scan: no parameter from within starts
/// them anew.
bool has_free_init_plans(const Statement& statement, const Plan* node) {
  ListCell* cell;
  foreach (cell, node->initPlan) {
    const auto* init_plan = static_cast<const SubPlan*>(lfirst(cell));
    const auto* plan =
        static_cast<const Plan*>(list_nth(statement.planned->subplans, init_plan->plan_id - 1));
    if (plan == nullptr || !bms_is_subset(plan->extParam, statement.init_plan_params)) {
      return false;
    }
  }
  return true;
}

/// Runs in: call().
bool can_be_read(const Statement& statement, const Plan* node) {
  check_stack_depth();
  bool can = is_repeatable(node) && has_free_init_plans(statement, node);
  if (can) {
    for_each_child(node, [&](const Plan* child) { can = can && can_be_read(statement, child); });
  }
  return can;
}

/// For EXPLAIN.
std::string name_of(const Lowering& lowering, const TargetEntry* entry, const Node* terminal) {
  if (IsA(terminal, Var)) {
    const auto* var = reinterpret_cast<const Var*>(terminal);
    RangeTblEntry* table = rt_fetch(var->varno, lowering.statement.planned->rtable);
    const char* column = call([=] { return get_rte_attribute_name(table, var->varattno); });
    return shown_name(lowering, table, column);
  }
  return entry->resname != nullptr ? entry->resname : "column " + std::to_string(entry->resno);
}

/// The type of a column as the run reads it. A numeric of whose digits nothing is sure is carried
/// as it is, or, where the run can be abandoned for it, taken for what it should be.
std::optional<plan::DataType> type_of(Lowering& lowering, const Plan* node, Node* expr) {
  const Statement& statement = lowering.statement;
  const Oid type = call([expr] { return getBaseType(exprType(expr)); });
  if (type != NUMERICOID) {
    return column_type_of(exprType(expr), exprTypmod(expr), exprCollation(expr));
  }
  const NumericDigits digits = numeric_digits_of(statement, node, expr);
  if (!digits.known || (!digits.sure && lowering.only_sure_numerics)) {
    return plan::DataType::of(plan::TypeKind::kOpaque);
  }
  lowering.unsure_inputs.back() = lowering.unsure_inputs.back() || !digits.sure;
  return plan::DataType::decimal(digits.precision, digits.scale);
}

}  // namespace

std::optional<ChildColumns> lower_plan_input(Lowering& lowering, Plan* node,
                                             const WantedAttributes& wanted) {
  const Statement& statement = lowering.statement;
  if (!lowering.may_read_plans || !call([&] {
        return bms_is_subset(node->extParam, statement.init_plan_params) &&
               can_be_read(statement, node);
      })) {
    return std::nullopt;
  }
  // An abandoned run has PostgreSQL execute it once more; a run may come to it where PostgreSQL
  // does not.
  const PlanVerdict verdict = verdict_on(statement, node);
  if (verdict.is_volatile || (verdict.may_raise && !lowering.read_whole)) {
    return std::nullopt;
  }
  lowering.calls_users = lowering.calls_users || verdict.calls_users;
  plan::PlanInputSpec spec;
  spec.number = static_cast<std::uint32_t>(lowering.plan_inputs.size());
  spec.name = plan_node_name(node);
  lowering.plan_inputs.push_back(node);
  lowering.unsure_inputs.push_back(false);
  ChildColumns child{{}, std::vector<std::optional<ScopeColumn>>(wanted.size())};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) {
      continue;
    }
    auto* entry = static_cast<TargetEntry*>(list_nth(node->targetlist, static_cast<int>(i)));
    auto* expr = reinterpret_cast<Node*>(entry->expr);
    const auto known = type_of(lowering, node, expr);
    if (!known.has_value()) {
      return std::nullopt;
    }
    ScopeColumn column;
    column.type = *known;
    column.column = static_cast<std::uint32_t>(spec.columns.size());
    column.terminal = call([=] { return terminal_of(node, expr); });
    spec.columns.push_back(
        {static_cast<std::int16_t>(i + 1), *known, name_of(lowering, entry, column.terminal)});
    child.columns[i] = column;
  }
  child.node = make_node(std::move(spec), {}, node->plan_rows);
  return child;
}

}  // namespace sluice::pg
