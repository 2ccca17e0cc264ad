// PostgreSQL's own plan for the subtree that a Custom Scan took: run when the run is abandoned.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/execnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The next row of the replaced plan, in the Custom Scan's result slot; empty at the end. The first
/// call brings the plan up as the scan's child, so that EXPLAIN and shutdown see it.
/// Pre:    the plan is the only one of custom_plans and has the Custom Scan's columns.
/// Errors: ereport() by longjmp: outside of guard(), as the other functions here.
TupleTableSlot* replaced_plan_next(CustomScanState* scan);
/// Nothing happens where the plan was never brought up.
void replaced_plan_rescan(CustomScanState* scan);
void replaced_plan_end(CustomScanState* scan);

}  // namespace sluice::pg
