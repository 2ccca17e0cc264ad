#include "engine/runtime_filter.h"

#include <gtest/gtest.h>

#include "engine/hash_join.h"
#include "engine/join_table.h"
#include "engine/physical.h"
#include "engine/row_store.h"
#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::DataType;
using plan::TypeKind;

constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;

/// A finished build side of one key column.
class BuildSide {
 public:
  BuildSide(const DataType& type, const Rows& rows, plan::JoinType join = plan::JoinType::kInner,
            std::size_t budget_bytes = kBudgetBytes)
      : budget_(budget_bytes) {
    plan::HashJoinSpec spec;
    spec.type = join;
    spec.probe_keys = {0};
    spec.build_keys = {0};
    sink_ = std::make_unique<HashBuildSink>(spec, Types{type}, budget_, counters_);
    RandomRows random(99);
    for_batches({type}, rows, random,
                [this](const vector::Batch& batch) { (void)sink_->consume(batch); });
    (void)sink_->finish();
  }
  [[nodiscard]] const RuntimeFilter* filter() { return sink_->runtime_filter(0); }
  [[nodiscard]] const JoinTable& table() const { return sink_->table(); }
  [[nodiscard]] std::size_t bytes_left() const {
    return budget_.limit_bytes() - budget_.used_bytes();
  }
  [[nodiscard]] std::size_t used_bytes() const { return budget_.used_bytes(); }

 private:
  base::MemoryBudget budget_;
  NodeCounters counters_;
  std::unique_ptr<HashBuildSink> sink_;
};

/// The rows that are left, in order.
Rows kept(const KeySet& filter, const DataType& type, const Rows& rows) {
  Rows result;
  RandomRows random(7);
  std::vector<std::uint64_t> hashes(vector::kBatchRowsMax);
  for_batches({type}, rows, random, [&](const vector::Batch& batch) {
    std::vector<vector::RowIndex> left(counted_rows(batch), counted_rows(batch) + batch.count());
    const std::uint32_t count =
        filter.keep(batch.column(0), left.data(), batch.count(), hashes.data());
    read_batch(vector::Batch(batch.columns(), batch.rows(), left.data(), count), result);
  });
  return result;
}

bool among(const DataType& type, const Value& value, const Rows& rows) {
  return !value.null && std::ranges::any_of(rows, [&](const Row& row) {
    return !row[0].null && reference_equal(type, value, row[0]);
  });
}

/// Every row with a match is kept, and of the others as many as `others_max` says.
void expect_set(const DataType& type, const Rows& build, const Rows& probe, std::size_t others_max,
                plan::JoinType join = plan::JoinType::kInner) {
  BuildSide side(type, build, join);
  const RuntimeFilter* filter = side.filter();
  ASSERT_NE(filter, nullptr);
  Rows matching;
  for (const Row& row : probe) {
    if (among(type, row[0], build)) {
      matching.push_back(row);
    }
  }
  const auto left = sorted_texts({type}, kept(*filter, type, probe));
  const auto expected = sorted_texts({type}, matching);
  EXPECT_TRUE(std::ranges::includes(left, expected));
  EXPECT_LE(left.size(), expected.size() + others_max);
}

TEST(RuntimeFilter, KeepsEveryMatchOfEveryTypeAndNoNull) {
  RandomRows random(1);
  for (const DataType& type : all_types()) {
    for (const int distinct : {3, 60, 2000}) {
      for (const auto join : {plan::JoinType::kInner, plan::JoinType::kRight}) {
        SCOPED_TRACE(plan::to_string(type) + ", about " + std::to_string(distinct) + " values");
        const Rows build = random.rows({type}, static_cast<std::size_t>(distinct),
                                       {.distinct = distinct, .special = 0.1});
        const Rows probe = random.rows({type}, 1500, {.distinct = 2 * distinct, .special = 0.1});
        expect_set(type, build, probe, 100, join);
      }
    }
  }
}

TEST(RuntimeFilter, NearIntegersAreAnExactSet) {
  const DataType type = DataType::of(TypeKind::kInt32);
  Rows build;
  Rows probe;
  for (std::int64_t i = -5000; i < 5000; ++i) {
    probe.push_back({of(i)});
    if (i % 7 == 0) {
      build.push_back({of(i)});
    }
  }
  expect_set(type, build, probe, 0);
  BuildSide side(type, build);
  EXPECT_TRUE(side.filter()->is_exact());
}

