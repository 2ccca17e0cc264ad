// What of a finished plan can raise an error, or have an effect, that depends on whether it is
// executed at all.
#pragma once

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Whether executing `node` to its end may raise an error that depends on its rows. What is not
/// known may.
/// Errors: PgError.
[[nodiscard]] bool plan_may_raise(const Statement& statement, const Plan* node);

/// Whether executing `node` twice may differ from executing it once: it calls a volatile function,
/// also one that the planner took from the body of another.
/// Errors: PgError.
[[nodiscard]] bool plan_is_volatile(const Statement& statement, const Plan* node);

}  // namespace sluice::pg
