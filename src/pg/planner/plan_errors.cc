#include "pg/planner/plan_errors.h"

#include <optional>
#include <string_view>

#include "pg/border/call.h"
#include "pg/planner/node_walk.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_columns.h"
#include "pg/planner/safe_functions.h"
#include "pg/planner/user_code.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <optimizer/optimizer.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Aggregates that raise nothing where their arguments do not, numerics being bounded.
bool is_safe_aggregate(Oid function) {
  switch (function) {
    case F_COUNT_:
    case F_COUNT_ANY:
    case F_BOOL_AND:
    case F_BOOL_OR:
    case F_EVERY:
      return true;
    default:
      return is_plain_sum(function) || is_plain_extreme(function);
  }
}

bool is_safe_window_function(Oid function) {
  switch (function) {
    case F_ROW_NUMBER:
    case F_RANK_:
    case F_DENSE_RANK_:
    case F_PERCENT_RANK_:
    case F_CUME_DIST_:
    case F_LAG_ANYELEMENT:
    case F_LEAD_ANYELEMENT:
    case F_FIRST_VALUE:
    case F_LAST_VALUE:
      return true;
    default:
      return is_safe_aggregate(function);
  }
}

/// Set-returning ones.
bool is_safe_source(Oid function) {
  switch (function) {
    case F_GENERATE_SERIES_INT4_INT4:
    case F_GENERATE_SERIES_INT8_INT8:
    case F_UNNEST_ANYARRAY:
      return true;
    default:
      return false;
  }
}

bool is_unsafe_call(Oid function, void* context) {
  return function_may_raise(function, context) && !is_safe_source(function);
}

bool takes_numerics_beyond(Oid function) {
  switch (function) {
    case F_NUMERIC_ADD:
    case F_NUMERIC_SUB:
    case F_NUMERIC_MUL:
    case F_NUMERIC_UMINUS:
    case F_SUM_NUMERIC:
    case F_AVG_NUMERIC:
      return true;
    default:
      return false;
  }
}

/// A callback of check_functions_in_node().
bool takes_numerics_beyond(Oid function, void* /*context*/) {
  return takes_numerics_beyond(function);
}

/// Shape: `comparison` may be invalid, for none.
bool operator_raises(Oid comparison) {
  return OidIsValid(comparison) && function_may_raise(get_opcode(comparison), nullptr);
}

/// Whether one of the comparisons of a node's keys may raise. Text is not compared without a
/// collation.
bool comparisons_raise(int count, const Oid* operators, const Oid* collations) {
  for (int i = 0; i < count; ++i) {
    Oid left = InvalidOid;
    Oid right = InvalidOid;
    op_input_types(operators[i], &left, &right);
    if (operator_raises(operators[i]) || (type_is_collatable(left) && !OidIsValid(collations[i]))) {
      return true;
    }
  }
  return false;
}

/// LIKE raises an error for a pattern that ends within an escape, and in some collations.
bool is_safe_like(const OpExpr& like) {
  switch (like.opfuncid) {
    case F_TEXTLIKE:
    case F_TEXTNLIKE:
    case F_BPCHARLIKE:
    case F_BPCHARNLIKE:
      break;
    default:
      return false;
  }
  const auto* pattern = static_cast<const Const*>(lsecond(like.args));
  if (!IsA(pattern, Const) || !OidIsValid(like.inputcollid) ||
      !get_collation_isdeterministic(like.inputcollid)) {
    return false;
  }
  return pattern->constisnull ||
         std::string_view(TextDatumGetCString(pattern->constvalue)).find('\\') ==
             std::string_view::npos;
}

/// The second operand, where it is an integer constant.
std::optional<std::int64_t> constant_divisor(const OpExpr& division) {
  const auto* divisor = static_cast<const Const*>(lsecond(division.args));
  if (!IsA(divisor, Const) || divisor->constisnull) {
    return std::nullopt;
  }
  switch (divisor->consttype) {
    case INT2OID:
      return DatumGetInt16(divisor->constvalue);
    case INT4OID:
      return DatumGetInt32(divisor->constvalue);
    case INT8OID:
      return DatumGetInt64(divisor->constvalue);
    default:
      return std::nullopt;
  }
}

/// The smallest integer has no quotient by -1.
bool is_safe_division(const OpExpr& division) {
  switch (division.opfuncid) {
    case F_INT2DIV:
    case F_INT4DIV:
    case F_INT8DIV:
      return constant_divisor(division).value_or(0) > 0;
    case F_INT2MOD:
    case F_INT4MOD:
    case F_INT8MOD:
      return constant_divisor(division).value_or(0) != 0;
    default:
      return false;
  }
}

/// Whether what `node` itself calls may raise, numerics being bounded.
bool call_raises(Node* node) {
  if (lacks_collation(node)) {
    return true;
  }
  if (!check_functions_in_node(node, is_unsafe_call, nullptr) || is_safe_call(node)) {
    return false;
  }
  const auto& op = *reinterpret_cast<const OpExpr*>(node);
  return !IsA(node, OpExpr) || (!is_safe_like(op) && !is_safe_division(op));
}

