// One seat's run of one plan: registers every DsmExchange, spawns the fragments that consumers ask
// for, and, in the leader, pulls the root fragment.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "engine/node_counters.h"
#include "engine/source.h"
#include "exchange/mesh.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

namespace sluice::engine {

struct SeatOptions {
  /// Units: bytes that each operator may hold: work_mem x hash_mem_multiplier.
  std::size_t operator_memory_bytes = std::size_t{4} << 20;
  std::span<NodeCounters> counters;  // one a node of the plan
  /// Shared by all seats, formatted by SharedKeySets::format(); without it no runtime filter
  /// crosses a redistribution.
  std::span<std::byte> key_sets;
  /// The run is given up where the lack of build rows spares a probe side that may raise: whether
  /// PostgreSQL would come to one of its rows first is for its plan to say.
  bool empty_sides_abandon = false;
};

/// Gives the process a chance to notice cancel and other interrupts; called between steps.
class Interrupts {
 public:
  virtual ~Interrupts() = default;
  /// Errors: whatever ends the query.
  virtual void check() = 0;
};

/// The root object of a query in one process.
/// Construction registers one procedure a DsmExchange and runs nothing.
/// Runs in: the leader (pull, restart) and every worker (serve).
class SeatRuntime {
 public:
  /// `plan`, `mesh`, `sources` and `interrupts` are borrowed and outlive the runtime. The mesh is
  /// sealed before pull() or serve(). Without a distributed plan the mesh has one seat and no
  /// streams.
  SeatRuntime(const plan::PlanSpec& plan, exchange::Mesh& mesh, SourceFactory& sources,
              Interrupts& interrupts, const SeatOptions& options);
  SeatRuntime(const SeatRuntime&) = delete;
  SeatRuntime& operator=(const SeatRuntime&) = delete;
  ~SeatRuntime();

  /// The next batch of the root fragment, or null at its end; parks while there is nothing to do.
  /// The batch is valid until the next call.
  /// Errors: the query's error; kPeer when another seat failed first (see Mesh::first_error()).
  /// Runs in: the leader.
  [[nodiscard]] const vector::Batch* pull();

  /// Answers streams until the leader closes the query.
  /// Errors: as pull(), except kPeer once the query is closed; the caller Mesh::fail()s first and
  ///         then reports them.
  /// Runs in: a worker.
  void serve();

  /// Ends all tasks of this epoch everywhere, waits until every seat has answered, and begins the
  /// next. On return no seat has a scan open and none opens one before the next pull(): what the
  /// seats share of the sources can be initialized again.
  /// Errors: as pull(); kQuery 54000 after 2^32 - 2 epochs.
  /// Runs in: the leader.
  void restart();

  /// Closes every input and task of this seat and their sources; in the leader it closes the query
  /// first. Idempotent; also after an error.
  /// Errors: the first of the sources', after all of them were closed.
  /// Runs in: every seat, before the destructor.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::engine
