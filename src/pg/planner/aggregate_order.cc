#include "pg/planner/aggregate_order.h"

#include "pg/border/call.h"
#include "pg/planner/safe_functions.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <parser/parsetree.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

using plan::RowOrder;

namespace {

/// Aggregates whose states are counts, exact sums of integers and numerics, or sets of bits; and
/// ranks, which count the rows before one that is not among them.
bool is_commutative(Oid aggregate) noexcept {
  switch (aggregate) {
    case F_COUNT_:
    case F_COUNT_ANY:
    case F_REGR_COUNT:
    case F_VARIANCE_INT2:
    case F_VARIANCE_INT4:
    case F_VARIANCE_INT8:
    case F_VARIANCE_NUMERIC:
    case F_VAR_SAMP_INT2:
    case F_VAR_SAMP_INT4:
    case F_VAR_SAMP_INT8:
    case F_VAR_SAMP_NUMERIC:
    case F_VAR_POP_INT2:
    case F_VAR_POP_INT4:
    case F_VAR_POP_INT8:
    case F_VAR_POP_NUMERIC:
    case F_STDDEV_INT2:
    case F_STDDEV_INT4:
    case F_STDDEV_INT8:
    case F_STDDEV_NUMERIC:
    case F_STDDEV_SAMP_INT2:
    case F_STDDEV_SAMP_INT4:
    case F_STDDEV_SAMP_INT8:
    case F_STDDEV_SAMP_NUMERIC:
    case F_STDDEV_POP_INT2:
    case F_STDDEV_POP_INT4:
    case F_STDDEV_POP_INT8:
    case F_STDDEV_POP_NUMERIC:
    case F_BOOL_AND:
    case F_BOOL_OR:
    case F_EVERY:
    case F_BIT_AND_INT2:
    case F_BIT_AND_INT4:
    case F_BIT_AND_INT8:
    case F_BIT_OR_INT2:
    case F_BIT_OR_INT4:
    case F_BIT_OR_INT8:
    case F_BIT_XOR_INT2:
    case F_BIT_XOR_INT4:
    case F_BIT_XOR_INT8:
    case F_RANK_ANY:
    case F_DENSE_RANK_ANY:
    case F_PERCENT_RANK_ANY:
    case F_CUME_DIST_ANY:
      return true;
    default:
      return is_plain_sum(aggregate);  // exact in any order
  }
}

/// min and max, whose state is the value that they choose: of equal values either may come out.
bool is_extreme(const Aggref& aggref) {
  return call([&aggref] {
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref.aggfnoid));
    if (!HeapTupleIsValid(tuple)) {
      return false;
    }
    const auto* form = reinterpret_cast<const FormData_pg_aggregate*>(GETSTRUCT(tuple));
    const bool chooses = OidIsValid(form->aggsortop) && !OidIsValid(form->aggfinalfn);
    const Oid transition = form->aggtransfn;
    ReleaseSysCache(tuple);
    return chooses && func_strict(transition) && list_length(aggref.aggargtypes) == 1 &&
           linitial_oid(aggref.aggargtypes) == aggref.aggtranstype;
  });
}

/// What a walk over a plan has found.
struct TableUse {
  const List* relations;
  Oid table;
  bool is_read = false;    // in the part at hand
  bool is_scanned = true;  // only as a scan reads it
};

void note_uses(const Plan* node, TableUse& use);

void note_uses_of(const List* plans, TableUse& use) {
  for (int i = 0; i < list_length(plans); ++i) {
    note_uses(static_cast<const Plan*>(list_nth(plans, i)), use);
  }
}

bool reads(const Plan* node, const TableUse& use) {
  switch (nodeTag(node)) {
    case T_SeqScan:
    case T_SampleScan:
    case T_IndexScan:
    case T_IndexOnlyScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_TidRangeScan:
      return rt_fetch(reinterpret_cast<const Scan*>(node)->scanrelid, use.relations)->relid ==
             use.table;
    default:
      return false;
  }
}

