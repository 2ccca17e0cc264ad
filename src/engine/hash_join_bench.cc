// Building and probing a join's table of one int8 key and one int8 payload, by its size.
#include <benchmark/benchmark.h>

#include "base/yardstick.h"
#include "engine/bench_rows.h"
#include "engine/hash_join.h"
#include "engine/join_table.h"

namespace sluice::engine {
namespace {

using vector::Batch;

constexpr std::size_t kBudgetBytes = std::size_t{2} << 30;
constexpr std::size_t kRowBytes = 16;
constexpr std::uint64_t kProbeRows = 1 << 20;
const std::vector<plan::DataType> kTypes(2, plan::DataType::of(plan::TypeKind::kInt64));

plan::HashJoinSpec spec_of(plan::JoinType type) {
  plan::HashJoinSpec spec;
  spec.type = type;
  spec.probe_keys = {0};
  spec.build_keys = {0};
  spec.outputs = {1};
  if (!plan::only_tests_probe(type)) {
    spec.outputs.push_back(3);
  }
  return spec;
}

/// Dense keys are 0, 1, ...: a primary key; sparse ones lie anywhere.
std::uint64_t key_of(std::uint64_t number, bool sparse) { return sparse ? mixed(number) : number; }

/// Every key once, in no order. Shape: `rows` is a power of two.
BenchRows build_rows(std::uint64_t rows, bool sparse) {
  return {kTypes, rows, [=](std::uint64_t row, std::size_t column) {
            const std::uint64_t shuffled = (row * 0x9E3779B97F4A7C15U) & (rows - 1);
            return column == 0 ? key_of(shuffled, sparse) : row;
          }};
}

void fill(HashBuildSink& sink, const BenchRows& rows) {
  for (const Batch& batch : rows.batches()) {
    (void)sink.consume(batch);
  }
  (void)sink.finish();
}

void build(benchmark::State& state, bool sparse) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const BenchRows rows = build_rows(count, sparse);
  const plan::HashJoinSpec spec = spec_of(plan::JoinType::kInner);
  NodeCounters counters;
  for (auto _ : state) {
    base::MemoryBudget budget(kBudgetBytes);
    HashBuildSink sink(spec, kTypes, budget, counters);
    fill(sink, rows);
    benchmark::DoNotOptimize(sink.table().rows());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  base::compare_with(state, base::memcpy_seconds(count * kRowBytes), "memcpy of the rows");
}

/// Returns the rows that come out.
std::uint64_t probe_all(HashProbeOperator& probe, const BenchRows& rows) {
  std::uint64_t joined = 0;
  for (const Batch& batch : rows.batches()) {
    Batch out;
    while (probe.process(batch, out) == OperatorState::kHaveMore) {
      joined += out.count();
    }
    joined += out.count();
  }
  return joined;
}

void probe(benchmark::State& state, plan::JoinType type, bool sparse, std::uint64_t hit_every) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const plan::HashJoinSpec spec = spec_of(type);
  NodeCounters counters;
  base::MemoryBudget budget(kBudgetBytes);
  HashBuildSink sink(spec, kTypes, budget, counters);
  fill(sink, build_rows(count, sparse));
  HashProbeOperator probe(spec, kTypes, kTypes, sink.table(), budget, counters);
  const BenchRows rows(kTypes, kProbeRows, [=](std::uint64_t row, std::size_t column) {
    return column == 1 ? row : key_of(mixed(~row) % (count * hit_every), sparse);
  });
  for (auto _ : state) {
    const std::uint64_t joined = probe_all(probe, rows);
    // Every probe row finds the one row of its key, or one in `hit_every` does, about.
    if (joined * hit_every < kProbeRows * 9 / 10 || joined * hit_every > kProbeRows * 11 / 10) {
      state.SkipWithError("the join has lost or made up rows");
      break;
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kProbeRows));
  base::compare_with(state, base::random_read_seconds(count * kRowBytes, kProbeRows),
                     "a random read a row from a table of the build rows' size");
}

void build_dense(benchmark::State& state) { build(state, false); }
void build_sparse(benchmark::State& state) { build(state, true); }
void probe_inner_dense(benchmark::State& state) { probe(state, plan::JoinType::kInner, false, 1); }
void probe_inner_sparse(benchmark::State& state) { probe(state, plan::JoinType::kInner, true, 1); }
void probe_semi_sparse(benchmark::State& state) { probe(state, plan::JoinType::kSemi, true, 1); }
void probe_one_in_ten(benchmark::State& state) { probe(state, plan::JoinType::kInner, true, 10); }

// In the L1 cache, in the L2 cache, and in memory.
#define SLUICE_BUILD_ROWS Arg(1 << 10)->Arg(1 << 15)->Arg(1 << 21)
BENCHMARK(build_dense)->SLUICE_BUILD_ROWS;
BENCHMARK(build_sparse)->SLUICE_BUILD_ROWS;
BENCHMARK(probe_inner_dense)->SLUICE_BUILD_ROWS;
BENCHMARK(probe_inner_sparse)->SLUICE_BUILD_ROWS;
BENCHMARK(probe_semi_sparse)->SLUICE_BUILD_ROWS;
BENCHMARK(probe_one_in_ten)->SLUICE_BUILD_ROWS;

}  // namespace
}  // namespace sluice::engine

BENCHMARK_MAIN();
