#include "pg/planner/cursor.h"

#include "pg/border/call.h"
#include "pg/planner/plan_children.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/executor.h>
#include <miscadmin.h>
#include <nodes/parsenodes.h>
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

/// Whether WHERE CURRENT OF finds rows in a cursor with this plan. Runs in: call().
/// Source: execCurrent.c, search_plan_tree()
bool has_current_row(const Plan* node) {
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
      return reinterpret_cast<const Scan*>(node)->scanrelid > 0;
    case T_Append:
    case T_MergeAppend:
    case T_Result:
    case T_Limit:
    case T_SubqueryScan: {
      bool found = false;
      for_each_child(node, [&](const Plan* child) { found = found || has_current_row(child); });
      return found;
    }
    default:
      return false;
  }
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
    if (reads_part(cursor_options) && has_current_row(first->planTree) &&
        !has_current_row(second->planTree)) {
      return "cursor whose current row may be updated";
    }
    return nullptr;
  });
}

}  // namespace sluice::pg
