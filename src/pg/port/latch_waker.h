// The exchange's Waker over PostgreSQL's process latches.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "exchange/waker.h"

namespace sluice::pg {

/// A seat's process: its number in the server's array of PGPROCs, or kNoProcess. Lies in the
/// query's shared memory; each element is stored once, by its own seat, before that joins.
using SeatProcess = std::atomic<std::int32_t>;
inline constexpr std::int32_t kNoProcess = -1;
static_assert(SeatProcess::is_always_lock_free && sizeof(SeatProcess) == 4);

/// Wakes a seat by its process's latch and sleeps on the own one. A latch belongs to its PGPROC, so
/// waking a seat whose process has gone at worst wakes a stranger, who looks around and sleeps
/// again. Runs in: leader and workers; wake() in exit callbacks, too.
class LatchWaker final : public exchange::Waker {
 public:
  /// Shape: `processes` has one element a seat; it outlives the waker.
  explicit LatchWaker(std::span<SeatProcess> processes) noexcept : processes_(processes) {}

  /// Makes this process the one of `seat`.
  void take_seat(exchange::SeatIndex seat) noexcept;

  void wake(exchange::SeatIndex peer) noexcept override;
  /// Errors: PgError: cancel, termination, a worker's error.
  void reset() override;
  /// Errors: as reset().
  void wait() override;

 private:
  std::span<SeatProcess> processes_;
};

}  // namespace sluice::pg
