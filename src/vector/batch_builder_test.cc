#include "vector/batch_builder.h"

#include <array>
#include <gtest/gtest.h>
#include <random>
#include <string>

#include "base/error.h"

namespace sluice::vector {
namespace {

constexpr std::array kAllTypes = {
    PhysicalType::kInt8,   PhysicalType::kInt16,   PhysicalType::kInt32, PhysicalType::kInt64,
    PhysicalType::kInt128, PhysicalType::kFloat64, PhysicalType::kVarlen};
constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;

std::string value_text(std::uint32_t row) {
  return std::string(row % 40, static_cast<char>('a' + row % 26)) + std::to_string(row);
}

void fill(BatchBuilder& builder, std::uint32_t rows, bool with_nulls) {
  for (std::uint32_t row = 0; row < rows; ++row) {
    builder.column(0).as<std::uint8_t>()[row] = row % 2;
    builder.column(1).as<std::int16_t>()[row] = static_cast<std::int16_t>(row * 7);
    builder.column(2).as<std::int32_t>()[row] = static_cast<std::int32_t>(row * 70001);
    builder.column(3).as<std::int64_t>()[row] = std::int64_t{row} << 33;
    builder.column(4).as<base::Int128>()[row] = static_cast<base::Int128>(row) << 80;
    builder.column(5).as<double>()[row] = row * 0.5;
    builder.column(6).set_string(row, value_text(row));
    for (std::size_t i = 0; with_nulls && i < kAllTypes.size(); ++i) {
      if ((row + i) % 5 == 0) {
        builder.column(i).set_null(row);
      }
    }
  }
  builder.set_rows(rows);
}

void expect_row(const Batch& batch, std::uint32_t at, std::uint32_t value, bool with_nulls) {
  for (std::size_t i = 0; i < kAllTypes.size(); ++i) {
    ASSERT_EQ(batch.column(i).is_null(at), with_nulls && (value + i) % 5 == 0) << i << " " << at;
  }
  if (!batch.column(3).is_null(at)) {
    EXPECT_EQ(batch.column(3).as<std::int64_t>()[at], std::int64_t{value} << 33);
  }
  if (!batch.column(4).is_null(at)) {
    EXPECT_TRUE(batch.column(4).as<base::Int128>()[at] == static_cast<base::Int128>(value) << 80);
  }
  if (!batch.column(1).is_null(at)) {
    EXPECT_EQ(batch.column(1).as<std::int16_t>()[at], static_cast<std::int16_t>(value * 7));
  }
  const StringRef& string = batch.column(6).as<StringRef>()[at];
  EXPECT_EQ(string.view(), batch.column(6).is_null(at) ? std::string() : value_text(value));
}

TEST(BatchBuilder, AppendedRowsEqualTheirSourcesForEveryType) {
  for (const bool with_nulls : {false, true}) {
    base::MemoryBudget budget(kBudgetBytes);
    BatchBuilder source(kAllTypes, budget);
    fill(source, kBatchRowsMax, with_nulls);
    BatchBuilder target(kAllTypes, budget);
    std::mt19937 random(3);
    std::vector<std::uint32_t> expected;
    while (target.free_rows() != 0) {
      std::vector<RowIndex> rows(std::min<std::size_t>(random() % 200, target.free_rows()));
      for (RowIndex& row : rows) {
        row = static_cast<RowIndex>(random() % kBatchRowsMax);
        expected.push_back(row);
      }
      target.append(source.view(), rows);
    }
    const Batch batch = target.view();
    ASSERT_EQ(batch.rows(), kBatchRowsMax);
    for (std::uint32_t i = 0; i < batch.rows(); ++i) {
      expect_row(batch, i, expected[i], with_nulls);
    }
  }
}

TEST(BatchBuilder, CopiesOutliveTheirSource) {
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder target(kAllTypes, budget);
  {
    BatchBuilder source(kAllTypes, budget);
    fill(source, 100, false);
    const std::array<RowIndex, 3> rows = {99, 0, 50};
    target.append(source.view(), rows);
  }
  const Batch batch = target.view();
  EXPECT_EQ(batch.column(6).as<StringRef>()[0].view(), value_text(99));
  EXPECT_EQ(batch.column(6).as<StringRef>()[2].view(), value_text(50));
}

TEST(BatchBuilder, RowsWithoutNullsAfterRowsWithNullsAreValid) {
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder with_nulls(kAllTypes, budget);
  BatchBuilder without_nulls(kAllTypes, budget);
  fill(with_nulls, 10, true);
  fill(without_nulls, 10, false);
  BatchBuilder target(kAllTypes, budget);
  const std::array<RowIndex, 2> rows = {0, 5};
  target.append(with_nulls.view(), rows);
  target.append(without_nulls.view(), rows);
  const Batch batch = target.view();
  EXPECT_TRUE(batch.column(0).is_null(0));
  EXPECT_TRUE(batch.column(0).is_null(1));
  EXPECT_FALSE(batch.column(0).is_null(2));
  EXPECT_FALSE(batch.column(0).is_null(3));
}

TEST(BatchBuilder, ResetForgetsNullsAndStringsButKeepsItsMemory) {
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder builder(kAllTypes, budget);
  const std::size_t empty_bytes = budget.used_bytes();
  fill(builder, kBatchRowsMax, true);
  EXPECT_GT(builder.heap_bytes(), 0U);
  builder.reset();
  EXPECT_TRUE(builder.empty());
  EXPECT_EQ(builder.heap_bytes(), 0U);
  EXPECT_LE(budget.used_bytes(), empty_bytes + base::Arena::kChunkBytesMin);
  fill(builder, 3, false);
  EXPECT_EQ(builder.view().column(2).validity, nullptr);
}

TEST(BatchBuilder, NanFlagFollowsTheValues) {
  base::MemoryBudget budget(kBudgetBytes);
  const std::array types = {PhysicalType::kInt64};
  BatchBuilder source(types, budget);
  BatchBuilder target(types, budget);
  source.column(0).as<std::int64_t>()[0] = kDecimalNan64;
  source.column(0).set_may_hold_nan();
  source.set_rows(1);
  EXPECT_FALSE(target.view().column(0).may_hold_nan);
  target.append(source.view(), std::array<RowIndex, 1>{0});
  EXPECT_TRUE(target.view().column(0).may_hold_nan);
}

TEST(BatchBuilder, AbandonsWhenTheBudgetIsGone) {
  base::MemoryBudget small(std::size_t{20} * 1024);
  const std::array types = {PhysicalType::kVarlen};
  EXPECT_THROW(BatchBuilder(types, small), base::Error);
  EXPECT_EQ(small.used_bytes(), 0U);
  base::MemoryBudget medium(std::size_t{60} * 1024);
  BatchBuilder builder(types, medium);
  EXPECT_THROW(builder.column(0).set_string(0, std::string(100000, 'x')), base::Error);
}

TEST(BatchBuilder, ZeroColumnsCarryRows) {
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder builder({}, budget);
  builder.append(Batch({}, 7), std::array<RowIndex, 3>{1, 2, 3});
  EXPECT_EQ(builder.view().rows(), 3U);
}

}  // namespace
}  // namespace sluice::vector
