// What a round of the scheduler pays for looking at the control words: ControlService::poll in one
// seat, and the leader's Mesh::quiescent, by the number of streams and seats.
#include <benchmark/benchmark.h>

#include "base/yardstick.h"
#include "exchange/control_service.h"
#include "exchange/stream_input.h"
#include "exchange/stream_output.h"
#include "exchange/test_mesh.h"

namespace sluice::exchange {
namespace {

class OpenOutput final : public StreamProcedure {
 public:
  OpenOutput(Mesh& mesh, SeatSet consumers) : mesh_(mesh), consumers_(consumers) {}
  void start(StreamId stream, Epoch epoch) override {
    outputs_.push_back(std::make_unique<StreamOutput>(mesh_, stream, consumers_, epoch));
  }

 private:
  Mesh& mesh_;
  SeatSet consumers_;
  std::vector<std::unique_ptr<StreamOutput>> outputs_;
};

MeshConfig config_of(const benchmark::State& state) {
  return mesh_config(static_cast<std::uint16_t>(state.range(1)),
                     {static_cast<std::size_t>(state.range(0)), StreamAudience::kSeats});
}

void compare_with_loop(benchmark::State& state) {
  const auto physical_streams = static_cast<std::uint64_t>(state.range(0) * state.range(1));
  base::compare_with(state, base::empty_loop_seconds(physical_streams),
                     "an empty loop over as many streams and seats");
}

/// A round in the last seat that finds nothing new: every stream runs towards every seat.
void poll(benchmark::State& state) {
  TestMesh mesh(config_of(state));
  const std::size_t self = mesh[0].seats() - 1U;
  StreamRegistry registry;
  OpenOutput procedure(mesh[self], mesh[0].members());
  base::MemoryBudget budget(1 << 20);
  std::vector<std::unique_ptr<StreamInput>> inputs;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const StreamId stream(static_cast<std::uint16_t>(i));
    registry.add(stream, procedure);
    mesh[0].members().for_each([&](SeatIndex consumer) {
      inputs.push_back(std::make_unique<StreamInput>(
          mesh[consumer.index()], stream, SeatSet::of(mesh[self].self()), Epoch(1), budget));
      inputs.back()->start();
    });
  }
  ControlService service(mesh[self], registry);
  (void)service.poll();
  for (auto _ : state) {
    benchmark::DoNotOptimize(service.poll());
  }
  compare_with_loop(state);
}

/// Two passes over the words of a query that is at rest.
void quiescent(benchmark::State& state) {
  TestMesh mesh(config_of(state));
  for (auto _ : state) {
    benchmark::DoNotOptimize(mesh[0].quiescent());
  }
  compare_with_loop(state);
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"streams", "seats"})->ArgsProduct({{1, 16, 200}, {1, 4, 16}});
}
BENCHMARK(poll)->Apply(shapes);
BENCHMARK(quiescent)->Apply(shapes);

}  // namespace
}  // namespace sluice::exchange

BENCHMARK_MAIN();
