// Grouping rows of an int8 key and a decimal by the number of groups, beside copying the rows and
// one random read a row from a table of the groups' size.
#include <benchmark/benchmark.h>

#include "base/yardstick.h"
#include "engine/aggregate.h"
#include "engine/bench_rows.h"

namespace sluice::engine {
namespace {

using plan::AggregateCall;
using plan::AggregateFunction;
using plan::DataType;
using plan::TypeKind;
using vector::Batch;

constexpr std::size_t kBudgetBytes = std::size_t{2} << 30;
constexpr std::uint64_t kRows = 1 << 21;
constexpr std::size_t kGroupBytes = 32;  // key, sum, count
const std::vector<DataType> kTypes = {DataType::of(TypeKind::kInt64), DataType::decimal(15, 2)};

plan::AggregateSpec spec_of(bool grouped) {
  plan::AggregateSpec spec;
  if (grouped) {
    spec.group_keys = {0};
  }
  spec.calls = {AggregateCall{AggregateFunction::kSum, 1, DataType::decimal(38, 2)},
                AggregateCall{AggregateFunction::kCountStar, 0, DataType::of(TypeKind::kInt64)}};
  return spec;
}

void aggregate(benchmark::State& state, const plan::AggregateSpec& spec, const BenchRows& rows) {
  NodeCounters counters;
  for (auto _ : state) {
    base::MemoryBudget budget(kBudgetBytes);
    AggregateSink sink(spec, kTypes, budget, counters);
    for (const Batch& batch : rows.batches()) {
      (void)sink.consume(batch);
    }
    (void)sink.finish();
    benchmark::DoNotOptimize(sink.results().get());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRows));
}

/// Keys in any order over 64 bits.
void groups_sparse(benchmark::State& state) {
  const auto groups = static_cast<std::uint64_t>(state.range(0));
  const BenchRows rows(kTypes, kRows, [=](std::uint64_t row, std::size_t column) {
    return column == 0 ? mixed(mixed(row) % groups) : row % 5000;
  });
  aggregate(state, spec_of(true), rows);
  base::compare_with(state, base::random_read_seconds(groups * kGroupBytes, kRows),
                     "a random read a row from a table of the groups' size");
}

/// As lineitem by l_orderkey: four rows of a key follow each other.
void groups_in_runs(benchmark::State& state) {
  const auto groups = static_cast<std::uint64_t>(state.range(0));
  const BenchRows rows(kTypes, kRows, [=](std::uint64_t row, std::size_t column) {
    return column == 0 ? row * groups / kRows : row % 5000;
  });
  aggregate(state, spec_of(true), rows);
  base::compare_with(state, base::memcpy_seconds(kRows * 16), "memcpy of the rows");
}

void one_group(benchmark::State& state) {
  const BenchRows rows(kTypes, kRows,
                       [](std::uint64_t row, std::size_t /*column*/) { return row % 5000; });
  aggregate(state, spec_of(false), rows);
  base::compare_with(state, base::memcpy_seconds(kRows * 8), "memcpy of the summed column");
}

BENCHMARK(one_group);
BENCHMARK(groups_sparse)->Arg(4)->Arg(1 << 10)->Arg(1 << 15)->Arg(1 << 20);
BENCHMARK(groups_in_runs)->Arg(1 << 19);

}  // namespace
}  // namespace sluice::engine

BENCHMARK_MAIN();
