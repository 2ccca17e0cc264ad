// Who takes part: whom the leader expects as it seals, and who has joined by then. One word; bit 0
// is the seal, because the leader, seat 0, is always a member and needs no bit.
#pragma once

#include "exchange/ring_layout.h"
#include "exchange/seat_set.h"

namespace sluice::exchange {

/// A view of the membership words of a query.
/// Invariant: after the seal the members never change.
class Membership {
 public:
  explicit Membership(QueryLine& line) noexcept : line_(&line) {}

  /// Enters `seat`, or finds it expected; false after the seat's death, and after a seal that did
  /// not expect it.
  [[nodiscard]] bool join(SeatIndex seat) noexcept;
  /// The leader, and who joined and is not known dead; after the seal the members.
  [[nodiscard]] SeatSet joined() const noexcept;
  /// Closes the door to all but `expected`, who are members from now on if they are not known dead,
  /// wherever they are. Returns the members. Once sealed it changes nothing. Runs in: the leader.
  SeatSet seal(SeatSet expected) noexcept;
  [[nodiscard]] bool sealed() const noexcept;
  /// Notes that `seat` is gone; before the seal it also loses its place. Idempotent.
  void bury(SeatIndex seat) noexcept;
  [[nodiscard]] SeatSet dead() const noexcept;

 private:
  QueryLine* line_;
};

}  // namespace sluice::exchange
