// For benchmarks: what the machine itself takes for a comparable piece of work, measured in the
// same process and shortly after.
#pragma once

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <time.h>
#include <vector>

namespace sluice::base {

/// A benchmark's time is its processor time unless it asks for the wall clock's.
enum class YardstickClock : std::uint8_t { kProcessor, kWall };

[[nodiscard]] inline double seconds_now(YardstickClock clock) {
  timespec now{};
  clock_gettime(clock == YardstickClock::kWall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Units: seconds of one call of `work`, the median of some rounds.
template <typename Work>
[[nodiscard]] double yardstick_seconds(Work work,
                                       YardstickClock clock = YardstickClock::kProcessor) {
  constexpr double kRoundSecondsMin = 0.002;
  const auto round = [&](std::uint64_t calls) {
    const double began = seconds_now(clock);
    for (std::uint64_t i = 0; i < calls; ++i) {
      work();
    }
    return seconds_now(clock) - began;
  };
  work();  // touches its memory
  std::uint64_t calls = 1;
  while (round(calls) < kRoundSecondsMin) {
    calls *= 2;
  }
  std::array<double, 5> rounds{};
  std::ranges::generate(rounds, [&] { return round(calls); });
  std::ranges::sort(rounds);
  return rounds[rounds.size() / 2] / static_cast<double>(calls);
}

/// The time to copy `bytes` once: in the cache or in memory, as they fit.
[[nodiscard]] inline double memcpy_seconds(std::size_t bytes,
                                           YardstickClock clock = YardstickClock::kProcessor) {
  std::vector<char> source(bytes, 'x');
  std::vector<char> target(bytes, 'y');
  const auto copy = [&] {
    std::memcpy(target.data(), source.data(), bytes);
    benchmark::DoNotOptimize(target.data());
    benchmark::ClobberMemory();
  };
  return yardstick_seconds(copy, clock);
}

/// The time of `reads` reads of a cache line each from a table of `table_bytes`, in an order that
/// the processor cannot foresee but with nothing that waits for the read before.
[[nodiscard]] inline double random_read_seconds(std::size_t table_bytes, std::uint64_t reads) {
  const std::vector<std::uint64_t> table(std::max<std::size_t>(table_bytes / 8, 1), 1);
  std::uint64_t state = 1;
  return yardstick_seconds([&] {
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < reads; ++i) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      sum += table[static_cast<std::size_t>(((state >> 32) * table.size()) >> 32)];
    }
    benchmark::DoNotOptimize(sum);
  });
}

/// The time of a loop of so many rounds that does nothing.
[[nodiscard]] inline double empty_loop_seconds(std::uint64_t rounds) {
  return yardstick_seconds([rounds] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      benchmark::DoNotOptimize(i);
    }
  });
}

/// Reports the benchmark's time over the yardstick's as `ratio`, with the yardstick's name.
/// Units: `seconds` belong to one iteration. Runs in: after the benchmark's loop.
inline void compare_with(benchmark::State& state, double seconds, const char* yardstick) {
  using benchmark::Counter;
  state.counters["ratio"] = Counter(
      seconds, static_cast<Counter::Flags>(Counter::kIsIterationInvariantRate | Counter::kInvert));
  state.SetLabel(yardstick);
}

}  // namespace sluice::base
