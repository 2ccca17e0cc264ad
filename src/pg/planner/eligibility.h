// Which statements are worth a second look, and which may have workers. Cheap: runs for every
// statement.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/parsenodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Null when Sluice may profit from `query`, else why it cannot: a string literal.
/// Runs in: C code; may longjmp (stack depth).
[[nodiscard]] const char* reason_against(const Query* query, int cursor_options);

/// Workers beside a leader that computes, and beside one that only hands on rows.
struct WorkerLimits {
  int computing_leader = 0;
  int streaming_leader = 0;
};

/// Workers that the statement may have, whatever its plan: none where PostgreSQL would not plan
/// parallel either.
/// Shape: `query` is as it was before planning.
/// Errors: PgError.
[[nodiscard]] WorkerLimits workers_allowed(Query* query, int cursor_options);

}  // namespace sluice::pg
