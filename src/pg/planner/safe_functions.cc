#include "pg/planner/safe_functions.h"

#include <algorithm>

#include "pg/planner/node_walk.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/transam.h>
#include <catalog/pg_type.h>
#include <optimizer/optimizer.h>
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
  if (function >= FirstNormalObjectId || !get_func_leakproof(function) ||
      function == F_STARTS_WITH || function == F_MD5_TEXT || function == F_MD5_BYTEA) {
    return false;
  }
  Oid* types = nullptr;
  int count = 0;
  (void)get_func_signature(function, &types, &count);
  return std::all_of(types, types + count, is_plain_scalar);
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

}  // namespace

bool function_may_raise(Oid function, void* /*context*/) {
  return !is_safe_on_numerics(function) && !is_safe_on_dates(function) &&
         !is_safe_on_scalars(function);
}

bool is_safe_call(const Node* node) {
  return IsA(node, FuncExpr) &&
         reinterpret_cast<const FuncExpr*>(node)->location == kSafeCallLocation;
}

bool is_safe_node(const Node* node) {
  switch (nodeTag(node)) {
    case T_List:
    case T_TargetEntry:
    case T_BoolExpr:
    case T_NullTest:
    case T_BooleanTest:
    case T_CollateExpr:
    case T_RelabelType:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
      return true;
    case T_ArrayExpr:
      return !reinterpret_cast<const ArrayExpr*>(node)->multidims;
    default:
      return false;
  }
}

List* arguments_of(Node* node) {
  switch (nodeTag(node)) {
    case T_Aggref:
      return reinterpret_cast<const Aggref*>(node)->args;
    case T_WindowFunc:
      return reinterpret_cast<const WindowFunc*>(node)->args;
    case T_FuncExpr:
      return reinterpret_cast<const FuncExpr*>(node)->args;
    case T_ScalarArrayOpExpr:
      return reinterpret_cast<const ScalarArrayOpExpr*>(node)->args;
    default:  // DistinctExpr and NullIfExpr are OpExprs
      return reinterpret_cast<const OpExpr*>(node)->args;
  }
}

bool lacks_collation(Node* node) {
  const bool open = !OidIsValid(exprInputCollation(node));
  ListCell* cell;
  foreach (cell, arguments_of(node)) {
    auto* arg = static_cast<Node*>(lfirst(cell));
    if (IsA(arg, TargetEntry)) {
      arg = reinterpret_cast<Node*>(reinterpret_cast<const TargetEntry*>(arg)->expr);
    }
    if (type_is_collatable(exprType(arg)) && (open || !OidIsValid(exprCollation(arg)))) {
      return true;
    }
  }
  return false;
}

bool is_plain_sum(Oid function) noexcept {
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

bool is_plain_extreme(Oid function) noexcept {
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

bool is_folded(Node* node) { return !varies(node, nullptr) && !contain_mutable_functions(node); }

bool is_boundless(Oid type, int typmod) {
  return getBaseTypeAndTypmod(type, &typmod) == NUMERICOID && typmod < VARHDRSZ;
}

bool is_boundless(const Const& constant) {
  if (constant.constisnull || getBaseType(constant.consttype) != NUMERICOID) {
    return false;
  }
  const Datum size = DirectFunctionCall1(numeric_abs, constant.constvalue);
  const Datum bound = DirectFunctionCall3(numeric_in, CStringGetDatum("1e38"),
                                          ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
  return DatumGetBool(DirectFunctionCall2(numeric_gt, size, bound));
}

}  // namespace sluice::pg
