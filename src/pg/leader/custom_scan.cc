#include "pg/leader/custom_scan.h"

#include <new>
#include <utility>

#include "base/fault_point.h"
#include "pg/border/guard.h"
#include "pg/border/pg_include.h"
#include "pg/leader/child_plans.h"
#include "pg/leader/execute_rights.h"
#include "pg/leader/explain_document.h"
#include "pg/leader/leader_scan.h"
#include "pg/planner/sluice_plan.h"
#include "pg/port/custom_scan_methods.h"

SLUICE_PG_HEADERS_BEGIN
#include <commands/explain.h>
#include <executor/executor.h>
#include <nodes/execnodes.h>
#include <nodes/plannodes.h>
#include <storage/ipc.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// The C++ side of a Custom Scan.
struct Root {
  LeaderScan scan;
  ExplainDocument explain;  // lives here because printing it may longjmp
};

/// The executor's node. `root` is null until BeginCustomScan.
struct SluiceScanState {
  CustomScanState custom;
  Root* root;
  List* params;       // ExprStates of custom_exprs
  int flags;          // that it was brought up with
  PlanInput* inputs;  // in their order
  int input_count;
  MemoryContextCallback root_owner;
};

SluiceScanState* state_of(CustomScanState* node) {
  return reinterpret_cast<SluiceScanState*>(node);
}

void drop_root(void* root) {
  // At a process's exit frames of the root's methods may lie below us on the stack.
  if (!proc_exit_inprogress) {
    delete static_cast<Root*>(root);
  }
}

Node* create_scan_state(CustomScan* plan);

/// As the executor's scans do, until its end: TRUNCATE, DROP and ALTER of a table that a cursor
/// reads are refused.
/// Source: tablecmds.c, CheckTableNotInUse()
void hold_relations(const CustomScan* plan, EState* estate, int flags) {
  int range_index = -1;
  while ((range_index = bms_next_member(plan->custom_relids, range_index)) >= 0) {
    ExecOpenScanRelation(estate, static_cast<Index>(range_index), flags);
  }
}

void begin_scan(CustomScanState* node, EState* estate, int flags) {
  SluiceScanState* state = state_of(node);
  const auto* plan = reinterpret_cast<CustomScan*>(node->ss.ps.plan);
  state->flags = flags;
  hold_relations(plan, estate, flags);
  state->inputs = plan_inputs_begin(node, flags, &state->input_count);
  state->root = guard([=] {
    check_execute_rights(static_cast<const Plan*>(linitial(plan->custom_plans)),
                         (flags & EXEC_FLAG_EXPLAIN_ONLY) != 0);
    PlanInputs inputs;
    for (int i = 0; i < state->input_count; ++i) {
      inputs.push_back(&state->inputs[i]);
    }
    const bool may_rescan = (flags & EXEC_FLAG_REWIND) != 0;
    return new Root{
        LeaderScan(from_custom_private(plan->custom_private), std::move(inputs), may_rescan), {}};
  });
  state->root_owner.func = &drop_root;
  state->root_owner.arg = state->root;
  MemoryContextRegisterResetCallback(estate->es_query_cxt, &state->root_owner);
  state->params = ExecInitExprList(plan->custom_exprs, &node->ss.ps);
}

/// The access method of ExecScan(): an empty slot at the end and when the run was abandoned.
TupleTableSlot* next_row(ScanState* scan) {
  auto* state = reinterpret_cast<SluiceScanState*>(scan);
  LeaderScan& rows = state->root->scan;
  TupleTableSlot* slot = ExecClearTuple(scan->ss_ScanTupleSlot);
  if (!rows.has_row()) {
    MemoryContext const outer = MemoryContextSwitchTo(scan->ps.state->es_query_cxt);
    const FetchResult result = guard([&] { return rows.fetch(*scan, state->params); });
    MemoryContextSwitchTo(outer);
    if (result != FetchResult::kRow) {
      return slot;
    }
  }
#ifdef SLUICE_FAULT_POINTS
  guard([] { SLUICE_FAULT_POINT(kRowReturned); });
#endif
  MemoryContext const outer = MemoryContextSwitchTo(scan->ps.ps_ExprContext->ecxt_per_tuple_memory);
  rows.store_row(slot->tts_values, slot->tts_isnull);
  MemoryContextSwitchTo(outer);
  return ExecStoreVirtualTuple(slot);
}

/// Rows are not rechecked: no plan below FOR UPDATE is taken.
bool recheck_row(ScanState*, TupleTableSlot*) { return true; }

TupleTableSlot* exec_scan(CustomScanState* node) {
  LeaderScan& rows = state_of(node)->root->scan;
  if (!rows.abandoned()) {
    TupleTableSlot* slot = ExecScan(&node->ss, &next_row, &recheck_row);
    if (!TupIsNull(slot)) {
      rows.note_row_returned();
      return slot;
    }
    if (!rows.abandoned()) {
      return slot;
    }
  }
  return replaced_plan_next(node, state_of(node)->flags);
}

void rescan_scan(CustomScanState* node) {
  ExecScanReScan(&node->ss);
  SluiceScanState* state = state_of(node);
  state->root->scan.rescan();
  plan_inputs_rescan(node, state->inputs, state->input_count);
  replaced_plan_rescan(node);
}

void shutdown_scan(CustomScanState* node) {
  SluiceScanState* state = state_of(node);
  guard([=] { state->root->scan.shutdown(); });
}

void end_scan(CustomScanState* node) {
  SluiceScanState* state = state_of(node);
  guard([=] { state->root->scan.end(); });
  child_plans_end(node);
}

void explain_scan(CustomScanState* node, List*, ExplainState* explain) {
  SluiceScanState* state = state_of(node);
  guard([=] { state->root->explain = ExplainDocument(state->root->scan, *explain); });
  state->root->explain.print(explain);
}

CustomExecMethods exec_methods() {
  CustomExecMethods methods{};
  methods.CustomName = kCustomName;
  methods.BeginCustomScan = &begin_scan;
  methods.ExecCustomScan = &exec_scan;
  methods.EndCustomScan = &end_scan;
  methods.ReScanCustomScan = &rescan_scan;
  methods.ShutdownCustomScan = &shutdown_scan;
  methods.ExplainCustomScan = &explain_scan;
  return methods;
}

const CustomExecMethods kExecMethods = exec_methods();

Node* create_scan_state(CustomScan*) {
  auto* state = static_cast<SluiceScanState*>(palloc0(sizeof(SluiceScanState)));
  NodeSetTag(state, T_CustomScanState);
  state->custom.methods = &kExecMethods;
  return reinterpret_cast<Node*>(state);
}

}  // namespace

void register_custom_scan() {
  custom_scan_methods.CustomName = kCustomName;
  custom_scan_methods.CreateCustomScanState = &create_scan_state;
  // A second registration, after the library was found by another name, would be an error.
  if (GetCustomScanMethods(kCustomName, true) == nullptr) {
    RegisterCustomScanMethods(&custom_scan_methods);
  }
}

}  // namespace sluice::pg
