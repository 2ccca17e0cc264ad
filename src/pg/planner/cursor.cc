#include "pg/planner/cursor.h"

#include "pg/border/call.h"
#include "pg/planner/plan_children.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/executor.h>
#include <miscadmin.h>
#include <nodes/parsenodes.h>
#include <parser/parsetree.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// One that was declared neither SCROLL nor NO SCROLL goes backward where its plan can. Runs in:
/// call().
bool loses_backward_scan(const PlannedStmt* first, const PlannedStmt* second, int cursor_options) {
  return (cursor_options & CURSOR_OPT_FAST_PLAN) != 0 &&
         (cursor_options & CURSOR_OPT_NO_SCROLL) == 0 &&
         ExecSupportsBackwardScan(first->planTree) && !ExecSupportsBackwardScan(second->planTree);
}

/// The tables among whose rows WHERE CURRENT OF finds that of a cursor with this plan: adds their
/// oids. Runs in: call().
/// Source: execCurrent.c, search_plan_tree()
void add_updatable_tables(const PlannedStmt* planned, const Plan* node, List** tables) {
  check_stack_depth();
  switch (nodeTag(node)) {
    case T_SeqScan:
    case T_SampleScan:
    case T_IndexScan:
    case T_IndexOnlyScan:
    case T_BitmapHeapScan:
    case T_TidScan:
    case T_TidRangeScan:
    case T_ForeignScan:
    case T_CustomScan:
      if (const Index number = reinterpret_cast<const Scan*>(node)->scanrelid; number > 0) {
        *tables = lappend_oid(*tables, rt_fetch(number, planned->rtable)->relid);
      }
      break;
    case T_Append:
    case T_Result:
    case T_Limit:
    case T_SubqueryScan:
      for_each_child(node,
                     [=](const Plan* child) { add_updatable_tables(planned, child, tables); });
      break;
    default:
      break;
  }
}

bool loses_current_row(const PlannedStmt* first, const PlannedStmt* second, int cursor_options) {
  if ((cursor_options & CURSOR_OPT_FAST_PLAN) == 0) {
    return false;
  }
  List* before = NIL;
  List* after = NIL;
  add_updatable_tables(first, first->planTree, &before);
  add_updatable_tables(second, second->planTree, &after);
  return list_difference_oid(before, after) != NIL;
}

}  // namespace

bool reads_part(int cursor_options) noexcept {
  return (cursor_options & CURSOR_OPT_PARALLEL_OK) == 0;
}

const char* loss_for_cursor(const PlannedStmt* first, const PlannedStmt* second,
                            int cursor_options) {
  return call([=]() -> const char* {
    if (loses_backward_scan(first, second, cursor_options)) {
      return "cursor that may go backward";
    }
    if (loses_current_row(first, second, cursor_options)) {
      return "cursor whose current row may be updated";
    }
    return nullptr;
  });
}

}  // namespace sluice::pg
