// The expressions of TPC-H Q1 and Q6 over batches that fit the cache.
#include <benchmark/benchmark.h>
#include <random>

#include "base/yardstick.h"
#include "engine/expr_program.h"
#include "engine/physical.h"
#include "vector/batch_builder.h"

namespace sluice::engine {
namespace {

using plan::DataType;
using plan::Expr;
using plan::Op;
using plan::TypeKind;
using vector::Batch;
using vector::kBatchRowsMax;
using vector::RowIndex;

const DataType kBool = DataType::of(TypeKind::kBool);
const DataType kDate = DataType::of(TypeKind::kDate);
const DataType kPrice = DataType::decimal(15, 2);
const std::vector<DataType> kTypes = {kPrice,
                                      kPrice,
                                      kPrice,
                                      kPrice,
                                      kDate,
                                      DataType::of(TypeKind::kBpchar),
                                      DataType::of(TypeKind::kText)};
enum Column : std::uint32_t { kQuantity, kExtended, kDiscount, kTax, kShipdate, kMode, kComment };

/// A batch of lineitem.
class Lineitem {
 public:
  Lineitem() : builder_(physical_types_of(kTypes), budget_) {
    std::mt19937 random(1);
    const char* const modes[] = {"MAIL      ", "SHIP      ", "AIR       ", "TRUCK     "};
    for (std::uint32_t row = 0; row < kBatchRowsMax; ++row) {
      builder_.column(kQuantity).as<std::int64_t>()[row] = 100 * (1 + random() % 50);
      builder_.column(kExtended).as<std::int64_t>()[row] = 90000 + random() % 10000000;
      builder_.column(kDiscount).as<std::int64_t>()[row] = random() % 11;
      builder_.column(kTax).as<std::int64_t>()[row] = random() % 9;
      builder_.column(kShipdate).as<std::int32_t>()[row] =
          -2922 + static_cast<std::int32_t>(random() % 2526);
      builder_.column(kMode).set_string(row, modes[random() % 4]);
      builder_.column(kComment).set_string(row, random() % 9 == 0
                                                    ? "furiously special pending requests along"
                                                    : "carefully final deposits sleep about the");
      if (random() % 50 != 0) {
        selection_.push_back(static_cast<RowIndex>(row));
      }
    }
    builder_.set_rows(kBatchRowsMax);
  }
  Batch dense() { return builder_.view(); }
  Batch selected() {
    return {builder_.view().columns(), kBatchRowsMax, selection_.data(),
            static_cast<std::uint32_t>(selection_.size())};
  }
  base::MemoryBudget& budget() { return budget_; }

 private:
  base::MemoryBudget budget_{std::size_t{64} << 20};
  vector::BatchBuilder builder_;
  std::vector<RowIndex> selection_;
};

Expr column(std::uint32_t i) { return Expr::make_column(i, kTypes[i]); }
Expr call(Op op, DataType type, std::vector<Expr> args) {
  return Expr::make_call(op, type, std::move(args));
}
Expr discounted() {
  const Expr one = Expr::make_integer(100, kPrice);
  return call(
      Op::kMultiply, DataType::decimal(31, 4),
      {column(kExtended), call(Op::kSubtract, DataType::decimal(16, 2), {one, column(kDiscount)})});
}
Expr charge() {
  const Expr one = Expr::make_integer(100, kPrice);
  return call(Op::kMultiply, DataType::decimal(38, 6),
              {discounted(), call(Op::kAdd, DataType::decimal(16, 2), {one, column(kTax)})});
}
Expr compare(Op op, std::uint32_t i, std::int64_t bound) {
  return call(op, kBool, {column(i), Expr::make_integer(bound, kTypes[i])});
}
std::vector<Expr> q6_conjuncts() {
  return {compare(Op::kGreaterEqual, kShipdate, -2191), compare(Op::kLess, kShipdate, -1826),
          compare(Op::kGreaterEqual, kDiscount, 5), compare(Op::kLessEqual, kDiscount, 7),
          compare(Op::kLess, kQuantity, 2400)};
}

/// `bytes_per_row`: what the expressions read.
void compare_with_copy(benchmark::State& state, std::size_t bytes_per_row) {
  base::compare_with(state, base::memcpy_seconds(bytes_per_row * kBatchRowsMax),
                     "memcpy of the columns read, in cache");
}

void run_programs(benchmark::State& state, const std::vector<Expr>& exprs, bool selected,
                  std::size_t bytes_per_row) {
  Lineitem lineitem;
  ExprPrograms programs(exprs, kTypes, lineitem.budget());
  const Batch batch = selected ? lineitem.selected() : lineitem.dense();
  for (auto _ : state) {
    benchmark::DoNotOptimize(programs.evaluate(batch).data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * batch.count());
  compare_with_copy(state, bytes_per_row);
}

void run_filter(benchmark::State& state, const std::vector<Expr>& conjuncts,
                std::size_t bytes_per_row) {
  Lineitem lineitem;
  Predicate predicate(conjuncts, kTypes, lineitem.budget());
  std::vector<RowIndex> passed(kBatchRowsMax);
  const Batch batch = lineitem.dense();
  for (auto _ : state) {
    benchmark::DoNotOptimize(predicate.filter(batch, passed.data()));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * batch.count());
  compare_with_copy(state, bytes_per_row);
}

void q1_project(benchmark::State& state) {
  run_programs(state, {discounted(), charge()}, false, 24);
}
void q1_project_selected(benchmark::State& state) {
  run_programs(state, {discounted(), charge()}, true, 24);
}
void q1_filter(benchmark::State& state) {
  run_filter(state, {compare(Op::kLessEqual, kShipdate, -486)}, 4);
}
void q6_filter(benchmark::State& state) { run_filter(state, q6_conjuncts(), 20); }
void bpchar_equal(benchmark::State& state) {
  run_filter(state,
             {call(Op::kEqual, kBool, {column(kMode), Expr::make_bytes("MAIL", kTypes[kMode])})},
             16);
}
void bpchar_in(benchmark::State& state) {
  run_filter(state,
             {call(Op::kIn, kBool,
                   {column(kMode), Expr::make_bytes("MAIL", kTypes[kMode]),
                    Expr::make_bytes("SHIP", kTypes[kMode])})},
             16);
}
void like_segments(benchmark::State& state) {
  run_filter(state,
             {call(Op::kNotLike, kBool,
                   {column(kComment), Expr::make_bytes("%special%requests%", kTypes[kComment])})},
             16 + 39);
}
void year(benchmark::State& state) {
  run_programs(state, {call(Op::kExtractYear, DataType::decimal(10, 0), {column(kShipdate)})},
               false, 4);
}

BENCHMARK(q1_project);
BENCHMARK(q1_project_selected);
BENCHMARK(q1_filter);
BENCHMARK(q6_filter);
BENCHMARK(bpchar_equal);
BENCHMARK(bpchar_in);
BENCHMARK(like_segments);
BENCHMARK(year);

}  // namespace
}  // namespace sluice::engine

BENCHMARK_MAIN();
