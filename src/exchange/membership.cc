#include "exchange/membership.h"

namespace sluice::exchange {

namespace {

constexpr std::uint64_t kSealed = 1;

constexpr SeatSet members_of(std::uint64_t word) noexcept {
  return SeatSet(word | SeatSet::of(kLeaderSeat).bits());
}

}  // namespace

bool Membership::join(SeatIndex seat) noexcept {
  if (seat == kLeaderSeat) {
    return true;
  }
  const std::uint64_t bit = SeatSet::of(seat).bits();
  std::uint64_t seen = line_->membership.load(std::memory_order_relaxed);
  do {
    if (dead().contains(seat)) {
      return false;
    }
    if ((seen & kSealed) != 0) {
      return (seen & bit) != 0;
    }
    // Release: pairs with the acquire in joined() and seal(): what the joiner set up is visible to
    // the leader.
  } while (!line_->membership.compare_exchange_weak(seen, seen | bit, std::memory_order_acq_rel,
                                                    std::memory_order_relaxed));
  return true;
}

SeatSet Membership::joined() const noexcept {
  // Pairs with the compare-and-swaps in join(), seal() and bury().
  return members_of(line_->membership.load(std::memory_order_acquire));
}

SeatSet Membership::seal(SeatSet expected) noexcept {
  std::uint64_t seen = line_->membership.load(std::memory_order_acquire);
  while ((seen & kSealed) == 0) {
    const std::uint64_t sealed = seen | kSealed | (expected.bits() & ~dead().bits());
    // Pairs with the acquire in sealed(); a join() comes before it, or is expected, or fails.
    if (line_->membership.compare_exchange_weak(seen, sealed, std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
      seen = sealed;
    }
  }
  return members_of(seen);
}

bool Membership::sealed() const noexcept {
  // Pairs with seal().
  return (line_->membership.load(std::memory_order_acquire) & kSealed) != 0;
}

void Membership::bury(SeatIndex seat) noexcept {
  // Pairs with the acquire in dead().
  line_->dead.fetch_or(SeatSet::of(seat).bits(), std::memory_order_acq_rel);
  if (seat == kLeaderSeat) {
    return;
  }
  const std::uint64_t bit = SeatSet::of(seat).bits();
  std::uint64_t seen = line_->membership.load(std::memory_order_relaxed);
  while ((seen & kSealed) == 0 && (seen & bit) != 0) {
    // Pairs with seal(): the leader seals with the dead seat or without it, never half.
    if (line_->membership.compare_exchange_weak(seen, seen & ~bit, std::memory_order_acq_rel,
                                                std::memory_order_relaxed)) {
      return;
    }
  }
}

SeatSet Membership::dead() const noexcept {
  // Pairs with the fetch_or in bury().
  return SeatSet(line_->dead.load(std::memory_order_acquire));
}

}  // namespace sluice::exchange
