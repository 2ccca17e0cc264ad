#include "pg/planner/query_errors.h"

#include <algorithm>

#include "pg/planner/node_walk.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <optimizer/optimizer.h>
#include <parser/parse_relation.h>
#include <parser/parsetree.h>
#include <utils/fmgroids.h>
#include <utils/fmgrprotos.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// For numerics of a declared precision, whose sums and products stay far from numeric's limits.
bool is_safe_on_numerics(Oid function) {
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
      return true;
    default:
      return false;
  }
}

/// Dates too large for a timestamp are larger than all timestamps.
bool is_safe_on_dates(Oid function) {
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
      return true;
    default:
      return false;
  }
}

bool is_plain_scalar(Oid type) {
  switch (type) {
    case BOOLOID:
    case CHAROID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case FLOAT4OID:
    case FLOAT8OID:
    case OIDOID:
    case TEXTOID:
    case BPCHAROID:
    case BYTEAOID:
    case UUIDOID:
    case DATEOID:
    case TIMEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      return true;
    default:
      return false;
  }
}

/// A function that is leakproof raises nothing that tells its arguments; on these types, nothing.
bool is_safe_on_scalars(Oid function) {
  if (!get_func_leakproof(function) || function == F_STARTS_WITH) {
    return false;
  }
  Oid* types = nullptr;
  int count = 0;
  (void)get_func_signature(function, &types, &count);
  return std::all_of(types, types + count, is_plain_scalar);
}

bool function_may_raise(Oid function, void* /*context*/) {
  return !is_safe_on_numerics(function) && !is_safe_on_dates(function) &&
         !is_safe_on_scalars(function);
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
bool varies(Node* node, void* context) {
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
      return expression_tree_walker(node, unprototyped(varies), context);
    default:
      return true;
  }
}

/// The planner has evaluated it before anything runs.
bool is_folded(Node* node) { return !varies(node, nullptr) && !contain_mutable_functions(node); }

/// Whether values of a type can be numerics that arithmetic takes beyond numeric's limits.
bool is_boundless(Oid type, int typmod) {
  return getBaseTypeAndTypmod(type, &typmod) == NUMERICOID && typmod < VARHDRSZ;
}

