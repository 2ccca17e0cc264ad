// Lets the nth allocation of the seats fail. The program that includes it has its operator new.
#pragma once

#include <cstdint>

namespace sluice::storm {

enum class Shortage : std::uint8_t {
  kOnce,     // one allocation fails
  kForGood,  // and all after it
};

/// Only what seats allocate at their work counts (SeatAtWork); failing_allocator.cc.
/// Runs in: the test, while no seat runs.
void fail_allocation(std::int64_t nth, Shortage shortage) noexcept;
/// Whether it came to that since fail_allocation().
[[nodiscard]] bool allocation_failed() noexcept;
/// Allocated and not freed, by anybody.
[[nodiscard]] std::int64_t live_allocations() noexcept;

}  // namespace sluice::storm
