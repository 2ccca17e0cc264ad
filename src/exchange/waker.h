// How a seat sleeps and is woken: PostgreSQL's latch in the server, a futex or pipe in tests. It is
// a hint only: the words in shared memory are the truth (docs/protocol.md, "Wake-up").
#pragma once

#include "exchange/seat_set.h"

namespace sluice::exchange {

/// Semantics of a binary latch, one a seat.
class Waker {
 public:
  virtual ~Waker() = default;
  /// Sets `peer`'s latch. Callable from a process-exit callback.
  virtual void wake(SeatIndex peer) noexcept = 0;
  /// Clears the own latch.
  /// Errors: whatever ends the query (cancel, a worker's error); a set latch may have announced it.
  virtual void reset() = 0;
  /// Returns once the own latch is set; spurious returns are allowed.
  /// Errors: as reset().
  virtual void wait() = 0;
};

}  // namespace sluice::exchange
