// What a plan costs here, in PostgreSQL's cost units.
//
// The estimate starts from PostgreSQL's own cost of each replaced node, so that its settings and
// statistics count here too, and takes a part of it: the engine does the same work on columns. The
// factors are cautious against the ratios that `make demo` shows.
#pragma once

#include <cstdint>
#include <span>

#include "pg/border/pg_include.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Units: PostgreSQL's cost units.
struct Costs {
  double startup = 0;
  double total = 0;
};

/// An estimate without the penalties by which settings rule nodes out.
[[nodiscard]] double without_penalty(double cost) noexcept;
/// The plan's own, likewise.
[[nodiscard]] Costs planned_costs(const Plan* node) noexcept;

/// How a subtree is run here. Shape: `planned` is the statement that it is in.
struct RunTraits {
  const PlannedStmt* planned = nullptr;
  int workers = 0;
  bool root_streams = false;
  bool leader_computes = true;
  std::uint64_t toast_pages = 0;         // of the tables whose scans unpack values
  double foreign_cost = 0;               // of PostgreSQL's functions for aggregates with group keys
  double leader_cost = 0;                // of those without
  std::span<Plan* const> plan_inputs{};  // parts that PostgreSQL executes
};

/// Of running `replaced` here. Shape: `spec` is `replaced` lowered, and distributed where there are
/// workers.
/// Errors: PgError.
[[nodiscard]] Costs estimate_costs(const Plan* replaced, const plan::PlanSpec& spec,
                                   const RunTraits& traits);

/// What workers have to save to be asked for, beyond parallel_setup_cost: their start and end take
/// longer than that says.
/// Units: PostgreSQL's cost units.
/// Source: docs/decisions/0033-workers-that-are-worth-their-start.md
[[nodiscard]] double least_saving_by_workers() noexcept;

/// Of a node whose child costs `now` instead of `before`. Shape: one child, or the sum of several.
[[nodiscard]] Costs with_child(const Plan* node, const Costs& before, const Costs& now,
                               double child_rows) noexcept;

}  // namespace sluice::pg
