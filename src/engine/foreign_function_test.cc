#include "engine/foreign_function.h"

#include <gtest/gtest.h>
#include <numeric>

#include "base/error.h"
#include "engine/expr_program.h"
#include "engine/stream_operators.h"

namespace sluice::engine {
namespace {

using plan::DataType;
using plan::Expr;
using plan::Op;
using plan::TypeKind;
using vector::ColumnView;

constexpr DataType kInt = DataType::of(TypeKind::kInt32);
constexpr DataType kBool = DataType::of(TypeKind::kBool);
constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;

std::uint32_t rows_seen = 0;
std::uint32_t rows_held_max = UINT32_MAX;  // by one function

/// The first argument plus the length of the definition; NULL for what is negative.
class Adder final : public ForeignFunction {
 public:
  explicit Adder(std::size_t added) : added_(static_cast<std::int32_t>(added)) {}
  std::uint32_t evaluate(std::span<const ColumnView> args, Rows rows, bool forgets,
                         const ValueBuffer& result) override {
    held_ = forgets ? 0 : held_;
    const std::uint32_t count = std::min(rows.count, rows_held_max - held_);
    held_ += count;
    EXPECT_TRUE(count != 0 || !forgets);
    for_each_row({rows.selection, count}, [&](std::uint32_t row) {
      ++rows_seen;
      const std::int32_t value = args[0].as<std::int32_t>()[row];
      result.as<std::int32_t>()[row] = value + added_;
      const std::uint64_t bit = std::uint64_t{1} << (row % 64);
      result.validity[row / 64] =
          value < 0 ? result.validity[row / 64] & ~bit : result.validity[row / 64] | bit;
    });
    return count;
  }

 private:
  std::uint32_t held_ = 0;
  std::int32_t added_;
};

std::unique_ptr<ForeignFunction> make_adder(std::string_view definition,
                                            std::span<const DataType> args, const DataType& type) {
  EXPECT_EQ(args.size(), 1U);
  EXPECT_EQ(args[0], kInt);
  EXPECT_EQ(type, kInt);
  return std::make_unique<Adder>(definition.size());
}

Expr adder(Expr arg) {
  return Expr::make_call(Op::kForeign, kInt,
                         {Expr::make_bytes("abc", DataType::of(TypeKind::kText)), std::move(arg)});
}

class Foreign : public ::testing::Test {
 protected:
  Foreign() {
    set_foreign_function_maker(make_adder);
    rows_seen = 0;
    rows_held_max = UINT32_MAX;
  }
  ~Foreign() override { set_foreign_function_maker(nullptr); }

  const std::int32_t values_[4] = {1, -1, 10, 7};
  const ColumnView column_{vector::PhysicalType::kInt32, false,
                           reinterpret_cast<const std::byte*>(values_), nullptr};
  const vector::Batch batch_{std::span(&column_, 1), 4};
  base::MemoryBudget budget_{kBudgetBytes};
};

TEST_F(Foreign, ResultIsWhatTheFunctionWrites) {
  ExprProgram program(adder(adder(Expr::make_column(0, kInt))), {kInt}, budget_);
  const ColumnView result = program.evaluate(batch_);
  EXPECT_EQ(result.as<std::int32_t>()[0], 7);
  EXPECT_EQ(result.as<std::int32_t>()[2], 16);
  EXPECT_FALSE(result.is_null(0));
}

TEST_F(Foreign, NullIsTheFunctionsToSay) {
  ExprProgram program(adder(Expr::make_column(0, kInt)), {kInt}, budget_);
  const ColumnView result = program.evaluate(batch_);
  EXPECT_TRUE(result.is_null(1));
  EXPECT_FALSE(result.is_null(3));
}

TEST_F(Foreign, OnlyRowsThatAreNeededAreComputed) {
  const Expr is_large = Expr::make_call(Op::kGreater, kBool,
                                        {Expr::make_column(0, kInt), Expr::make_integer(5, kInt)});
  const Expr is_ten = Expr::make_call(
      Op::kEqual, kBool, {adder(Expr::make_column(0, kInt)), Expr::make_integer(10, kInt)});
  Predicate predicate({Expr::make_call(Op::kAnd, kBool, {is_large, is_ten})}, {kInt}, budget_);
  vector::RowIndex passed[vector::kBatchRowsMax];
  ASSERT_EQ(predicate.filter(batch_, passed), 1U);
  EXPECT_EQ(passed[0], 3);
  EXPECT_EQ(rows_seen, 2U);
}

/// 100 rows, and every other one of them.
struct Hundred {
  Hundred() {
    std::iota(std::begin(values), std::end(values), 0);
    for (std::uint32_t i = 0; i < 50; ++i) {
      odd[i] = static_cast<vector::RowIndex>(2 * i + 1);
    }
  }
  [[nodiscard]] vector::Batch batch(bool all) const {
    return all ? vector::Batch({&column, 1}, 100) : vector::Batch({&column, 1}, 100, odd, 50);
  }