/// Runs in: call().
void note_uses(const Plan* node, TableUse& use) {
  if (node == nullptr) {
    return;
  }
  check_stack_depth();
  const bool read_before = use.is_read;
  use.is_read = reads(node, use);
  if (use.is_read && (IsA(node, IndexScan) || IsA(node, IndexOnlyScan))) {
    use.is_scanned = false;
  }
  note_uses(node->lefttree, use);
  note_uses(node->righttree, use);
  if (IsA(node, SubqueryScan)) {
    note_uses(reinterpret_cast<const SubqueryScan*>(node)->subplan, use);
  } else if (IsA(node, Append)) {
    note_uses_of(reinterpret_cast<const Append*>(node)->appendplans, use);
  } else if (IsA(node, MergeAppend)) {
    note_uses_of(reinterpret_cast<const MergeAppend*>(node)->mergeplans, use);
  } else if (IsA(node, Agg)) {
    const auto* agg = reinterpret_cast<const Agg*>(node);
    if (use.is_read && agg->aggstrategy == AGG_SORTED && agg->numCols > 0) {
      use.is_scanned = false;
    }
  }
  use.is_read = use.is_read || read_before;
}

bool is_sorted_by(const Aggref& aggref, Index reference) {
  for (int i = 0; i < list_length(aggref.aggorder); ++i) {
    const auto* clause = static_cast<const SortGroupClause*>(list_nth(aggref.aggorder, i));
    if (reference != 0 && clause->tleSortGroupRef == reference) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool is_sorted_by_all(const Aggref& aggref) {
  for (int i = 0; i < list_length(aggref.args); ++i) {
    const auto* entry = static_cast<const TargetEntry*>(list_nth(aggref.args, i));
    if (aggref.aggdistinct == NIL && !entry->resjunk && !IsA(entry->expr, Const) &&
        !is_sorted_by(aggref, entry->ressortgroupref)) {
      return false;
    }
  }
  return aggref.aggorder != NIL || aggref.aggdistinct != NIL;
}

Forms forms_of(Oid type, const plan::DataType& held) {
  if (held.kind == plan::TypeKind::kDecimal) {
    return Forms::kOne;  // of one scale
  }
  const Oid base = call([type] { return getBaseType(type); });
  switch (base) {
    case BOOLOID:
    case CHAROID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
    case DATEOID:
    case TIMEOID:
    case TIMETZOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
    case TEXTOID:
    case VARCHAROID:
    case BYTEAOID:
    case UUIDOID:
    case MONEYOID:
    case INETOID:
    case CIDROID:
    case MACADDROID:
    case MACADDR8OID:
    case PG_LSNOID:
    case BITOID:
    case VARBITOID:
      return Forms::kOne;
    case FLOAT4OID:
    case FLOAT8OID:
      return Forms::kZeros;
    default:
      return held.kind == plan::TypeKind::kHandle ? Forms::kOne : Forms::kMany;  // an enum
  }
}

RowOrder order_wanted(const Aggref& aggref, Forms forms, bool may_scan) {
  if (aggref.aggfnoid == F_COUNT_ANY ||
      (aggref.aggdistinct == NIL && is_commutative(aggref.aggfnoid))) {
    return RowOrder::kAny;
  }
  const bool is_of_set = AGGKIND_IS_ORDERED_SET(aggref.aggkind);
  const bool sorts_itself = is_of_set && aggref.aggfnoid < FirstNormalObjectId;
  const bool is_sorted = !is_of_set && (aggref.aggorder != NIL || aggref.aggdistinct != NIL);
  const bool is_one_of_them = is_extreme(aggref);
  const bool wants_none = sorts_itself || (is_sorted && is_sorted_by_all(aggref)) || is_one_of_them;
  if (wants_none && forms != Forms::kMany) {
    return forms == Forms::kOne ? RowOrder::kAny : RowOrder::kChecked;
  }
  // Rows that the sort leaves without an order, and extremes that equal another, can be told. Those
  // rows come out as the sort happens to go, which is another one where it spills.
  return is_sorted || (is_one_of_them && !may_scan) ? RowOrder::kChecked : RowOrder::kScan;
}

bool comes_in_scan_order(const PlannedStmt* first, Oid table) {
  return call([first, table] {
    TableUse use{first->rtable, table};
    note_uses(first->planTree, use);
    note_uses_of(first->subplans, use);
    return use.is_scanned;
  });
}

}  // namespace sluice::pg
