// A whole subtree as a plan, and the Custom Scan node that takes its place.
#pragma once

#include <cstdint>
#include <optional>

#include "pg/border/pg_include.h"
#include "pg/planner/cost.h"
#include "pg/planner/eligibility.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// How the placed node may run. Shape: `workers` is what the statement allows, `exact` keeps that
/// number whatever the cost.
struct RunLimits {
  WorkerLimits workers;
  bool exact = false;
};

/// A placed node. Owns: nothing; palloc'd.
struct PlacedScan {
  CustomScan* scan = nullptr;
  Costs costs;
  int workers = 0;
};

/// Lowers `replaced` (a HashJoin, an Agg, or the Sort below a Limit of `top_k` rows) and builds its
/// Custom Scan. `replaced` itself becomes the fallback below it; nothing else is changed.
/// Errors: Declined; PgError; base::Error where the lowered plan breaks a rule.
[[nodiscard]] PlacedScan place_custom_scan(const Statement& statement, Plan* replaced,
                                           std::optional<std::uint64_t> top_k,
                                           const RunLimits& limits);

}  // namespace sluice::pg