TEST(RuntimeFilter, IntegersAreAnExactSetWhereTheBudgetHasRoomForTheirRange) {
  const DataType type = DataType::of(TypeKind::kInt32);
  Rows build;
  Rows probe;
  for (std::int64_t i = 0; i < 2000; ++i) {
    build.push_back({of(i * 200)});
    probe.push_back({of(i * 200)});
    probe.push_back({of(i * 200 + 1 + i % 199)});
  }
  expect_set(type, build, probe, 0);
  BuildSide roomy(type, build);
  const std::size_t table_bytes = roomy.used_bytes();
  EXPECT_TRUE(roomy.filter()->is_exact());
  BuildSide tight(type, build, plan::JoinType::kInner, table_bytes + 10'000);
  ASSERT_NE(tight.filter(), nullptr);
  EXPECT_FALSE(tight.filter()->is_exact());
  EXPECT_LT(kept(*tight.filter(), type, probe).size(), 2100U);
}

TEST(RuntimeFilter, FarIntegersAreASetOfFewOthers) {
  const DataType type = DataType::of(TypeKind::kInt64);
  RandomRows random(3);
  Rows build;
  Rows probe;
  for (int i = 0; i < 1500; ++i) {
    build.push_back({of(random.below(std::int64_t{1} << 40) - (std::int64_t{1} << 39))});
    probe.push_back({of(random.below(std::int64_t{1} << 40) - (std::int64_t{1} << 39))});
    probe.push_back(build.back());
  }
  expect_set(type, build, probe, 75);
  BuildSide side(type, build);
  EXPECT_FALSE(side.filter()->is_exact());
}

TEST(RuntimeFilter, ExtremesOfATypeAreInTheirSet) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const Rows probe = {{of(kLeast)}, {of(kLeast + 1)}, {of(-1)}, {of(0)}, {of(kMost)}};
  const DataType type = DataType::of(TypeKind::kInt64);
  expect_set(type, {{of(kLeast)}, {of(kMost)}}, probe, 1);
  expect_set(type, {{of(kMost)}}, probe, 0);
  expect_set(type, {{of(kLeast)}}, probe, 0);
}

TEST(RuntimeFilter, BuildSideOfNullKeysLeavesNothing) {
  for (const DataType& type : all_types()) {
    expect_set(type, Rows(20, {null_value()}), RandomRows(2).rows({type}, 300, {}), 0,
               plan::JoinType::kRight);
  }
}

TEST(RuntimeFilter, IsLeftOutWhereTheBudgetHasNoRoomForIt) {
  const DataType type = DataType::of(TypeKind::kInt64);
  Rows build;
  for (std::int64_t i = 0; i < 20000; ++i) {
    build.push_back({of(i * 1'000'003)});
  }
  const BuildSide roomy(type, build);
  BuildSide tight(type, build, plan::JoinType::kInner, roomy.used_bytes() + 1000);
  EXPECT_EQ(tight.filter(), nullptr);
  EXPECT_LE(tight.bytes_left(), 1000U);
}

// ---- sets that several seats fill ----

constexpr base::Epoch kFirstEpoch{1};
constexpr base::Epoch kSecondEpoch{2};

/// Memory for a shared set, formatted.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t words) : bytes_(exchange::SharedFilter::bytes_for(words)) {
    exchange::SharedFilter::format(bytes_);
  }
  [[nodiscard]] SharedKeySet set(const DataType& type, base::Epoch epoch, std::size_t seats) {
    return {exchange::SharedFilter(bytes_), key_equality_of(type), epoch, seats};
  }

 private:
  std::vector<std::byte> bytes_;
};

TEST(SharedKeySet, KeepsEveryMatchOfEverySeatAndNoNull) {
  RandomRows random(8);
  for (const DataType& type : all_types()) {
    SCOPED_TRACE(plan::to_string(type));
    SharedMemory memory(1024);
    Rows build;
    for (int seat = 0; seat < 3; ++seat) {
      SharedKeySet share = memory.set(type, kFirstEpoch, 3);
      EXPECT_FALSE(share.ready());
      const Rows rows = random.rows({type}, 300, {.distinct = 4000, .special = 0.1});
      build.insert(build.end(), rows.begin(), rows.end());
      share.add(&BuildSide(type, rows, plan::JoinType::kRight).table(), 0);
    }
    const SharedKeySet all = memory.set(type, kFirstEpoch, 3);
    ASSERT_TRUE(all.ready());
    const Rows probe = random.rows({type}, 1500, {.distinct = 8000, .special = 0.1});
    Rows matching;
    std::ranges::copy_if(probe, std::back_inserter(matching),
                         [&](const Row& row) { return among(type, row[0], build); });
    const auto left = sorted_texts({type}, kept(all, type, probe));
    const auto expected = sorted_texts({type}, matching);
    EXPECT_TRUE(std::ranges::includes(left, expected));
    EXPECT_LE(left.size(), expected.size() + 75);
  }
}

