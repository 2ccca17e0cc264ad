#include "pg/leader/child_plans.h"

#include <cstring>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/executor.h>
#include <nodes/pg_list.h>
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

int input_count(const CustomScanState* scan) {
  return list_length(reinterpret_cast<const CustomScan*>(scan->ss.ps.plan)->custom_plans) - 1;
}

/// Children are the plan inputs and, once it runs, the replaced plan.
PlanState* child_of(CustomScanState* scan) {
  const int inputs = input_count(scan);
  return list_length(scan->custom_ps) <= inputs
             ? nullptr
             : static_cast<PlanState*>(list_nth(scan->custom_ps, inputs));
}

PlanState* bring_up(CustomScanState* scan, int eflags) {
  const auto* plan = reinterpret_cast<CustomScan*>(scan->ss.ps.plan);
  EState* estate = scan->ss.ps.state;
  MemoryContext const outer = MemoryContextSwitchTo(estate->es_query_cxt);
  PlanState* child = ExecInitNode(static_cast<Plan*>(linitial(plan->custom_plans)), estate,
                                  eflags & ~EXEC_FLAG_EXPLAIN_ONLY);
  scan->custom_ps = lappend(scan->custom_ps, child);
  MemoryContextSwitchTo(outer);
  return child;
}

}  // namespace

PlanInput* plan_inputs_begin(CustomScanState* scan, int eflags, int* count) {
  const auto* plan = reinterpret_cast<const CustomScan*>(scan->ss.ps.plan);
  *count = input_count(scan);
  auto* inputs = static_cast<PlanInput*>(palloc0(sizeof(PlanInput) * (*count + 1)));
  for (int i = 0; i < *count; ++i) {
    auto* node = static_cast<Plan*>(list_nth(plan->custom_plans, i + 1));
    inputs[i].state = ExecInitNode(node, scan->ss.ps.state, eflags);
    scan->custom_ps = lappend(scan->custom_ps, inputs[i].state);
  }
  return inputs;
}

void plan_inputs_rescan(const CustomScanState* scan, PlanInput* inputs, int count) {
  MemoryContext const outer = MemoryContextSwitchTo(scan->ss.ps.state->es_query_cxt);
  for (int i = 0; i < count; ++i) {
    inputs[i].changed = bms_add_members(inputs[i].changed, scan->ss.ps.chgParam);
  }
  MemoryContextSwitchTo(outer);
}

TupleTableSlot* replaced_plan_next(CustomScanState* scan, int eflags) {
  PlanState* child = child_of(scan);
  if (child == nullptr) {
    child = bring_up(scan, eflags);
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

void child_plans_end(CustomScanState* scan) {
  ListCell* cell;
  foreach (cell, scan->custom_ps) {
    ExecEndNode(static_cast<PlanState*>(lfirst(cell)));
  }
}

}  // namespace sluice::pg
