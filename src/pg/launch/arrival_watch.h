// The leader's waker: before it sleeps it looks whether the workers that it counts on still come.
#pragma once

#include <span>

#include "exchange/seat_set.h"
#include "exchange/waker.h"
#include "pg/border/pg_include.h"
#include "pg/port/latch_waker.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The seat of a ParallelContext's worker.
[[nodiscard]] constexpr base::SeatIndex seat_of_worker(unsigned worker) noexcept {
  return base::SeatIndex(static_cast<std::uint16_t>(worker + 1));
}

/// A worker that has taken its seat announces its own end (segment_detached() in pg/worker). Of one
/// that has not only the server knows, which sets the leader's latch after a worker has stopped:
/// looking after the latch was reset misses none.
/// Runs in: the leader.
class ArrivalWatch final : public exchange::Waker {
 public:
  /// Takes the leader's seat. Shape: as LatchWaker.
  explicit ArrivalWatch(std::span<SeatProcess> processes) noexcept;

  /// From now on somebody waits for these workers. `context` outlives the watch.
  void expect(const ParallelContext& context, exchange::SeatSet seats) noexcept {
    context_ = &context;
    missing_ = seats;
  }

  void wake(exchange::SeatIndex peer) noexcept override { latch_.wake(peer); }
  /// Errors: as LatchWaker; PgError, a worker's own or that of a worker which the server has lost;
  ///         kInternal for a worker that has left before it took its seat.
  void reset() override;
  void wait() override { latch_.wait(); }

 private:
  void look_for_missing();

  LatchWaker latch_;
  std::span<const SeatProcess> processes_;
  const ParallelContext* context_ = nullptr;
  exchange::SeatSet missing_;
};

}  // namespace sluice::pg
