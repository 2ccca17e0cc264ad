// Partitioning: rows of three int8 columns scattered by key into the rings of the seats, which are
// emptied without being looked at; beside copying the same rows once.
#include <benchmark/benchmark.h>

#include "base/yardstick.h"
#include "engine/bench_rows.h"
#include "engine/exchange_sink.h"
#include "exchange/stream_input.h"
#include "exchange/test_mesh.h"

namespace sluice::engine {
namespace {

using exchange::SeatIndex;
using exchange::SeatSet;
using plan::ExchangeKind;

constexpr exchange::Epoch kEpoch{1};
constexpr std::uint64_t kRows = 1 << 17;
constexpr std::uint16_t kPartitions = 64;
constexpr std::uint32_t kRingBytes = std::uint32_t{64} << 10;
const std::vector<plan::DataType> kTypes(3, plan::DataType::of(plan::TypeKind::kInt64));

/// One stream from the last seat to `seats` seats (gather: to the leader), read by this thread.
class Stream {
 public:
  Stream(ExchangeKind kind, std::uint16_t seats)
      : mesh_(exchange::mesh_config(
            seats,
            {kind == ExchangeKind::kGather ? exchange::StreamAudience::kLeader
                                           : exchange::StreamAudience::kSeats},
            kRingBytes)) {
    plan::PlanNode node;
    node.spec = plan::ExchangeSpec{exchange::StreamId(0), kind, {}};
    if (kind == ExchangeKind::kRedistribute) {
      node.as<plan::ExchangeSpec>()->keys = {0};
    }
    node.output = kTypes;
    const SeatIndex producer(static_cast<std::uint16_t>(seats - 1));
    const SeatSet consumers =
        kind == ExchangeKind::kGather ? SeatSet::of(base::kLeaderSeat) : mesh_[0].members();
    sink_ = std::make_unique<ExchangeSink>(node, kPartitions, mesh_[producer.index()], consumers,
                                           kEpoch, budget_);
    consumers.for_each([&](SeatIndex seat) {
      inputs_.push_back(std::make_unique<exchange::StreamInput>(
          mesh_[seat.index()], exchange::StreamId(0), SeatSet::of(producer), kEpoch, budget_));
      inputs_.back()->start();
    });
  }

  void send(const vector::Batch& batch) {
    while (sink_->consume(batch) == SinkState::kBlocked) {
      read_all();
    }
  }
  void finish() {
    while (sink_->finish() == SinkState::kBlocked) {
      read_all();
    }
    read_all();
  }
  [[nodiscard]] std::uint64_t rows_read() const { return rows_read_; }

 private:
  void read_all() {
    exchange::RecordView record;
    for (const auto& input : inputs_) {
      while (input->next(record) == exchange::InputState::kRecord) {
        rows_read_ += record.rows;
        input->release();
      }
    }
  }

  exchange::TestMesh mesh_;
  base::MemoryBudget budget_{std::size_t{1} << 28};
  std::unique_ptr<ExchangeSink> sink_;
  std::vector<std::unique_ptr<exchange::StreamInput>> inputs_;
  std::uint64_t rows_read_ = 0;
};

void send_all(benchmark::State& state, ExchangeKind kind) {
  const auto seats = static_cast<std::uint16_t>(state.range(0));
  const BenchRows rows(kTypes, kRows, [](std::uint64_t row, std::size_t column) {
    return column == 0 ? mixed(row) : row;
  });
  const std::uint64_t copies = kind == ExchangeKind::kBroadcast ? seats : 1;
  for (auto _ : state) {
    state.PauseTiming();
    Stream stream(kind, seats);
    state.ResumeTiming();
    for (const vector::Batch& batch : rows.batches()) {
      stream.send(batch);
    }
    stream.finish();
    if (stream.rows_read() != kRows * copies) {
      state.SkipWithError("rows were lost");
      break;
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRows));
  base::compare_with(state, base::memcpy_seconds(kRows * kTypes.size() * 8 * copies),
                     "memcpy of the rows");
}

void redistribute(benchmark::State& state) { send_all(state, ExchangeKind::kRedistribute); }
void broadcast(benchmark::State& state) { send_all(state, ExchangeKind::kBroadcast); }
void gather(benchmark::State& state) { send_all(state, ExchangeKind::kGather); }

BENCHMARK(redistribute)->ArgName("seats")->Arg(2)->Arg(3)->Arg(9);
BENCHMARK(broadcast)->ArgName("seats")->Arg(3);
BENCHMARK(gather)->ArgName("seats")->Arg(2);

}  // namespace
}  // namespace sluice::engine

BENCHMARK_MAIN();
