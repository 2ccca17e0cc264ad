// Walks a finished plan and replaces every maximal supported subtree by a Custom Scan.
#pragma once

#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/cost.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_root.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

struct ReplacedPlan {
  int scans_placed = 0;
  bool needs_workers = false;
  Costs costs;                    // of the whole statement now
  std::vector<Decline> declines;  // of what stayed PostgreSQL's, each once
};

/// Rewrites `planned` in place: its plan tree and those subplans that do not depend on an outer
/// row.
/// Pre:    nobody else uses `planned`. `first` is PostgreSQL's own plan of the statement.
/// Errors: PgError.
[[nodiscard]] ReplacedPlan replace_subtrees(PlannedStmt* planned, const PlannedStmt* first,
                                            const RunLimits& limits);

}  // namespace sluice::pg
