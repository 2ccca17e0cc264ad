#include "pg/port/pg_interrupts.h"

#include "pg/border/call.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

void serve_interrupts() {
  if (INTERRUPTS_PENDING_CONDITION()) {
    call([] { CHECK_FOR_INTERRUPTS(); });
  }
}

void PgInterrupts::check() { serve_interrupts(); }

}  // namespace sluice::pg