/// The same of a constant: NaN is larger than all numbers.
bool is_boundless(const Const& constant) {
  if (constant.constisnull || getBaseType(constant.consttype) != NUMERICOID) {
    return false;
  }
  const Datum size = DirectFunctionCall1(numeric_abs, constant.constvalue);
  const Datum bound = DirectFunctionCall3(numeric_in, CStringGetDatum("1e38"),
                                          ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
  return DatumGetBool(DirectFunctionCall2(numeric_gt, size, bound));
}

/// Whether the planner leaves it a subquery, whose columns are then values when they come out.
bool is_finished(const Query& query) {
  return query.hasAggs || query.hasWindowFuncs || query.hasTargetSRFs || query.groupClause != NIL ||
         query.distinctClause != NIL || query.limitCount != nullptr ||
         query.setOperations != nullptr;
}

struct Search {
  QueryLevel level;
  int finished;  // a range table entry of that level, or 0
};

bool may_raise_walker(Node* node, void* context);

bool column_may_raise(const Var& var, const Search& search) {
  if (var.varlevelsup == 0 && var.varno == search.finished) {
    return false;
  }
  const QueryLevel* at = &search.level;
  for (Index up = 0; up < var.varlevelsup && at != nullptr; ++up) {
    at = at->around;
  }
  if (at == nullptr || var.varno < 1 || var.varno > list_length(at->query->rtable)) {
    return true;
  }
  const RangeTblEntry* entry = rt_fetch(var.varno, at->query->rtable);
  Node* expr = nullptr;
  Search inside{*at, 0};
  if (entry->rtekind == RTE_CTE) {
    return true;  // the planner may inline it
  }
  if (entry->rtekind == RTE_JOIN) {
    expr = var.varattno < 1 ? nullptr
                            : static_cast<Node*>(list_nth(entry->joinaliasvars, var.varattno - 1));
  } else if (entry->rtekind == RTE_SUBQUERY && !is_finished(*entry->subquery)) {
    const TargetEntry* target = get_tle_by_resno(entry->subquery->targetList, var.varattno);
    expr = target == nullptr ? nullptr : reinterpret_cast<Node*>(target->expr);
    inside.level = {entry->subquery, at};
  } else {
    return is_boundless(var.vartype, var.vartypmod);
  }
  return expr == nullptr || may_raise_walker(expr, &inside);
}

/// Shape: `context` is a Search.
bool may_raise_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  check_stack_depth();
  switch (nodeTag(node)) {
    case T_Var:
      return column_may_raise(*reinterpret_cast<const Var*>(node),
                              *static_cast<const Search*>(context));
    case T_Param: {
      const auto* param = reinterpret_cast<const Param*>(node);
      return param->paramkind != PARAM_EXTERN || is_boundless(param->paramtype, -1);
    }
    case T_Const:
      return is_boundless(*reinterpret_cast<const Const*>(node));
    case T_Aggref:
      if (!is_plain_aggregate(*reinterpret_cast<const Aggref*>(node))) {
        return true;
      }
      break;
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
        return is_boundless(exprType(node), exprTypmod(node));
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

/// Whether a condition is one of a single table, which restricts it before it is joined.
bool restricts_one_table(Node* conjunct, const Query& query) {
  const Bitmapset* tables = pull_varnos_of_level(nullptr, conjunct, 0);
  int table = -1;
  return bms_get_singleton_member(tables, &table) && table <= list_length(query.rtable) &&
         rt_fetch(table, query.rtable)->rtekind == RTE_RELATION;
}

struct ConditionSearch {
  const QueryLevel* level;
  const Node* except;
};

/// Of a FROM clause. Shape: `context` is a ConditionSearch.
bool conditions_may_raise(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  const auto& search = *static_cast<const ConditionSearch*>(context);
  Node* quals = nullptr;
  if (IsA(node, FromExpr)) {
    quals = reinterpret_cast<FromExpr*>(node)->quals;
  } else if (IsA(node, JoinExpr)) {
    quals = reinterpret_cast<JoinExpr*>(node)->quals;
  } else if (!IsA(node, List)) {
    return false;
  }
  ListCell* cell;
  foreach (cell, conjuncts_of(quals)) {
    auto* conjunct = static_cast<Node*>(lfirst(cell));
    if (conjunct != search.except && !restricts_one_table(conjunct, *search.level->query) &&
        may_raise(conjunct, *search.level)) {
      return true;
    }
  }
  return expression_tree_walker(node, unprototyped(conditions_may_raise), context);
}

}  // namespace

bool is_plain_aggregate(const Aggref& call) {
  return (is_plain_sum(call.aggfnoid) || is_plain_extreme(call.aggfnoid)) &&
         call.agglevelsup == 0 && call.aggorder == NIL && call.aggdistinct == NIL &&
         call.aggfilter == nullptr &&
         (!OidIsValid(call.inputcollid) || get_collation_isdeterministic(call.inputcollid));
}

bool may_raise(Node* part, const QueryLevel& level) { return may_raise_over(part, level, 0); }

bool may_raise_over(Node* part, const QueryLevel& level, int finished) {
  Search search{level, finished};
  return may_raise_walker(part, &search);
}

bool joins_may_raise(const QueryLevel& level, const Node* except) {
  for (const QueryLevel* at = &level; at != nullptr; at = at->around) {
    ConditionSearch search{at, at == &level ? except : nullptr};
    if (at->query->jointree != nullptr &&
        conditions_may_raise(reinterpret_cast<Node*>(at->query->jointree), &search)) {
      return true;
    }
  }
  return false;
}

List* conjuncts_of(Node* quals) {
  if (quals == nullptr) {
    return NIL;
  }
  if (!is_andclause(quals)) {
    return list_make1(quals);
  }
  List* all = NIL;
  ListCell* cell;
  foreach (cell, reinterpret_cast<BoolExpr*>(quals)->args) {
    all = list_concat(all, conjuncts_of(static_cast<Node*>(lfirst(cell))));
  }
  return all;
}

}  // namespace sluice::pg
