// PostgreSQL's plan nodes below a Custom Scan: its plan inputs, and its own plan for the subtree
// that the Custom Scan took, which runs when the run is abandoned.
#pragma once

#include "pg/border/pg_include.h"
#include "pg/source/plan_input.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/execnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Brings the plan inputs up as the scan's children. Shape: as many, palloc'd, as `count` says.
/// Errors: ereport() by longjmp: outside of guard(), as the other functions here.
PlanInput* plan_inputs_begin(CustomScanState* scan, int eflags, int* count);
/// Their next opening finds the parameters that have changed by now.
void plan_inputs_rescan(const CustomScanState* scan, PlanInput* inputs, int count);

/// The next row of the replaced plan, in the Custom Scan's result slot; empty at the end. The first
/// call brings the plan up as the scan's last child, so that EXPLAIN and shutdown see it.
/// Pre:    the plan is the first of custom_plans and has the Custom Scan's columns; `eflags` are
///         those that the Custom Scan was brought up with.
TupleTableSlot* replaced_plan_next(CustomScanState* scan, int eflags);
/// Nothing happens where the plan was never brought up.
void replaced_plan_rescan(CustomScanState* scan);
/// Ends all that was brought up.
void child_plans_end(CustomScanState* scan);

}  // namespace sluice::pg
