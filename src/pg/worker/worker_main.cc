// A parallel worker's run: the entry point that ParallelWorkerMain() calls.
//
// Its own failure: Mesh::fail() first, so that the peers stop, then the error itself through
// PostgreSQL's error queue. A failure that is not its own (a peer's), or that is not an error
// (abandon, cancel), is only left in the mesh; nor is one of a value before rows have gone out, for
// which PostgreSQL's plan answers. However the process ends, the segment's detach
// callback marks its streams dead.
#include <memory>
#include <new>

#include "base/check.h"
#include "base/fault_point.h"
#include "codec/plan_codec.h"
#include "engine/seat_runtime.h"
#include "exchange/mesh.h"
#include "pg/border/call.h"
#include "pg/border/guard.h"
#include "pg/border/pg_include.h"
#include "pg/launch/run_region.h"
#include "pg/port/latch_waker.h"
#include "pg/port/pg_interrupts.h"
#include "pg/port/value_error.h"
#include "pg/source/heap_source.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
#include <pgstat.h>
#include <storage/dsm.h>
#include <storage/shm_toc.h>
#include <tcop/tcopprot.h>
#include <utils/elog.h>
#include <utils/snapmgr.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using base::ErrorKind;

/// What the exit callback needs. Never destroyed: it must work wherever the process ends.
struct Seat {
  RunRegion region;
  base::SeatIndex index;
  LatchWaker waker;
  exchange::Mesh mesh;

  Seat(const RunRegion& run, base::SeatIndex self)
      : region(run), index(self), waker(run.processes()), mesh(run.mesh(), self, waker) {}
};

void segment_detached(dsm_segment*, Datum seat) {
  auto* self = reinterpret_cast<Seat*>(DatumGetPointer(seat));
  self->mesh.mark_dead(self->index);
}

Seat& take_seat(dsm_segment* segment, shm_toc* toc) {
  void* memory = call([=] { return shm_toc_lookup(toc, RunRegion::kTocKey, false); });
  auto* seat = new Seat(RunRegion::attach(memory),
                        base::SeatIndex(static_cast<std::uint16_t>(ParallelWorkerNumber + 1)));
  call([=] { on_dsm_detach(segment, &segment_detached, PointerGetDatum(seat)); });
  return *seat;
}

/// A failure that is not this seat's to report.
bool leaves_silently(const base::Error& error) noexcept {
  return error.kind() == ErrorKind::kPeer || error.kind() == ErrorKind::kAbandon ||
         error.kind() == ErrorKind::kCancelled;
}

/// Returns once the leader has sealed the membership or closed the query.
void await_seal(exchange::Mesh& mesh) {
  for (;;) {
    (void)mesh.take_bells();
    if (mesh.sealed() || mesh.query_closed()) {
      return;
    }
    mesh.park();
  }
}

void serve(Seat& seat) {
  await_seal(seat.mesh);
  if (seat.mesh.query_closed()) {
    return;
  }
  const plan::PlanSpec plan = codec::decode(seat.region.plan());
  PgInterrupts interrupts;
  HeapSourceFactory sources(plan, seat.region.share(), GetActiveSnapshot());
  engine::SeatOptions options;
  options.operator_memory_bytes = seat.region.operator_memory_bytes();
  options.counters = seat.region.counters(seat.index);
  options.key_sets = seat.region.key_sets();
  options.empty_sides_abandon = seat.region.errors_abandon();
  engine::SeatRuntime runtime(plan, seat.mesh, sources, interrupts, options);
  try {
    runtime.serve();
  } catch (const base::Error& error) {
    const bool gives_up = is_of_the_value(error) && seat.region.give_up();
    seat.mesh.fail(gives_up ? ErrorKind::kAbandon : error.kind(), error.message());
    if (!gives_up && !leaves_silently(error)) {
      throw;
    }
  } catch (const PgValueError& error) {
    if (!seat.region.give_up()) {
      throw;
    }
    seat.mesh.fail(ErrorKind::kAbandon, error.message());
  }
  runtime.close();
}

void run(dsm_segment* segment, shm_toc* toc) {
  SLUICE_FAULT_POINT(kWorkerStart);
  Seat& seat = take_seat(segment, toc);
  SLUICE_FAULT_POINT(kWorkerAttached);
  seat.waker.take_seat(seat.index);
  if (!seat.mesh.join()) {
    return;
  }
  call([&seat] {
    debug_query_string = seat.region.query();
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
  });
  InstrStartParallelQuery();
  try {
    serve(seat);
    SLUICE_FAULT_POINT(kWorkerLeave);
    SeatUsage& usage = seat.region.usage(seat.index);
    InstrEndParallelQuery(&usage.buffers, &usage.wal);
  } catch (const PgError& error) {
    seat.mesh.fail(ErrorKind::kQuery, error.message());
    throw;
  } catch (const base::Error& error) {
    seat.mesh.fail(error.kind(), error.message());
    if (!leaves_silently(error)) {
      throw;
    }
  } catch (const std::bad_alloc&) {
    seat.mesh.fail(ErrorKind::kQuery, "out of memory");
    throw;
  }
}

}  // namespace

}  // namespace sluice::pg

extern "C" SLUICE_EXPORT void sluice_worker_main(dsm_segment* segment, shm_toc* toc) {
  sluice::pg::guard([=] { sluice::pg::run(segment, toc); });
}
