// The sluice.* configuration variables.
#pragma once

namespace sluice::pg {

enum class Mode : int { kOff = 0, kAuto = 1, kForce = 2 };

/// Current values. Units: exchange_memory in kB, min_cost in planner cost units.
struct Settings {
  int mode;             // a Mode
  int workers;          // -1 = max_parallel_workers_per_gather, if there are the cores
  int exchange_memory;  // DSM for streams per query
  double min_cost;      // cheaper PostgreSQL plans are not looked at
  bool plan_inputs;     // PostgreSQL may execute parts of a run's plan
  bool huge_pages;      // read shared buffers through huge pages where the kernel lends them
};
extern Settings settings;

[[nodiscard]] inline Mode current_mode() noexcept { return static_cast<Mode>(settings.mode); }
/// Workers wanted now: sluice.workers, or, for -1, max_parallel_workers_per_gather as far as there
/// are cores for them, less the leader's if it computes: a seat more than cores has never paid.
/// Source: docs/decisions/0019-no-more-seats-than-cores.md
[[nodiscard]] int workers_wanted(bool leader_computes) noexcept;

/// Registers the variables. Runs in: _PG_init.
void define_settings();

}  // namespace sluice::pg
