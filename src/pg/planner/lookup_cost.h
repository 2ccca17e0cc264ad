// What the index lookups of nested loops cost beyond PostgreSQL's estimate.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// PostgreSQL prices an index scan inside a nested loop as one of as many as the smallest table
/// outside of it has rows, also where joins leave few of them: it seems to find pages in memory
/// that others have read, which never come. Here those are priced that are expected to come, by
/// the same formulas, but at least as what pages cost that are in memory.
/// Units: PostgreSQL's cost units, to be added to the plan's cost; not negative.
/// Source: PostgreSQL, get_loop_count(), cost_index(), index_pages_fetched().
/// Errors: PgError.
[[nodiscard]] double underpriced_lookups(const PlannedStmt* planned);

}  // namespace sluice::pg
