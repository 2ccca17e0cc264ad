// The seats of one run, from the leader's side: their shared memory, their processes, their end.
//
// | phase     | by          | then                                                            |
// |-----------|-------------|-----------------------------------------------------------------|
// | laid out  | constructor | the region holds plan, empty mesh and scan shares; nobody runs  |
// | at work   | assemble()  | workers are starting, the membership is sealed                  |
// | dismissed | dismiss()   | the workers have left; counters are final                       |
// | gone      | disband()   | the region is gone                                              |
//
// After an error PostgreSQL's abort destroys the ParallelContext itself: lose() then only forgets
// it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>

#include "exchange/mesh.h"
#include "pg/border/pg_include.h"
#include "pg/launch/arrival_watch.h"
#include "pg/launch/run_region.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
#include <utils/resowner.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

struct CrewOptions {
  unsigned workers = 0;
  std::size_t exchange_bytes_max = 0;
  std::size_t operator_memory_bytes = 0;
  bool errors_abandon = false;  // errors of values give the run up, until rows are out
  const char* query = "";       // the query's text; copied
};

/// Runs in: the leader.
class Crew {
 public:
  /// Pre:    with workers, the plan may run in parallel mode now. The active snapshot is the
  /// query's. Errors: PgError; kAbandon when not even one seat's streams fit into
  /// exchange_bytes_max.
  Crew(const plan::PlanSpec& plan, const CrewOptions& options);
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  /// Makes no PostgreSQL call: a ParallelContext that was not disbanded is left to the abort.
  ~Crew();

  /// Starts the workers and seals with all that could be started; nobody waits for them to come. A
  /// worker that never does ends the query when the leader would sleep (ArrivalWatch).
  /// Errors: PgError.
  void assemble();

  [[nodiscard]] exchange::Mesh& mesh() noexcept { return *mesh_; }
  [[nodiscard]] const RunRegion& region() const noexcept { return *region_; }
  [[nodiscard]] unsigned workers_launched() const noexcept { return workers_launched_; }
  [[nodiscard]] bool has_workers() const noexcept { return context_ != nullptr; }
  /// The segment the region lies in, or null when it is local memory.
  [[nodiscard]] dsm_segment* segment() const noexcept;

  /// Waits for the error that a worker is reporting and throws it.
  /// Errors: PgError with the worker's own error; when all workers have gone without one, kAbandon
  ///         if a seat gave the run up, else kInternal.
  [[noreturn]] void await_worker_error();

  /// Errors: PgError: a worker's error that nobody has seen yet.
  void dismiss();
  /// Pre:    nobody holds on to mesh() or region() any more.
  void disband();
  /// The ParallelContext and the region are being destroyed by somebody else.
  void lose() noexcept;

 private:
  void create_context(const RunSizes& sizes, unsigned workers);
  [[nodiscard]] bool create_segment();
  [[nodiscard]] bool everybody_stopped() const;
  /// Returns once every worker has ended, each without an error of its own.
  void await_workers();

  ParallelContext* context_ = nullptr;
  ResourceOwner segment_owner_ = nullptr;  // of the segment alone
  struct FreeMemory {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<void, FreeMemory> local_memory_;
  unsigned workers_launched_ = 0;
  std::optional<RunRegion> region_;
  std::unique_ptr<ArrivalWatch> waker_;
  std::unique_ptr<exchange::Mesh> mesh_;
};

}  // namespace sluice::pg
