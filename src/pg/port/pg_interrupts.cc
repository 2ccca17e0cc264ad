#include "pg/port/pg_interrupts.h"

#include "pg/border/call.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

void PgInterrupts::check() {
  if (INTERRUPTS_PENDING_CONDITION()) {
    call([] { CHECK_FOR_INTERRUPTS(); });
  }
}

}  // namespace sluice::pg
