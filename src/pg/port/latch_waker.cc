#include "pg/port/latch_waker.h"

#include "pg/border/call.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
#include <storage/latch.h>
#include <storage/proc.h>
#include <utils/wait_event.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

void LatchWaker::take_seat(exchange::SeatIndex seat) noexcept {
  // Pairs with the acquire in wake(): the latch exists before its number does.
  processes_[seat.index()].store(MyProc->pgprocno, std::memory_order_release);
}

void LatchWaker::wake(exchange::SeatIndex peer) noexcept {
  // Pairs with the release in take_seat().
  const std::int32_t process = processes_[peer.index()].load(std::memory_order_acquire);
  if (process != kNoProcess) {
    SetLatch(&GetPGProcByNumber(process)->procLatch);
  }
}

void LatchWaker::reset() {
  call([] {
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  });
}

void LatchWaker::wait() {
  call([] {
    // The cause names an idle wait for other seats; this version has no custom wait events.
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, -1, PG_WAIT_EXTENSION);
    CHECK_FOR_INTERRUPTS();
  });
}

}  // namespace sluice::pg
