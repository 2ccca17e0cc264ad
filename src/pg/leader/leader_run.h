// One run of a plan from the leader's side: the crew, the sources and the leader's own seat.
#pragma once

#include <memory>

#include "engine/seat_runtime.h"
#include "pg/border/pg_include.h"
#include "pg/launch/crew.h"
#include "pg/leader/run_report.h"
#include "pg/port/pg_interrupts.h"
#include "pg/source/heap_source.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

SLUICE_PG_HEADERS_BEGIN
#include <storage/dsm.h>
#include <utils/snapshot.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Ends by finish(), or, after an error, when its shared memory or its owner dies.
/// Errors: of all methods: PgError (also a worker's own error); base::Error of the query; kAbandon,
///         by this or another seat, after which only finish() may be called.
/// Runs in: the leader.
class LeaderRun {
 public:
  /// Lays the run out. `plan` has no parameters left; `inputs` are its plan inputs.
  LeaderRun(plan::PlanSpec plan, PlanInputs inputs, const CrewOptions& options);
  LeaderRun(const LeaderRun&) = delete;
  LeaderRun& operator=(const LeaderRun&) = delete;
  /// Makes no PostgreSQL call.
  ~LeaderRun();

  /// Starts the workers and takes the leader's seat. Once, before pull().
  void start(Snapshot snapshot);
  /// The next batch, valid until the next call, or null at the end.
  [[nodiscard]] const vector::Batch* pull();
  /// Before the first row of a start goes to the client: from now on errors are the query's.
  /// Errors: kAbandon where a seat has given the run up for an error of a value.
  void let_rows_out();
  /// Whether an error of a value, which this seat has met, gives the run up.
  [[nodiscard]] bool may_give_up() const noexcept;
  /// The same rows once more.
  void restart();
  /// After the end, where nobody will ask for the rows once more: the workers leave while the
  /// leader goes on. Only finish() may be called from now on.
  void release_workers();
  /// Closes the leader's seat, sends the workers home, takes their counters and frees the memory.
  void finish(RunReport& report);

  [[nodiscard]] bool has_workers() const noexcept {
    return crew_ != nullptr && crew_->has_workers();
  }
  /// Adds what has been counted so far; finish() does it, too.
  void collect(RunReport& report) const;

 private:
  template <typename Step>
  auto attempt(Step&& step);
  [[noreturn]] void fail_as_peer();
  void watch_segment();
  void unwatch_segment() noexcept;
  /// The segment goes away under us, in an abort or at the process's exit.
  void lose() noexcept;
  static void segment_detached(dsm_segment* segment, Datum run);

  const plan::PlanSpec plan_;
  const PlanInputs inputs_;
  PgInterrupts interrupts_;
  dsm_segment* watched_segment_ = nullptr;
  std::unique_ptr<Crew> crew_;
  std::unique_ptr<HeapSourceFactory> sources_;
  std::unique_ptr<engine::SeatRuntime> runtime_;
};

}  // namespace sluice::pg
