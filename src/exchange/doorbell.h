// Cross-process wake-up: a bit per neighbour in shared memory, and a latch as the hint.
//
//   ringer                                   sleeper (park)
//   1 publish the news (release)             1 reset the latch
//   2 bells |= bit              (seq_cst)    2 state = PARKED         (seq_cst)
//   3 state == PARKED?          (seq_cst)    3 bells != 0?            (seq_cst) -> 5
//       set the latch                        4 wait on the latch
//                                            5 state = RUNNING
//
// In the one order of all seq_cst operations either 2 of the ringer comes before 3 of the sleeper,
// which then sees the bit, or 2 of the sleeper comes before 3 of the ringer, which then sets the
// latch. The latch was reset before PARKED was stored, so that setting it is not undone.
#pragma once

#include <cstdint>
#include <span>

#include "exchange/ring_layout.h"
#include "exchange/seat_set.h"
#include "exchange/waker.h"

namespace sluice::exchange {

enum class SeatState : std::uint32_t { kRunning = 0, kParked = 1 };

/// One seat's view of all bells.
/// Owns:    nothing.
class Doorbell {
 public:
  Doorbell(std::span<BellLine> lines, SeatIndex self, Waker& waker) noexcept
      : lines_(lines), self_(self), waker_(&waker) {}

  /// Tells `peer`, which may be this seat itself, that there is news. Returns whether its latch was
  /// set.
  bool ring(SeatIndex peer) noexcept;
  /// Whether somebody rang since the last call; clears what it saw. What was published before those
  /// rings is visible afterwards.
  [[nodiscard]] bool take() noexcept;
  /// Looks for a ring for about as long as it takes to sleep and be woken (some 10 us). Returns
  /// whether there is one, for take().
  /// Source: docs/decisions/0025-a-look-before-sleeping.md
  [[nodiscard]] bool look() noexcept;
  /// Sleeps unless a bell has rung since the last take(). May return early: look at the words.
  /// Errors: the waker's; the seat counts as running then.
  void park();
  /// For who looks on: the words of any seat.
  [[nodiscard]] const BellLine& line_of(SeatIndex seat) const noexcept {
    return lines_[seat.index()];
  }

 private:
  [[nodiscard]] BellLine& own() noexcept { return lines_[self_.index()]; }

  std::span<BellLine> lines_;
  SeatIndex self_;
  Waker* waker_;
};

}  // namespace sluice::exchange
