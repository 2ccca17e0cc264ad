// Hashing a batch's keys, beside copying the same bytes and an empty loop over the rows.
#include <benchmark/benchmark.h>
#include <random>
#include <string>
#include <vector>

#include "base/yardstick.h"
#include "vector/batch_builder.h"
#include "vector/hash.h"

namespace sluice::vector {
namespace {

constexpr const char* kCopy = "memcpy of the keys, in cache";

void hash_column(benchmark::State& state, PhysicalType type, KeyEquality equality,
                 std::size_t string_bytes = 0) {
  base::MemoryBudget budget(std::size_t{16} << 20);
  const PhysicalType types[] = {type};
  BatchBuilder builder(types, budget);
  std::mt19937_64 random(1);
  for (std::uint32_t row = 0; row < kBatchRowsMax; ++row) {
    switch (type) {
      case PhysicalType::kInt32:
        builder.column(0).as<std::int32_t>()[row] = static_cast<std::int32_t>(random());
        break;
      case PhysicalType::kInt64:
        builder.column(0).as<std::int64_t>()[row] = static_cast<std::int64_t>(random());
        break;
      case PhysicalType::kFloat64:
        builder.column(0).as<double>()[row] = static_cast<double>(random());
        break;
      default: {
        std::string text = std::to_string(random());
        text.resize(string_bytes, 'x');
        builder.column(0).set_string(row, text);
      }
    }
  }
  builder.set_rows(kBatchRowsMax);
  const Batch batch = builder.view();
  const std::uint32_t keys[] = {0};
  const KeyEquality equalities[] = {equality};
  std::vector<std::uint64_t> hashes(kBatchRowsMax);
  for (auto _ : state) {
    hash_keys(batch, keys, equalities, hashes.data());
    benchmark::DoNotOptimize(hashes.data());
    benchmark::ClobberMemory();
  }
  const std::size_t key_bytes = string_bytes == 0 ? width_bytes(type) : string_bytes;
  state.SetItemsProcessed(state.iterations() * kBatchRowsMax);
  base::compare_with(state, base::memcpy_seconds(key_bytes * kBatchRowsMax), kCopy);
}

void hash_int4(benchmark::State& state) {
  hash_column(state, PhysicalType::kInt32, KeyEquality::kBits);
}
void hash_int8(benchmark::State& state) {
  hash_column(state, PhysicalType::kInt64, KeyEquality::kBits);
}
void hash_float8(benchmark::State& state) {
  hash_column(state, PhysicalType::kFloat64, KeyEquality::kFloat);
}
void hash_text_10(benchmark::State& state) {
  hash_column(state, PhysicalType::kVarlen, KeyEquality::kBytes, 10);
}
void hash_text_40(benchmark::State& state) {
  hash_column(state, PhysicalType::kVarlen, KeyEquality::kBytes, 40);
}
void hash_bpchar_10(benchmark::State& state) {
  hash_column(state, PhysicalType::kVarlen, KeyEquality::kBlankPadded, 10);
}

BENCHMARK(hash_int4);
BENCHMARK(hash_int8);
BENCHMARK(hash_float8);
BENCHMARK(hash_text_10);
BENCHMARK(hash_text_40);
BENCHMARK(hash_bpchar_10);

}  // namespace
}  // namespace sluice::vector

BENCHMARK_MAIN();
