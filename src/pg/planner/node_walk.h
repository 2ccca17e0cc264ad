// PostgreSQL's walkers and mutators of expression trees, called from C++.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/nodeFuncs.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// PostgreSQL 15 declares the callbacks without a prototype; they are called with (Node*, void*).
template <typename Result>
auto unprototyped(Result (*callback)(Node*, void*)) {
  return reinterpret_cast<Result (*)()>(reinterpret_cast<void (*)()>(callback));
}

}  // namespace sluice::pg
