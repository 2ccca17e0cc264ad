// What a cursor can do with PostgreSQL's plan and not with ours.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Whether whoever executes the statement may not ask for all of its rows, as a cursor.
/// Shape: `cursor_options` as the planner gets them.
[[nodiscard]] bool reads_part(int cursor_options) noexcept;

/// Why a cursor cannot have `second` in the place of `first`, or null.
/// Errors: PgError.
[[nodiscard]] const char* loss_for_cursor(const PlannedStmt* first, const PlannedStmt* second,
                                          int cursor_options);

}  // namespace sluice::pg
