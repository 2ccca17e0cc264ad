#include "pg/launch/arrival_watch.h"

#include <atomic>

#include "base/error.h"
#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <postmaster/bgworker.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

using base::SeatIndex;

ArrivalWatch::ArrivalWatch(std::span<SeatProcess> processes) noexcept
    : latch_(processes), processes_(processes) {
  latch_.take_seat(base::kLeaderSeat);
}

void ArrivalWatch::reset() {
  latch_.reset();
  if (!missing_.empty()) {
    look_for_missing();
  }
}

void ArrivalWatch::look_for_missing() {
  const exchange::SeatSet missing = missing_;
  missing.for_each([this](SeatIndex seat) {
    // Pairs with the release in LatchWaker::take_seat(): its exit callback is in place.
    if (processes_[seat.index()].load(std::memory_order_acquire) != kNoProcess) {
      missing_.erase(seat);
      return;
    }
    BackgroundWorkerHandle* const handle = context_->worker[seat.index() - 1].bgwhandle;
    const bool stopped = call([=] {
      pid_t pid = 0;
      return GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;
    });
    if (stopped && processes_[seat.index()].load(std::memory_order_acquire) == kNoProcess) {
      // Raises what it has left behind, or, if it never began, that the connection is lost.
      call([] { HandleParallelMessages(); });
      base::throw_internal("a parallel worker left before it had taken its seat");
    }
  });
}

}  // namespace sluice::pg
