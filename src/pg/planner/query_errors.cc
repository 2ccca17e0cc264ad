#include "pg/planner/query_errors.h"

#include "pg/planner/node_walk.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <optimizer/optimizer.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// For numerics of a declared precision, whose sums and products stay far from numeric's limits.
bool numeric_function_raises(Oid function) {
  switch (function) {
    case F_NUMERIC_EQ:
    case F_NUMERIC_NE:
    case F_NUMERIC_LT:
    case F_NUMERIC_LE:
    case F_NUMERIC_GT:
    case F_NUMERIC_GE:
    case F_NUMERIC_ADD:
    case F_NUMERIC_SUB:
    case F_NUMERIC_MUL:
    case F_NUMERIC_UMINUS:
    case F_NUMERIC_INT2:
    case F_NUMERIC_INT4:
    case F_NUMERIC_INT8:
      return false;
    default:
      return true;
  }
}

/// Dates too large for a timestamp are larger than all timestamps.
bool date_comparison_raises(Oid function) {
  switch (function) {
    case F_DATE_EQ_TIMESTAMP:
    case F_DATE_NE_TIMESTAMP:
    case F_DATE_LT_TIMESTAMP:
    case F_DATE_LE_TIMESTAMP:
    case F_DATE_GT_TIMESTAMP:
    case F_DATE_GE_TIMESTAMP:
    case F_TIMESTAMP_EQ_DATE:
    case F_TIMESTAMP_NE_DATE:
    case F_TIMESTAMP_LT_DATE:
    case F_TIMESTAMP_LE_DATE:
    case F_TIMESTAMP_GT_DATE:
    case F_TIMESTAMP_GE_DATE:
      return false;
    default:
      return true;
  }
}

/// A function that is leakproof raises nothing that depends on its arguments.
bool function_may_raise(Oid function, void* /*context*/) {
  return numeric_function_raises(function) && date_comparison_raises(function) &&
         !get_func_leakproof(function);
}

/// The sums and averages that are exact in any order, NULL for no rows, and cannot overflow.
bool is_plain_sum(Oid function) {
  switch (function) {
    case F_SUM_INT2:
    case F_SUM_INT4:
    case F_SUM_INT8:
    case F_SUM_NUMERIC:
    case F_AVG_INT2:
    case F_AVG_INT4:
    case F_AVG_INT8:
    case F_AVG_NUMERIC:
      return true;
    default:
      return false;
  }
}

bool is_plain_extreme(Oid function) {
  switch (function) {
    case F_MIN_INT2:
    case F_MIN_INT4:
    case F_MIN_INT8:
    case F_MIN_FLOAT4:
    case F_MIN_FLOAT8:
    case F_MIN_NUMERIC:
    case F_MIN_DATE:
    case F_MIN_TIME:
    case F_MIN_TIMESTAMP:
    case F_MIN_TIMESTAMPTZ:
    case F_MIN_TEXT:
    case F_MIN_BPCHAR:
    case F_MAX_INT2:
    case F_MAX_INT4:
    case F_MAX_INT8:
    case F_MAX_FLOAT4:
    case F_MAX_FLOAT8:
    case F_MAX_NUMERIC:
    case F_MAX_DATE:
    case F_MAX_TIME:
    case F_MAX_TIMESTAMP:
    case F_MAX_TIMESTAMPTZ:
    case F_MAX_TEXT:
    case F_MAX_BPCHAR:
      return true;
    default:
      return false;
  }
}

/// Whether a part has a value of its own for every row, or run, or is one that we do not know.
bool varies_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  switch (nodeTag(node)) {
    case T_List:
    case T_Const:
    case T_FuncExpr:
    case T_OpExpr:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayExpr:
      return expression_tree_walker(node, unprototyped(varies_walker), context);
    default:
      return true;
  }
}

/// The planner has evaluated it before anything runs.
bool is_folded(Node* node) {
  return !varies_walker(node, nullptr) && !contain_mutable_functions(node);
}

/// Shape: `context` is an Index, of a range table entry whose numerics are known to be in bounds.
bool may_raise_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  switch (nodeTag(node)) {
    case T_Var: {
      const auto* var = reinterpret_cast<const Var*>(node);
      const bool bounded = var->varlevelsup == 0 && var->varno == *static_cast<int*>(context);
      return var->vartype == NUMERICOID && var->vartypmod < VARHDRSZ && !bounded;
    }
    case T_Param: {
      const auto* param = reinterpret_cast<const Param*>(node);
      return param->paramkind != PARAM_EXTERN || param->paramtype == NUMERICOID;
    }
    case T_Aggref:
      if (!is_plain_aggregate(*reinterpret_cast<const Aggref*>(node))) {
        return true;
      }
      break;
    case T_Const:
    case T_List:
    case T_TargetEntry:
    case T_FromExpr:
    case T_JoinExpr:
    case T_RangeTblRef:
    case T_BoolExpr:
    case T_NullTest:
    case T_BooleanTest:
    case T_CollateExpr:
    case T_RelabelType:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
    case T_ArrayExpr:
      break;
    case T_OpExpr:
    case T_FuncExpr:
    case T_DistinctExpr:
    case T_ScalarArrayOpExpr:
      if (is_folded(node)) {
        return false;
      }
      if (check_functions_in_node(node, function_may_raise, nullptr)) {
        return true;
      }
      break;
    default:
      return true;
  }
  return expression_tree_walker(node, unprototyped(may_raise_walker), context);
}

}  // namespace

bool is_plain_aggregate(const Aggref& call) {
  return (is_plain_sum(call.aggfnoid) || is_plain_extreme(call.aggfnoid)) &&
         call.agglevelsup == 0 && call.aggorder == NIL && call.aggdistinct == NIL &&
         call.aggfilter == nullptr;
}

bool may_raise(Node* part, int bounded) { return may_raise_walker(part, &bounded); }

}  // namespace sluice::pg
