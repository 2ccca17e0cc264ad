#include "pg/leader/replaced_plan.h"

#include <cstring>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/executor.h>
#include <nodes/pg_list.h>
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

PlanState* child_of(CustomScanState* scan) {
  return scan->custom_ps == NIL ? nullptr : static_cast<PlanState*>(linitial(scan->custom_ps));
}

PlanState* bring_up(CustomScanState* scan) {
  const auto* plan = reinterpret_cast<CustomScan*>(scan->ss.ps.plan);
  EState* estate = scan->ss.ps.state;
  MemoryContext const outer = MemoryContextSwitchTo(estate->es_query_cxt);
  PlanState* child = ExecInitNode(static_cast<Plan*>(linitial(plan->custom_plans)), estate,
                                  estate->es_top_eflags & ~EXEC_FLAG_EXPLAIN_ONLY);
  scan->custom_ps = list_make1(child);
  MemoryContextSwitchTo(outer);
  return child;
}

}  // namespace

TupleTableSlot* replaced_plan_next(CustomScanState* scan) {
  PlanState* child = child_of(scan);
  if (child == nullptr) {
    child = bring_up(scan);
  }
  TupleTableSlot* row = ExecProcNode(child);
  // The nodes above were told that this node's slots are virtual: lend them the child's values.
  TupleTableSlot* result = ExecClearTuple(scan->ss.ps.ps_ResultTupleSlot);
  if (TupIsNull(row)) {
    return result;
  }
  slot_getallattrs(row);
  const auto columns = static_cast<std::size_t>(result->tts_tupleDescriptor->natts);
  std::memcpy(result->tts_values, row->tts_values, columns * sizeof(Datum));
  std::memcpy(result->tts_isnull, row->tts_isnull, columns * sizeof(bool));
  return ExecStoreVirtualTuple(result);
}

void replaced_plan_rescan(CustomScanState* scan) {
  PlanState* child = child_of(scan);
  if (child == nullptr) {
    return;
  }
  if (scan->ss.ps.chgParam != nullptr) {
    UpdateChangedParamSet(child, scan->ss.ps.chgParam);
  }
  // A child with changed parameters is rescanned by its next ExecProcNode().
  if (child->chgParam == nullptr) {
    ExecReScan(child);
  }
}

void replaced_plan_end(CustomScanState* scan) {
  PlanState* child = child_of(scan);
  if (child != nullptr) {
    ExecEndNode(child);
  }
}

}  // namespace sluice::pg
