#include "engine/stream_operators.h"

#include <array>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

#include "engine/physical.h"
#include "vector/batch_builder.h"

namespace sluice::engine {
namespace {

using plan::DataType;
using plan::Expr;
using plan::Op;
using plan::TypeKind;
using vector::Batch;
using vector::ColumnView;
using vector::RowIndex;

const DataType kInt32 = DataType::of(TypeKind::kInt32);
const DataType kBool = DataType::of(TypeKind::kBool);

class StreamOperators : public testing::Test {
 protected:
  StreamOperators() {
    std::iota(numbers_.begin(), numbers_.end(), 0);
    column_ = {vector::PhysicalType::kInt32, false, numbers_.data(), nullptr};
  }
  Batch batch(std::uint32_t rows) { return {{&column_, 1}, rows}; }
  [[nodiscard]] static Expr at_least(int bound) {
    return Expr::make_call(Op::kGreaterEqual, kBool,
                           {Expr::make_column(0, kInt32), Expr::make_integer(bound, kInt32)});
  }

  base::MemoryBudget budget_{std::size_t{16} << 20};
  NodeCounters counters_;
  std::array<std::int32_t, vector::kBatchRowsMax> numbers_{};
  ColumnView column_;
};

TEST_F(StreamOperators, FilterKeepsThePassingRowsOfItsSelection) {
  FilterOperator filter({{at_least(3)}}, {kInt32}, budget_, counters_);
  const std::array<RowIndex, 4> selection = {1, 3, 5, 7};
  Batch out;
  EXPECT_EQ(filter.process(Batch({&column_, 1}, 10, selection.data(), 4), out),
            OperatorState::kNeedInput);
  EXPECT_EQ(std::vector<RowIndex>(out.selection(), out.selection() + out.count()),
            (std::vector<RowIndex>{3, 5, 7}));
  EXPECT_EQ(counters_.rows, 3U);
  EXPECT_EQ(counters_.rows_removed, 1U);
}

TEST_F(StreamOperators, FilterLeavesABatchDenseThatPassesWhole) {
  FilterOperator filter({{at_least(0)}}, {kInt32}, budget_, counters_);
  Batch out;
  (void)filter.process(batch(vector::kBatchRowsMax), out);
  EXPECT_EQ(out.count(), vector::kBatchRowsMax);
  EXPECT_EQ(out.selection(), nullptr);
}

TEST_F(StreamOperators, FilterThatPassesNothingCountsNoBatch) {
  FilterOperator filter({{at_least(100)}}, {kInt32}, budget_, counters_);
  Batch out;
  (void)filter.process(batch(50), out);
  EXPECT_EQ(out.count(), 0U);
  EXPECT_EQ(counters_.batches, 0U);
  EXPECT_EQ(counters_.rows_removed, 50U);
}

TEST_F(StreamOperators, ProjectKeepsTheSelectionAndComputesItsColumns) {
  const Expr twice = Expr::make_call(Op::kMultiply, kInt32,
                                     {Expr::make_column(0, kInt32), Expr::make_integer(2, kInt32)});
  ProjectOperator project({{twice, Expr::make_column(0, kInt32)}}, {kInt32}, budget_, counters_);
  const std::array<RowIndex, 2> selection = {4, 9};
  Batch out;
  (void)project.process(Batch({&column_, 1}, 10, selection.data(), 2), out);
  ASSERT_EQ(out.columns().size(), 2U);
  EXPECT_EQ(out.count(), 2U);
  EXPECT_EQ(out.column(0).as<std::int32_t>()[out.row(1)], 18);
  EXPECT_EQ(out.column(1).as<std::int32_t>()[out.row(0)], 4);
  EXPECT_EQ(counters_.rows, 2U);
}

TEST_F(StreamOperators, ProjectToNoColumnsKeepsTheRows) {
  ProjectOperator project({{}}, {kInt32}, budget_, counters_);
  Batch out;
  (void)project.process(batch(17), out);
  EXPECT_EQ(out.count(), 17U);
  EXPECT_TRUE(out.columns().empty());
}

TEST_F(StreamOperators, LimitCutsTheBatchThatPassesIt) {
  LimitOperator limit({15}, counters_);
  Batch out;
  EXPECT_EQ(limit.process(batch(10), out), OperatorState::kNeedInput);
  EXPECT_EQ(out.count(), 10U);
  const std::array<RowIndex, 6> selection = {0, 2, 4, 6, 8, 9};
  EXPECT_EQ(limit.process(Batch({&column_, 1}, 10, selection.data(), 6), out),
            OperatorState::kDone);
  EXPECT_EQ(out.count(), 5U);
  EXPECT_EQ(out.row(4), 8U);
  EXPECT_EQ(counters_.rows, 15U);
}

TEST_F(StreamOperators, LimitIsDoneWithTheBatchThatFillsIt) {
  LimitOperator limit({10}, counters_);
  Batch out;
  EXPECT_EQ(limit.process(batch(10), out), OperatorState::kDone);
  EXPECT_EQ(out.count(), 10U);
  LimitOperator dense({4}, counters_);
  EXPECT_EQ(dense.process(batch(10), out), OperatorState::kDone);
  EXPECT_EQ(out.count(), 4U);
  EXPECT_EQ(out.selection(), nullptr);
}

TEST_F(StreamOperators, LimitZeroIsDoneAtOnce) {
  LimitOperator limit({0}, counters_);
  Batch out;
  EXPECT_EQ(limit.process(batch(10), out), OperatorState::kDone);
  EXPECT_EQ(out.count(), 0U);
}

}  // namespace
}  // namespace sluice::engine
