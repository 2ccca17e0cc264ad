#include "engine/direct_index.h"

#include <array>
#include <gtest/gtest.h>
#include <limits>
#include <optional>

#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::DataType;
using plan::TypeKind;

constexpr std::size_t kBudgetBytes = std::size_t{16} << 20;

class DirectIndexTest : public ::testing::Test {
 protected:
  void store(const DataType& type, const Rows& rows) {
    type_ = type;
    store_.emplace(std::array{physical_type_of(type)}, budget_);
    RandomRows random(5);
    for_batches({type}, rows, random, [this](const vector::Batch& batch) {
      const std::uint32_t column = 0;
      (void)store_->append(batch, {&column, 1}, {counted_rows(batch), batch.count()});
    });
  }
  std::vector<std::uint32_t> find(const DirectIndex& index, const Rows& keys) const {
    const OwnedBatch batch({type_}, keys, false);
    std::vector<std::uint32_t> numbers(keys.size());
    index.find(batch.get().column(0), all_rows(), static_cast<std::uint32_t>(keys.size()),
               numbers.data());
    return numbers;
  }

  base::MemoryBudget budget_{kBudgetBytes};
  DataType type_ = DataType::of(TypeKind::kInt64);
  std::optional<RowStore> store_;
};

using Numbers = std::vector<std::uint32_t>;

TEST_F(DirectIndexTest, FindsTheRowsOfItsKeysAndNoOthers) {
  store(DataType::of(TypeKind::kInt32), {{of(7)}, {of(-3)}, {of(9)}});
  DirectIndex index(budget_);
  ASSERT_TRUE(index.try_open(*store_, 0));
  EXPECT_FALSE(index.enter_all(*store_));
  EXPECT_EQ(find(index, {{of(-3)},
                         {of(-4)},
                         {of(9)},
                         {of(10)},
                         {of(0)},
                         {of(7)},
                         {of(std::numeric_limits<std::int32_t>::min())},
                         {of(std::numeric_limits<std::int32_t>::max())}}),
            (Numbers{2, 0, 3, 0, 0, 1, 0, 0}));
}

TEST_F(DirectIndexTest, RowsOfOneKeyFormAChain) {
  store(DataType::of(TypeKind::kInt64), {{of(5)}, {of(6)}, {of(5)}, {null_value()}, {of(5)}});
  DirectIndex index(budget_);
  ASSERT_TRUE(index.try_open(*store_, 0));
  EXPECT_TRUE(index.enter_all(*store_));
  std::vector<std::uint32_t> chain;
  for (std::uint32_t number = find(index, {{of(5)}})[0]; number != 0;
       number = store_->header(number)) {
    chain.push_back(number);
  }
  std::ranges::sort(chain);
  EXPECT_EQ(chain, (Numbers{1, 3, 5}));
  EXPECT_EQ(store_->header(2), 0U);
  EXPECT_EQ(store_->header(4), 0U);
}

TEST_F(DirectIndexTest, KeysThatLieFarApartOrAreNoIntegersLeaveItClosed) {
  store(DataType::of(TypeKind::kInt64), {{of(0)}, {of(std::int64_t{1} << 20)}});
  DirectIndex index(budget_);
  EXPECT_FALSE(index.try_open(*store_, 0));
  store(DataType::of(TypeKind::kInt64), {{of(std::numeric_limits<std::int64_t>::min())},
                                         {of(std::numeric_limits<std::int64_t>::max())}});
  EXPECT_FALSE(index.try_open(*store_, 0));
  store(DataType::of(TypeKind::kFloat64), {{of_real(1)}, {of_real(2)}});
  EXPECT_FALSE(index.try_open(*store_, 0));
  EXPECT_FALSE(index.is_open());
}

TEST_F(DirectIndexTest, OnlyNullKeysFindNothing) {
  store(DataType::of(TypeKind::kInt16), Rows(3, {null_value()}));
  DirectIndex index(budget_);
  ASSERT_TRUE(index.try_open(*store_, 0));
  EXPECT_FALSE(index.enter_all(*store_));
  EXPECT_EQ(find(index, {{of(0)}, {of(std::numeric_limits<std::int16_t>::max())}}),
            (Numbers{0, 0}));
}

TEST_F(DirectIndexTest, WithoutRoomInTheBudgetItStaysClosed) {
  Rows rows;
  for (std::int64_t i = 0; i < 5000; ++i) {
    rows.push_back({of(i * 4)});
  }
  store(DataType::of(TypeKind::kInt64), rows);
  base::MemoryBudget tight(10000);
  DirectIndex index(tight);
  EXPECT_FALSE(index.try_open(*store_, 0));
  EXPECT_EQ(tight.used_bytes(), 0U);
}

}  // namespace
}  // namespace sluice::engine
