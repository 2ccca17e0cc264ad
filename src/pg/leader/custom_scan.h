// The executor side of the Custom Scan.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/extensible.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

inline constexpr const char* kCustomName = "Sluice";

/// Registers the custom scan methods. Runs in: _PG_init, in workers too.
void register_custom_scan();

}  // namespace sluice::pg
