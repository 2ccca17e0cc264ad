// A ring from a producer process to a consumer process, woken as in a query; and what a record
// costs when both ends are one process.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstring>
#include <vector>

#include "base/yardstick.h"
#include "exchange/bench_processes.h"
#include "exchange/doorbell.h"
#include "exchange/ring.h"
#include "exchange/test_ring.h"

namespace sluice::exchange {
namespace {

constexpr base::Epoch kEpoch{1};
constexpr std::size_t kRingBytes = std::size_t{64} << 10;  // MeshConfig's default
constexpr std::size_t kRecordBytesMax = std::size_t{32} << 10;
constexpr std::size_t kRingBytesMost = std::size_t{1} << 20;
constexpr SeatIndex kConsumer{0};
constexpr SeatIndex kProducer{1};

struct Board {
  FutexPair latches;
  BellLine bells[2];
  PhysicalStream stream;
  alignas(kRecordAlignment) std::byte bytes[kRingBytesMost];

  [[nodiscard]] RingMemory ring(std::size_t ring_bytes) { return {&stream, {bytes, ring_bytes}}; }
};

// One end: a doorbell and how it waits. A bell that was taken means: look again before sleeping.
class End {
 public:
  End(Board& board, SeatIndex self)
      : waker_(board.latches, self), bell_({board.bells, 2}, self, waker_) {}
  void ring(SeatIndex peer) { (void)bell_.ring(peer); }
  void sleep() {
    if (!bell_.take() && !bell_.look()) {
      bell_.park();
    }
  }

 private:
  FutexPairWaker waker_;
  Doorbell bell_;
};

// Records of `record_bytes` until one of a single byte, which ends it.
void produce(Board& board, RingMemory ring, std::size_t record_bytes, std::uint64_t records) {
  End end(board, kProducer);
  RingWriter writer(ring, kEpoch);
  const std::vector<std::byte> source(record_bytes, std::byte{1});
  for (std::uint64_t i = 0; i <= records; ++i) {
    const std::size_t bytes = i < records ? record_bytes : 1;
    std::byte* payload = nullptr;
    while (writer.reserve(bytes, payload) != RingSpace::kGranted) {
      end.sleep();
    }
    std::memcpy(payload, source.data(), bytes);
    writer.commit({RecordKind::kWhole, 1, static_cast<std::uint32_t>(bytes), 0});
    end.ring(kConsumer);
  }
}

// Reads until the last record; returns the payload bytes read before it.
std::uint64_t consume(Board& board, RingMemory ring) {
  End end(board, kConsumer);
  RingReader reader(ring, kEpoch);
  std::vector<std::byte> copy(kRecordBytesMax);
  std::uint64_t bytes = 0;
  for (;;) {
    RingRecord record;
    while (!reader.lease(record)) {
      end.sleep();
    }
    if (record.payload.size() == 1) {
      return bytes;
    }
    std::memcpy(copy.data(), record.payload.data(), record.payload.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
    bytes += record.payload.size();
    reader.release();
    if (reader.take_wake()) {
      end.ring(kProducer);
    }
  }
}

/// The bytes are copied in by one process and out by the other.
void two_processes(benchmark::State& state) {
  constexpr std::uint64_t kRecords = 20'000;
  const auto ring_bytes = static_cast<std::size_t>(state.range(0));
  const std::size_t record_bytes = std::min(ring_record_bytes_max(ring_bytes), kRecordBytesMax);
  for (auto _ : state) {
    state.PauseTiming();
    SharedWithChild<Board> board;
    const RingMemory ring = board->ring(ring_bytes);
    state.ResumeTiming();
    const BenchChild producer([&] { produce(*board.operator->(), ring, record_bytes, kRecords); });
    if (consume(*board.operator->(), ring) != kRecords * record_bytes) {
      state.SkipWithError("bytes were lost");
      break;
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kRecords * record_bytes));
  const double rings =
      static_cast<double>(kRecords * record_bytes) / static_cast<double>(ring_bytes);
  base::compare_with(state, rings * base::memcpy_seconds(ring_bytes, base::YardstickClock::kWall),
                     "memcpy of the same bytes, in pieces of the ring's size");
}

/// Reserve, commit, lease and release, without copying.
void one_record(benchmark::State& state) {
  TestRing ring(kRingBytes);
  RingWriter writer(ring.memory(), kEpoch);
  RingReader reader(ring.memory(), kEpoch);
  for (auto _ : state) {
    std::byte* payload = nullptr;
    RingRecord record;
    if (writer.reserve(64, payload) != RingSpace::kGranted) {
      state.SkipWithError("a ring that is read is full");
      break;
    }
    writer.commit({RecordKind::kWhole, 1, 64, 0});
    if (!reader.lease(record)) {
      state.SkipWithError("a record was lost");
      break;
    }
    reader.release();
  }
  state.SetItemsProcessed(state.iterations());
  base::compare_with(state, base::empty_loop_seconds(1'000'000) / 1e6,
                     "one round of an empty loop");
}

BENCHMARK(two_processes)
    ->ArgName("ring_bytes")
    ->Arg(64 << 10)
    ->Arg(256 << 10)
    ->Arg(kRingBytesMost)
    ->UseRealTime();
BENCHMARK(one_record);

}  // namespace
}  // namespace sluice::exchange

BENCHMARK_MAIN();
