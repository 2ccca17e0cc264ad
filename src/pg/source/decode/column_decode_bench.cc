// Decoding pages of four columns of one type each, from the cache: time and bytes by type.
#include <benchmark/benchmark.h>
#include <optional>
#include <random>

#include "base/yardstick.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/decode/tuple_pages.h"

namespace sluice::pg {
namespace {

using vector::PhysicalType;

constexpr std::size_t kColumns = 4;
constexpr std::size_t kPages = 64;

struct TypeCase {
  AttributeLayout layout;
  ColumnTarget target;
};

TypeCase fixed(PhysicalType type, std::uint8_t bytes) {
  return {{static_cast<std::int16_t>(bytes), bytes}, {0, type, 0, 0, 0, std::nullopt}};
}
TypeCase varlena(PhysicalType type, std::uint8_t precision = 0, std::uint8_t scale = 0) {
  return {{kVarlenaLength, 4}, {0, type, precision, scale, 0, std::nullopt}};
}

/// `make` returns one value, nothing for NULL.
template <typename Make>
void decode(benchmark::State& state, const TypeCase& type, Make make) {
  const std::vector<AttributeLayout> attributes(kColumns, type.layout);
  std::mt19937_64 random(5);
  const TuplePages input(kPages, attributes, [&] {
    std::vector<std::optional<StoredValue>> row;
    for (std::size_t column = 0; column < kColumns; ++column) {
      row.push_back(make(random));
    }
    return row;
  });
  std::vector<ColumnTarget> targets(kColumns, type.target);
  for (std::size_t column = 0; column < kColumns; ++column) {
    targets[column].attribute = static_cast<std::uint16_t>(column);
  }
  PageDecoder decoder(attributes, targets);
  for (auto _ : state) {
    for (const auto& group : input.groups()) {
      decoder.load(group);
      decoder.decode_stage(0, nullptr, decoder.rows());
      benchmark::DoNotOptimize(decoder.view(0).values);
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * input.rows() * kColumns));
  base::compare_with(state, base::memcpy_seconds(input.bytes()), "memcpy of the pages, in cache");
}

using Random = std::mt19937_64;
using Value = std::optional<StoredValue>;

template <typename T>
Value fixed_value(Random& random) {
  return stored_fixed(static_cast<T>(random()));
}
Value decimal_value(Random& random, int scale, int digits) {
  base::Int128 value = 0;
  for (int i = 0; i < digits; ++i) {
    value = value * 10 + static_cast<int>(random() % 10);
  }
  return stored_short(numeric_payload(value, scale));
}
Bytes text_bytes(std::size_t bytes) { return Bytes(bytes, static_cast<std::uint8_t>('x')); }

void bool_column(benchmark::State& state) {
  decode(state, fixed(PhysicalType::kInt8, 1), [](Random& random) -> Value {
    return stored_fixed(static_cast<std::int8_t>(random() % 2));
  });
}
void int2_column(benchmark::State& state) {
  decode(state, fixed(PhysicalType::kInt16, 2), fixed_value<std::int16_t>);
}
void int4_or_date_column(benchmark::State& state) {
  decode(state, fixed(PhysicalType::kInt32, 4), fixed_value<std::int32_t>);
}
void int8_or_timestamp_column(benchmark::State& state) {
  decode(state, fixed(PhysicalType::kInt64, 8), fixed_value<std::int64_t>);
}
void float8_column(benchmark::State& state) {
  decode(state, fixed(PhysicalType::kFloat64, 8), fixed_value<double>);
}
void int4_half_null_column(benchmark::State& state) {
  decode(state, fixed(PhysicalType::kInt32, 4), [](Random& random) -> Value {
    return random() % 2 == 0 ? Value() : fixed_value<std::int32_t>(random);
  });
}
void numeric_15_2_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kInt64, 15, 2),
         [](Random& random) { return decimal_value(random, 2, 7); });
}
/// Values of four stored digits, which are decoded one by one.
void long_numeric_15_2_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kInt64, 15, 2),
         [](Random& random) { return decimal_value(random, 2, 15); });
}
/// One in eight has four stored digits.
void mixed_numeric_15_2_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kInt64, 15, 2),
         [](Random& random) { return decimal_value(random, 2, random() % 8 == 0 ? 13 : 7); });
}
void numeric_38_10_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kInt128, 38, 10),
         [](Random& random) { return decimal_value(random, 10, 25); });
}
void text_1_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kVarlen),
         [](Random&) -> Value { return stored_short(text_bytes(1)); });
}
void text_25_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kVarlen),
         [](Random&) -> Value { return stored_short(text_bytes(25)); });
}
void text_200_column(benchmark::State& state) {
  decode(state, varlena(PhysicalType::kVarlen),
         [](Random&) -> Value { return stored_long(text_bytes(200)); });
}

BENCHMARK(bool_column);
BENCHMARK(int2_column);
BENCHMARK(int4_or_date_column);
BENCHMARK(int8_or_timestamp_column);
BENCHMARK(float8_column);
BENCHMARK(int4_half_null_column);
BENCHMARK(numeric_15_2_column);
BENCHMARK(mixed_numeric_15_2_column);
BENCHMARK(long_numeric_15_2_column);
BENCHMARK(numeric_38_10_column);
BENCHMARK(text_1_column);
BENCHMARK(text_25_column);
BENCHMARK(text_200_column);

}  // namespace
}  // namespace sluice::pg

BENCHMARK_MAIN();
