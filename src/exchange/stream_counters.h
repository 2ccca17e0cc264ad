// What happened on one physical stream. Each counter has one writing seat; any seat reads them.
#pragma once

#include <cstdint>

#include "exchange/ring_layout.h"

namespace sluice::exchange {

/// A copy of a physical stream's counters.
struct StreamCounters {
  std::uint64_t records = 0;  // messages; a chunked one counts once
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;   // payload
  std::uint64_t stalls = 0;  // producer found the ring full
  std::uint64_t wakes = 0;   // latches set for this stream, both directions
  std::uint32_t starts = 0;  // epochs in which the producer ran; 0 = never started
};

/// Adds to a counter. Runs in: its one writing seat, so a load and a store suffice.
inline void count(SharedWord& counter, std::uint64_t n) noexcept {
  // Relaxed: counters order nothing; pairs with the relaxed loads in read_counters.
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/// Runs in: any seat, at any time.
[[nodiscard]] StreamCounters read_counters(const PhysicalStream& stream) noexcept;

}  // namespace sluice::exchange