TEST(SharedKeySet, IsOfOneEpoch) {
  const DataType type = DataType::of(TypeKind::kInt32);
  SharedMemory memory(64);
  memory.set(type, kFirstEpoch, 2).add(nullptr, 0);
  memory.set(type, kFirstEpoch, 2).add(nullptr, 0);
  EXPECT_TRUE(memory.set(type, kFirstEpoch, 2).ready());
  EXPECT_FALSE(memory.set(type, kSecondEpoch, 2).ready());
  memory.set(type, kSecondEpoch, 2).add(&BuildSide(type, {{of(7)}}).table(), 0);
  EXPECT_FALSE(memory.set(type, kSecondEpoch, 2).ready());
  memory.set(type, kSecondEpoch, 2).add(nullptr, 0);
  const SharedKeySet second = memory.set(type, kSecondEpoch, 2);
  ASSERT_TRUE(second.ready());
  EXPECT_EQ(kept(second, type, {{of(6)}, {of(7)}, {of(8)}}).size(), 1U);
}

TEST(SharedKeySet, ATableThatIsTooLargeForItKeepsItFromBeingReady) {
  const DataType type = DataType::of(TypeKind::kInt32);
  Rows build;
  for (std::int64_t i = 0; i < 3000; ++i) {
    build.push_back({of(i)});
  }
  SharedMemory memory(64);
  memory.set(type, kFirstEpoch, 1).add(&BuildSide(type, build).table(), 0);
  EXPECT_FALSE(memory.set(type, kFirstEpoch, 1).ready());
}

TEST(ScanFilter, LetsRowsPassUntilTheSetIsReady) {
  const DataType type = DataType::of(TypeKind::kInt32);
  SharedMemory memory(64);
  const SharedKeySet set = memory.set(type, kFirstEpoch, 1);
  NodeCounters counters;
  ScanFilter filter(0, set, counters);
  const auto passed = [&] {
    const Rows three = {{of(1)}, {of(2)}, {of(3)}};
    const OwnedBatch batch({type}, three, false);
    vector::RowIndex rows[] = {0, 1, 2};
    return filter.keep(batch.get().column(0), rows, 3);
  };
  EXPECT_EQ(passed(), 3U);
  memory.set(type, kFirstEpoch, 1).add(&BuildSide(type, {{of(2)}}).table(), 0);
  EXPECT_EQ(passed(), 1U);
  EXPECT_EQ(counters.rows_removed_at_run_time, 2U);
}

TEST(ScanFilter, RestsWhileItRemovesTooLittle) {
  const DataType type = DataType::of(TypeKind::kInt32);
  Rows all;
  for (std::int64_t i = 0; i < 2000; ++i) {
    all.push_back({of(i)});
  }
  BuildSide side(type, all);
  NodeCounters counters;
  ScanFilter filter(0, *side.filter(), counters);
  const OwnedBatch matching({type}, all, false);
  const OwnedBatch strange({type}, Rows(2000, {of(-1)}), false);
  std::vector<vector::RowIndex> rows(vector::kBatchRowsMax);
  const auto keep = [&](const OwnedBatch& batch) {
    std::copy_n(all_rows(), 2000, rows.begin());
    return filter.keep(batch.get().column(0), rows.data(), 2000);
  };
  EXPECT_EQ(keep(strange), 0U);
  EXPECT_EQ(counters.rows_removed_at_run_time, 2000U);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(keep(matching), 2000U);
  }
  EXPECT_EQ(keep(strange), 2000U) << "it does not rest";
  int rested = 0;
  while (keep(strange) != 0 && rested < 10000) {
    ++rested;
  }
  EXPECT_LT(rested, 10000) << "it is not tried again";
  EXPECT_EQ(counters.rows_removed_at_run_time, 4000U);
}

}  // namespace
}  // namespace sluice::engine
