// A whole subtree as a plan, and the Custom Scan node that takes its place.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/cost.h"
#include "pg/planner/decline.h"
#include "pg/planner/eligibility.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// How the placed node may run. Shape: `workers` is what the statement allows, `exact` keeps that
/// number whatever the cost; `plan_inputs` says that PostgreSQL may execute parts of it, which an
/// abandoned run has it do again; `may_stop` that not all of its rows may be asked for.
struct RunLimits {
  WorkerLimits workers;
  bool exact = false;
  bool plan_inputs = false;
  bool may_stop = false;
};

/// A placed node. Owns: nothing; palloc'd. Shape: `inside` says why parts of it stay PostgreSQL's.
struct PlacedScan {
  CustomScan* scan = nullptr;
  Costs costs;
  int workers = 0;
  std::vector<Decline> inside;
};

/// Lowers `replaced` (a HashJoin, an Agg, or the Sort below a Limit of `top_k` rows) and builds its
/// Custom Scan. `replaced` itself becomes the fallback below it, and copies of the parts that
/// PostgreSQL executes come behind it; nothing else is changed.
/// Errors: Declined; PgError; base::Error where the lowered plan breaks a rule.
[[nodiscard]] PlacedScan place_custom_scan(const Statement& statement, Plan* replaced,
                                           std::optional<std::uint64_t> top_k,
                                           const RunLimits& limits);

}  // namespace sluice::pg