/// Whether an expression may raise; subqueries are looked at elsewhere. Shape: `context` is a List*
/// of numerics that must be bounded, which it adds to. Runs in: call().
bool raises(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  check_stack_depth();
  auto& numerics = *static_cast<List**>(context);
  switch (nodeTag(node)) {
    case T_Var:
    case T_Const:
    case T_Param:
    case T_SQLValueFunction:
      return false;
    case T_Aggref: {
      const auto& call = *reinterpret_cast<const Aggref*>(node);
      if (!is_safe_aggregate(call.aggfnoid) || call.aggsplit != AGGSPLIT_SIMPLE ||
          lacks_collation(node)) {
        return true;
      }
      if (takes_numerics_beyond(call.aggfnoid)) {
        numerics = lappend(numerics, linitial_node(TargetEntry, call.args)->expr);
      }
      break;
    }
    case T_WindowFunc: {
      const auto& call = *reinterpret_cast<const WindowFunc*>(node);
      if (!is_safe_window_function(call.winfnoid) || lacks_collation(node)) {
        return true;
      }
      if (takes_numerics_beyond(call.winfnoid)) {
        numerics = lappend(numerics, linitial(call.args));
      }
      break;
    }
    case T_SortGroupClause: {
      const auto& clause = *reinterpret_cast<const SortGroupClause*>(node);
      return operator_raises(clause.eqop) || operator_raises(clause.sortop);
    }
    case T_OpExpr:
    case T_FuncExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_ScalarArrayOpExpr: {
      if (call_raises(node)) {
        return true;
      }
      if (check_functions_in_node(node, takes_numerics_beyond, nullptr)) {
        numerics = list_concat(numerics, arguments_of(node));
      }
      break;
    }
    case T_RangeTblFunction:
    case T_GroupingFunc:
    case T_SubPlan:
      break;
    default:
      if (!is_safe_node(node)) {
        return true;
      }
  }
  return expression_tree_walker(node, unprototyped(raises), context);
}

/// Whether a row count of a LIMIT, or an offset, may be refused.
bool count_raises(const Node* count) {
  if (count == nullptr) {
    return false;
  }
  const auto* constant = reinterpret_cast<const Const*>(count);
  return !IsA(count, Const) || (!constant->constisnull && DatumGetInt64(constant->constvalue) < 0);
}

/// Whether the offset of a window's frame may be refused.
bool offset_raises(const WindowAgg& window, const Node* offset) {
  constexpr int kCounts = FRAMEOPTION_ROWS | FRAMEOPTION_GROUPS;
  return offset != nullptr && ((window.frameOptions & kCounts) == 0 || count_raises(offset) ||
                               reinterpret_cast<const Const*>(offset)->constisnull);
}

/// Of what a node does beside evaluating its expressions. Runs in: call().
bool node_itself_raises(const Plan* node) {
  switch (nodeTag(node)) {
    case T_Result:
    case T_ProjectSet:
    case T_Append:
    case T_NestLoop:
    case T_MergeJoin:
    case T_HashJoin:
    case T_BitmapAnd:
    case T_BitmapOr:
    case T_SeqScan:
    case T_IndexScan:
    case T_IndexOnlyScan:
    case T_BitmapIndexScan:
    case T_BitmapHeapScan:
    case T_SubqueryScan:
    case T_FunctionScan:
    case T_ValuesScan:
    case T_CteScan:
    case T_NamedTuplestoreScan:
    case T_Material:
    case T_Hash:
      return false;
    case T_MergeAppend: {
      const auto* append = reinterpret_cast<const MergeAppend*>(node);
      return comparisons_raise(append->numCols, append->sortOperators, append->collations);
    }
    case T_Memoize: {
      const auto* memoize = reinterpret_cast<const Memoize*>(node);
      return comparisons_raise(memoize->numKeys, memoize->hashOperators, memoize->collations);
    }
    case T_Sort:
    case T_IncrementalSort: {
      const auto* sort = reinterpret_cast<const Sort*>(node);
      return comparisons_raise(sort->numCols, sort->sortOperators, sort->collations);
    }
    case T_Group: {
      const auto* group = reinterpret_cast<const Group*>(node);
      return comparisons_raise(group->numCols, group->grpOperators, group->grpCollations);
    }
    case T_Agg: {
      const auto* agg = reinterpret_cast<const Agg*>(node);
      return agg->chain != NIL ||
             comparisons_raise(agg->numCols, agg->grpOperators, agg->grpCollations);
    }
    case T_WindowAgg: {
      const auto* window = reinterpret_cast<const WindowAgg*>(node);
      return offset_raises(*window, window->startOffset) ||
             offset_raises(*window, window->endOffset) ||
             comparisons_raise(window->partNumCols, window->partOperators,
                               window->partCollations) ||
             comparisons_raise(window->ordNumCols, window->ordOperators, window->ordCollations);
    }
    case T_Unique: {
      const auto* unique = reinterpret_cast<const Unique*>(node);
      return comparisons_raise(unique->numCols, unique->uniqOperators, unique->uniqCollations);
    }
    case T_SetOp: {
      const auto* operation = reinterpret_cast<const SetOp*>(node);
      return comparisons_raise(operation->numCols, operation->dupOperators,
                               operation->dupCollations);
    }
    case T_Limit: {
      const auto* limit = reinterpret_cast<const Limit*>(node);
      return limit->limitOption != LIMIT_OPTION_COUNT || count_raises(limit->limitOffset) ||
             count_raises(limit->limitCount);
    }
    default:
      return true;
  }
}

