// The library's front door for PostgreSQL: loaded by LOAD, by session_ or shared_preload_libraries,
// or by a parallel worker. The other entry points are sluice_worker_main (pg/worker),
// sluice_sweep_main (pg/pool) and sluice_why_not (pg/planner).
#include "base/interrupt_poll.h"
#include "pg/border/pg_include.h"
#include "pg/leader/custom_scan.h"
#include "pg/planner/planner_hook.h"
#include "pg/port/faults.h"
#include "pg/port/foreign_aggregate.h"
#include "pg/port/foreign_function.h"
#include "pg/port/pg_interrupts.h"
#include "pg/port/settings.h"

SLUICE_PG_HEADERS_BEGIN
#include <fmgr.h>
#include <utils/builtins.h>

PG_MODULE_MAGIC;

SLUICE_EXPORT void _PG_init(void);

SLUICE_EXPORT Datum sluice_version(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(sluice_version);
SLUICE_PG_HEADERS_END

void _PG_init(void) {
#ifdef SLUICE_FAULT_POINTS
  sluice::pg::define_faults();
#endif
  sluice::base::set_interrupt_poll(sluice::pg::serve_interrupts);
  sluice::engine::set_foreign_aggregate_maker(sluice::pg::make_foreign_aggregate);
  sluice::engine::set_foreign_function_maker(sluice::pg::make_foreign_function);
  sluice::pg::define_settings();
  sluice::pg::register_custom_scan();
  sluice::pg::install_planner_hooks();
}

Datum sluice_version(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return PointerGetDatum(cstring_to_text(SLUICE_VERSION));
}
