// Rows of a plan node that PostgreSQL executes, as columns.
#pragma once

#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/source.h"
#include "pg/border/pg_include.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/execnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// One plan input of a Custom Scan, over all its runs. Plain: it lies in the query's memory.
/// Shape: `changed` are the parameters that have changed since it was opened.
struct PlanInput {
  PlanState* state = nullptr;
  Bitmapset* changed = nullptr;
  bool opened = false;
};

/// By number. Owns: nothing.
using PlanInputs = std::vector<PlanInput*>;

/// The rows of `input`, from the first one on; without one, which is what other seats than the
/// leader have, no rows. A row is asked for when a batch is, and batches begin small: what stops
/// early has not had PostgreSQL compute much in vain.
/// Shape:  `spec` holds a PlanInputSpec.
/// Errors: of next(): PgError, whatever the plan node raises; kAbandon for a numeric that is not of
///         the type planned for it.
/// Runs in: the leader, with the query's memory context as the current one. The node may run
///         statements, and Sluice in them: nothing that it does waits for the run around it.
[[nodiscard]] std::unique_ptr<engine::Source> open_plan_input(const plan::PlanInputSpec& spec,
                                                              PlanInput* input,
                                                              base::MemoryBudget& budget);

}  // namespace sluice::pg