/// Shape: an expression that `node` evaluates, or a List of them.
bool expressions_raise(const Statement& statement, const Plan* node, Node* expressions) {
  List* numerics = NIL;
  if (call([&] { return raises(expressions, &numerics); })) {
    return true;
  }
  for (int i = 0; i < list_length(numerics); ++i) {
    auto* numeric = static_cast<Node*>(list_nth(numerics, i));
    if (!numeric_digits_of(statement, node, numeric).known) {
      return true;
    }
  }
  return false;
}

/// Whether the rows of a subquery may raise an error that none of them does: a scalar one must not
/// have two, and arrays in an array must have the same dimensions.
bool rows_raise(const Statement& statement, const SubPlan& subquery) {
  if (subquery.subLinkType == ARRAY_SUBLINK) {
    return true;
  }
  if (subquery.subLinkType != EXPR_SUBLINK && subquery.subLinkType != ROWCOMPARE_SUBLINK) {
    return false;
  }
  const Plan* plan = plan_of(statement, subquery.plan_id);
  const auto* agg = reinterpret_cast<const Agg*>(plan);
  return !IsA(plan, Agg) || agg->aggstrategy != AGG_PLAIN || agg->groupingSets != NIL;
}

/// Shape: an expression, or a List of them.
bool expressions_are_volatile(Node* expressions) {
  return call(
      [=] { return contain_volatile_functions(expressions) || may_call_unseen(expressions); });
}

/// A sample without a seed of its own is another one the second time.
bool node_is_volatile(const Plan* node, List* expressions) {
  return IsA(node, ForeignScan) ||
         (IsA(node, SampleScan) &&
          reinterpret_cast<const SampleScan*>(node)->tablesample->repeatable == nullptr) ||
         expressions_are_volatile(reinterpret_cast<Node*>(expressions));
}

/// Those of the statement that `node` belongs to.
PlanVerdicts& verdicts_of(const Statement& statement) {
  PlanVerdicts& verdicts = *statement.verdicts;
  if (!verdicts.init_plans.has_value()) {
    verdicts.init_plans = init_plans_of(statement.planned);
  }
  return verdicts;
}

}  // namespace

PlanVerdict verdict_on(const Statement& statement, const Plan* node) {
  call([] {
    check_stack_depth();
    CHECK_FOR_INTERRUPTS();
  });
  node = as_planned(node);
  PlanVerdicts& verdicts = verdicts_of(statement);
  if (const auto known = verdicts.given.find(node); known != verdicts.given.end()) {
    return known->second;
  }
  List* expressions = expressions_of(node);
  PlanVerdict verdict{node_is_volatile(node, expressions),
                      call([node] { return node_itself_raises(node); }) ||
                          expressions_raise(statement, node, reinterpret_cast<Node*>(expressions)),
                      !calls_built_ins_only(reinterpret_cast<Node*>(expressions))};
  const auto add = [&](const Plan* behind) {
    const PlanVerdict of_it = verdict_on(statement, behind);
    verdict.is_volatile = verdict.is_volatile || of_it.is_volatile;
    verdict.may_raise = verdict.may_raise || of_it.may_raise;
    verdict.calls_users = verdict.calls_users || of_it.calls_users;
  };
  for (const SubPlan* subquery : subqueries_read(expressions, *verdicts.init_plans)) {
    verdict.may_raise = verdict.may_raise || rows_raise(statement, *subquery);
    add(plan_of(statement, subquery->plan_id));
  }
  if (IsA(node, CteScan)) {
    add(plan_of(statement, reinterpret_cast<const CteScan*>(node)->ctePlanId));
  }
  for_each_child(node, add);
  verdicts.given.emplace(node, verdict);
  return verdict;
}

bool reads_volatile_subquery(const Statement& statement, Node* expr) {
  List* all = call([expr] { return list_make1(expr); });
  for (const SubPlan* subquery : subqueries_read(all, *verdicts_of(statement).init_plans)) {
    if (verdict_on(statement, plan_of(statement, subquery->plan_id)).is_volatile) {
      return true;
    }
  }
  return false;
}

bool shows_when_evaluated(const Statement& statement, const Plan* node, Node* expr) {
  if (expressions_are_volatile(expr) || expressions_raise(statement, node, expr)) {
    return true;
  }
  List* all = call([expr] { return list_make1(expr); });
  return !subqueries_read(all, *verdicts_of(statement).init_plans).empty();
}

}  // namespace sluice::pg