  std::int32_t values[100];
  vector::RowIndex odd[50];
  ColumnView column{vector::PhysicalType::kInt32, false, values, nullptr};
};

TEST_F(Foreign, APredicateThatHoldsFewRowsAtATimePassesTheSame) {
  const Hundred hundred;
  const auto is_above = [](Expr arg, int bound) {
    return Expr::make_call(Op::kGreater, kBool, {std::move(arg), Expr::make_integer(bound, kInt)});
  };
  const Expr column = Expr::make_column(0, kInt);
  const Expr either =
      Expr::make_call(Op::kOr, kBool, {is_above(adder(column), 60), is_above(column, 20)});
  for (const bool all : {true, false}) {
    for (const std::uint32_t held : {1U, 7U, 33U, 100U}) {
      rows_held_max = held;
      rows_seen = 0;
      Predicate predicate({is_above(adder(adder(column)), 9), either}, {kInt}, budget_);
      vector::RowIndex passed[vector::kBatchRowsMax];
      for (std::uint32_t batch = 1; batch <= 2; ++batch) {
        const std::uint32_t count = predicate.filter(hundred.batch(all), passed);
        ASSERT_EQ(count, all ? 79U : 40U);
        for (std::uint32_t i = 0; i < count; ++i) {
          EXPECT_EQ(passed[i], 21 + (all ? i : 2 * i));
        }
        // Twice for the first condition, once for those of its rows that come to the second.
        EXPECT_EQ(rows_seen, batch * (all ? 100 + 100 + 96 : 50 + 50 + 48));
      }
    }
  }
}

TEST_F(Foreign, ProjectedRowsComeInParts) {
  const Hundred hundred;
  const Expr column = Expr::make_column(0, kInt);
  const Expr lazy =
      Expr::make_call(Op::kCase, kInt,
                      {Expr::make_call(Op::kGreater, kBool, {column, Expr::make_integer(30, kInt)}),
                       adder(column), Expr::make_integer(-1, kInt)});
  for (const bool all : {true, false}) {
    for (const std::uint32_t held : {1U, 7U, 33U}) {
      rows_held_max = held;
      rows_seen = 0;
      NodeCounters counters;
      ProjectOperator project({{adder(adder(column)), lazy}}, {kInt}, budget_, counters);
      for (std::uint32_t batch = 1; batch <= 2; ++batch) {
        OperatorState state = OperatorState::kHaveMore;
        std::int32_t next = all ? 0 : 1;
        while (state == OperatorState::kHaveMore) {
          vector::Batch out;
          state = project.process(hundred.batch(all), out);
          EXPECT_GE(out.count(), 1U);
          EXPECT_LE(out.count(), held);
          for (std::uint32_t i = 0; i < out.count(); ++i, next += all ? 1 : 2) {
            const std::uint32_t row = out.row(i);
            EXPECT_EQ(out.column(0).as<std::int32_t>()[row], next + 6);
            EXPECT_EQ(out.column(1).as<std::int32_t>()[row], next > 30 ? next + 3 : -1);
          }
        }
        EXPECT_EQ(next, all ? 100 : 101);
        EXPECT_EQ(counters.rows, batch * (all ? 100 : 50));
        EXPECT_EQ(rows_seen, batch * (all ? 200 + 69 : 100 + 35));
      }
    }
  }
}

TEST_F(Foreign, WithoutAMakerIsAnError) {
  set_foreign_function_maker(nullptr);
  EXPECT_THROW(ExprProgram(adder(Expr::make_column(0, kInt)), {kInt}, budget_), base::Error);
}

}  // namespace
}  // namespace sluice::engine
