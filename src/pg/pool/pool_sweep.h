// The background worker that has the kernel gather the shared buffers into huge pages.
#pragma once

#include "pg/border/pg_include.h"

namespace sluice::pg {

/// Asks for a sweep, unless there was one lately or huge pages are not to be had. Never fails: a
/// server without a free worker slot goes on as it is.
/// Runs in: any process that may register a background worker.
void request_pool_sweep();

}  // namespace sluice::pg

/// The sweep itself. Runs in: a background worker without a database.
extern "C" SLUICE_EXPORT void sluice_sweep_main(Datum argument);
