#include "engine/foreign_function.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/expr_program.h"

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

/// The first argument plus the length of the definition; NULL for what is negative.
class Adder final : public ForeignFunction {
 public:
  explicit Adder(std::size_t added) : added_(static_cast<std::int32_t>(added)) {}
  void evaluate(std::span<const ColumnView> args, Rows rows, const ValueBuffer& result) override {
    for_each_row(rows, [&](std::uint32_t row) {
      ++rows_seen;
      const std::int32_t value = args[0].as<std::int32_t>()[row];
      result.as<std::int32_t>()[row] = value + added_;
      const std::uint64_t bit = std::uint64_t{1} << (row % 64);
      result.validity[row / 64] =
          value < 0 ? result.validity[row / 64] & ~bit : result.validity[row / 64] | bit;
    });
  }

 private:
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

TEST_F(Foreign, WithoutAMakerIsAnError) {
  set_foreign_function_maker(nullptr);
  EXPECT_THROW(ExprProgram(adder(Expr::make_column(0, kInt)), {kInt}, budget_), base::Error);
}

}  // namespace
}  // namespace sluice::engine
