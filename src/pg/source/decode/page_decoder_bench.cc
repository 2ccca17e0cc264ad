// Decoding pages laid out like TPC-H's lineitem, read through first as a scan does: rows per second
// by column set, from the cache and from memory.

#include <benchmark/benchmark.h>
#include <optional>
#include <random>

#include "base/yardstick.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/decode/read_through.h"
#include "pg/source/decode/tuple_pages.h"

namespace sluice::pg {
namespace {

using vector::PhysicalType;

constexpr AttributeLayout kInt4{4, 4};
constexpr AttributeLayout kVarlena{kVarlenaLength, 4};

std::vector<AttributeLayout> lineitem_attributes() {
  return {kInt4,    kInt4,    kInt4, kInt4, kVarlena, kVarlena, kVarlena, kVarlena,
          kVarlena, kVarlena, kInt4, kInt4, kInt4,    kVarlena, kVarlena, kVarlena};
}

/// A row of lineitem.
class LineitemRows {
 public:
  std::vector<std::optional<StoredValue>> operator()() {
    const int quantity = pick(1, 50);
    return {stored_fixed(pick(1, 6'000'000)),
            stored_fixed(pick(1, 200'000)),
            stored_fixed(pick(1, 10'000)),
            stored_fixed(pick(1, 7)),
            cents(quantity * 100),
            cents(std::int64_t{quantity} * pick(90'000, 200'000)),
            cents(pick(0, 10)),
            cents(pick(0, 8)),
            text(1),
            text(1),
            stored_fixed(pick(-2900, -400)),
            stored_fixed(pick(-2900, -400)),
            stored_fixed(pick(-2900, -400)),
            text(25),
            text(10),
            text(static_cast<std::size_t>(pick(10, 43)))};
  }

 private:
  static StoredValue cents(std::int64_t value) { return stored_short(numeric_payload(value, 2)); }
  static StoredValue text(std::size_t size) {
    return stored_short(Bytes(size, static_cast<std::uint8_t>('x')));
  }
  int pick(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1));
  }
  std::mt19937_64 random_{3};
};

const TuplePages& pages(std::size_t page_count) {
  static const TuplePages cached(64, lineitem_attributes(), LineitemRows());
  static const TuplePages large(12'000, lineitem_attributes(), LineitemRows());
  return page_count <= 64 ? cached : large;
}

ColumnTarget target(int attribute, Stage stage = 0) {
  ColumnTarget column;
  column.attribute = static_cast<std::uint16_t>(attribute - 1);
  column.stage = stage;
  if (attribute >= 5 && attribute <= 8) {
    column.type = PhysicalType::kInt64;
    column.precision = 15;
    column.scale = 2;
  } else if (attribute == 9 || attribute == 10 || attribute >= 14) {
    column.type = PhysicalType::kVarlen;
  }
  return column;
}

/// Takes a group as a scan does: its pages in the cache, where not all of them have been asked for
/// while the one before was decoded; those of the next one announced.
void load_group(PageDecoder& decoder, ReadAhead& ahead, const TuplePages& input,
                std::size_t group) {
  if (!ahead.has_asked_all()) {
    read_through(input.group_bytes(group));
  }
  std::vector<const std::uint8_t*> next;
  if (group + 1 < input.groups().size()) {
    const std::span<const std::uint8_t> bytes = input.group_bytes(group + 1);
    for (std::size_t at = 0; at < bytes.size(); at += ReadAhead::kPageBytes) {
      next.push_back(bytes.data() + at);
    }
  }
  ahead.announce(next);
  decoder.load(input.groups()[group], &ahead);
}

void decode_all(benchmark::State& state, const std::vector<ColumnTarget>& columns) {
  const TuplePages& input = pages(static_cast<std::size_t>(state.range(0)));
  PageDecoder decoder(lineitem_attributes(), columns);
  ReadAhead ahead;
  for (auto _ : state) {
    for (std::size_t group = 0; group < input.groups().size(); ++group) {
      load_group(decoder, ahead, input, group);
      decoder.decode_stage(0, nullptr, decoder.rows());
      benchmark::DoNotOptimize(decoder.view(0).values);
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * input.rows()));
  base::compare_with(state, base::memcpy_seconds(input.bytes()), "memcpy of the pages");
}

void BM_FirstColumn(benchmark::State& state) { decode_all(state, {target(1)}); }
void BM_OneNumeric(benchmark::State& state) { decode_all(state, {target(5)}); }
void BM_ShipDateOnly(benchmark::State& state) { decode_all(state, {target(11)}); }
void BM_Columns5To11(benchmark::State& state) {
  decode_all(state,
             {target(5), target(6), target(7), target(8), target(9), target(10), target(11)});
}
void BM_AllColumns(benchmark::State& state) {
  std::vector<ColumnTarget> columns;
  for (int attribute = 1; attribute <= 16; ++attribute) {
    columns.push_back(target(attribute));
  }
  decode_all(state, columns);
}

/// TPC-H Q6: three filter columns, then one more column for the rows that are left.
void BM_FilterThenOutput(benchmark::State& state) {
  const TuplePages& input = pages(static_cast<std::size_t>(state.range(0)));
  PageDecoder decoder(lineitem_attributes(), {target(5), target(7), target(11), target(6, 1)});
  ReadAhead ahead;
  std::vector<vector::RowIndex> selection;
  for (auto _ : state) {
    for (std::size_t group = 0; group < input.groups().size(); ++group) {
      load_group(decoder, ahead, input, group);
      decoder.decode_stage(0, nullptr, decoder.rows());
      selection.clear();
      for (std::uint32_t row = 0; row < decoder.rows(); row += 50) {
        selection.push_back(static_cast<vector::RowIndex>(row));
      }
      decoder.decode_stage(1, selection.data(), static_cast<std::uint32_t>(selection.size()));
      benchmark::ClobberMemory();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * input.rows()));
  base::compare_with(state, base::memcpy_seconds(input.bytes()), "memcpy of the pages");
}

#define SLUICE_PAGES Arg(64)->Arg(12'000)
BENCHMARK(BM_FirstColumn)->SLUICE_PAGES;
BENCHMARK(BM_OneNumeric)->SLUICE_PAGES;
BENCHMARK(BM_ShipDateOnly)->SLUICE_PAGES;
BENCHMARK(BM_Columns5To11)->SLUICE_PAGES;
BENCHMARK(BM_AllColumns)->SLUICE_PAGES;
BENCHMARK(BM_FilterThenOutput)->SLUICE_PAGES;

}  // namespace
}  // namespace sluice::pg

BENCHMARK_MAIN();
