// The one pointer that the planner puts into a CustomScan and the leader implements; here because
// the planner room does not include the leader.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/extensible.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Filled in by register_custom_scan().
extern CustomScanMethods custom_scan_methods;

}  // namespace sluice::pg
