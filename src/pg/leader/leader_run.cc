#include "pg/leader/leader_run.h"

#include <new>
#include <utility>

#include "base/check.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <storage/ipc.h>
#include <utils/elog.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

using base::ErrorKind;

LeaderRun::LeaderRun(plan::PlanSpec plan, PlanInputs inputs, const CrewOptions& options)
    : plan_(std::move(plan)),
      inputs_(std::move(inputs)),
      crew_(std::make_unique<Crew>(plan_, options)) {
  watch_segment();
}

LeaderRun::~LeaderRun() { unwatch_segment(); }

/// Tells the other seats of a failure of this one, and finds the cause of a failure of theirs.
template <typename Step>
auto LeaderRun::attempt(Step&& step) {
  try {
    return step();
  } catch (const PgError& error) {
    crew_->mesh().fail(ErrorKind::kQuery, error.message());
    throw;
  } catch (const base::Error& error) {
    if (error.kind() == ErrorKind::kPeer) {
      fail_as_peer();
    }
    crew_->mesh().fail(error.kind(), error.message());
    throw;
  } catch (const std::bad_alloc&) {
    crew_->mesh().fail(ErrorKind::kQuery, "out of memory");
    throw;
  }
}

void LeaderRun::start(Snapshot snapshot) {
  attempt([&] {
    crew_->assemble();
    sources_ =
        std::make_unique<HeapSourceFactory>(plan_, crew_->region().share(), snapshot, inputs_);
    engine::SeatOptions options;
    options.operator_memory_bytes = crew_->region().operator_memory_bytes();
    options.counters = crew_->region().counters(base::kLeaderSeat);
    options.key_sets = crew_->region().key_sets();
    options.empty_sides_abandon = crew_->region().errors_abandon();
    runtime_ = std::make_unique<engine::SeatRuntime>(plan_, crew_->mesh(), *sources_, interrupts_,
                                                     options);
  });
}

void LeaderRun::fail_as_peer() {
  const exchange::FirstError first = crew_->mesh().first_error();
  if (first.set && first.kind == ErrorKind::kAbandon) {
    base::throw_abandon(first.message);
  }
  crew_->await_worker_error();
}

const vector::Batch* LeaderRun::pull() {
  return attempt([this] { return runtime_->pull(); });
}

void LeaderRun::let_rows_out() {
  if (!crew_->region().let_rows_out()) {
    base::throw_abandon("a seat met an error of a value");
  }
}

bool LeaderRun::may_give_up() const noexcept {
  return crew_ != nullptr && crew_->region().give_up();
}

void LeaderRun::restart() {
  attempt([this] {
    runtime_->restart();
    // No seat scans until the leader asks for the new epoch.
    crew_->region().reopen();
    scan_share_init(plan_, crew_->region().share());
  });
}

void LeaderRun::release_workers() {
  attempt([this] { runtime_->close(); });
}

void LeaderRun::collect(RunReport& report) const {
  if (crew_ == nullptr) {
    return;
  }
  report.ran = true;
  report.workers_launched = crew_->workers_launched();
  for (std::uint16_t seat = 0; seat < crew_->region().seats(); ++seat) {
    report.add_seat(crew_->region().counters(base::SeatIndex(seat)));
  }
  report.add_streams(crew_->mesh(), plan_.stream_count);
}

void LeaderRun::finish(RunReport& report) {
  if (crew_ == nullptr) {
    return;
  }
  if (runtime_ != nullptr) {
    runtime_->close();
  }
  crew_->dismiss();
  collect(report);
  runtime_.reset();
  sources_.reset();
  unwatch_segment();
  crew_->disband();
  crew_.reset();
}

void LeaderRun::watch_segment() {
  dsm_segment* segment = crew_->segment();
  if (segment == nullptr) {
    return;
  }
  call([=, this] { on_dsm_detach(segment, &LeaderRun::segment_detached, PointerGetDatum(this)); });
  watched_segment_ = segment;
}

void LeaderRun::unwatch_segment() noexcept {
  if (watched_segment_ != nullptr) {
    cancel_on_dsm_detach(watched_segment_, &LeaderRun::segment_detached, PointerGetDatum(this));
    watched_segment_ = nullptr;
  }
}

void LeaderRun::segment_detached(dsm_segment*, Datum run) {
  reinterpret_cast<LeaderRun*>(DatumGetPointer(run))->lose();
}

void LeaderRun::lose() noexcept {
  watched_segment_ = nullptr;
  exchange::Mesh& mesh = crew_->mesh();
  mesh.close_query();
  mesh.mark_dead(base::kLeaderSeat);
  if (proc_exit_inprogress) {
    // Frames that use these objects may still lie below us on the stack, and never run again.
    (void)runtime_.release();
    (void)sources_.release();
    (void)crew_.release();
    return;
  }
  runtime_.reset();
  sources_.reset();
  crew_->lose();
  crew_.reset();
}

}  // namespace sluice::pg
