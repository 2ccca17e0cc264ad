// EXECUTE on the functions of a plan, which PostgreSQL's executor checks when it brings a plan up:
// a run may come to some of them late, or compute them itself.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Of what `plan` and the nodes below it evaluate that the engine executes, for the current user;
/// of what aggregates are made of, for their owners; and of how the keys of groups are compared.
/// Errors: PgError with 42501, as PostgreSQL's own.
/// Source: PostgreSQL 15, ExecInitFunc(), ExecInitAgg() and ExecBuildGroupingEqual().
void check_execute_rights(const Plan* plan, bool explain_only);

}  // namespace sluice::pg
