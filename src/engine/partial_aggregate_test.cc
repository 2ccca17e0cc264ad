#include "engine/partial_aggregate.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

#include "base/error.h"
#include "engine/test_rows.h"

// That states add up to the right results: aggregate_test.cc.
namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::AggregateCall;
using plan::AggregateFunction;
using plan::AggregatePhase;
using plan::DataType;
using plan::TypeKind;

constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;
constexpr PartialTableLimit::Sizes kSizes = {64, 1024, 10000};
constexpr std::size_t kRows = 40000;

const Types kTypes = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kInt32)};
const plan::AggregateSpec kSpec = {
    AggregatePhase::kPartial,
    {0},
    {{AggregateFunction::kCountStar, 0, DataType::of(TypeKind::kInt64)},
     {AggregateFunction::kSum, 1, DataType::of(TypeKind::kInt64)}}};

/// Row i has the key key_of(i) and the value 1.
template <typename KeyOf>
Rows rows_of(KeyOf key_of) {
  Rows rows;
  for (std::size_t i = 0; i < kRows; ++i) {
    rows.push_back({of(static_cast<std::int64_t>(key_of(i))), of(1)});
  }
  return rows;
}

struct Outcome {
  std::size_t states = 0;
  NodeCounters counters;
};

/// Also checks that every row is in one state of its key.
Outcome run(const Rows& rows, std::size_t budget_bytes = kBudgetBytes) {
  base::MemoryBudget budget(budget_bytes);
  RandomRows random(1);
  Outcome outcome;
  PartialAggregateOperator partial(kSpec, kTypes, budget, outcome.counters, kSizes);
  const Rows states = run_operator(partial, kTypes, rows, random);
  std::map<std::int64_t, std::int64_t> counts;
  for (const Row& row : rows) {
    ++counts[static_cast<std::int64_t>(row[0].integer)];
  }
  for (const Row& state : states) {
    EXPECT_EQ(state[1].integer, state[2].integer);
    counts[static_cast<std::int64_t>(state[0].integer)] -=
        static_cast<std::int64_t>(state[1].integer);
  }
  for (const auto& [key, left] : counts) {
    EXPECT_EQ(left, 0) << "of key " << key;
  }
  EXPECT_EQ(outcome.counters.rows, states.size());
  EXPECT_LE(outcome.counters.memory_bytes_peak, budget_bytes);
  outcome.states = states.size();
  return outcome;
}

std::size_t any_order(std::size_t i) { return std::minstd_rand(static_cast<unsigned>(i + 1))(); }

TEST(PartialAggregate, RowsOfAKeyThatFollowEachOtherNeedASmallTable) {
  const Outcome outcome = run(rows_of([](std::size_t i) { return i / 4; }));
  EXPECT_LT(outcome.states, kRows / 4 * 1.3);
  EXPECT_EQ(outcome.counters.groups, outcome.states);
}

TEST(PartialAggregate, KeysInAnyOrderGetATableThatHoldsThem) {
  const Outcome outcome = run(rows_of([](std::size_t i) { return any_order(i) % 700; }));
  EXPECT_LT(outcome.states, 2000U);
}

TEST(PartialAggregate, KeysThatDoNotComeAgainPass) {
  const Outcome outcome = run(rows_of([](std::size_t i) { return i; }));
  EXPECT_EQ(outcome.states, kRows);
  EXPECT_LT(outcome.counters.groups, kRows / 4);
}

TEST(PartialAggregate, RowsThatPassedAreCollectedAgainWhereItIsWorthIt) {
  const Outcome outcome = run(rows_of([](std::size_t i) { return i < kRows / 2 ? i : kRows; }));
  EXPECT_LT(outcome.states, kRows / 2 + kSizes.rows_passed + 1000);
}

TEST(PartialAggregate, LittleMemoryMeansMoreStates) {
  const Rows rows = rows_of([](std::size_t i) { return any_order(i) % 700; });
  base::MemoryBudget budget(kBudgetBytes);
  NodeCounters counters;
  const PartialAggregateOperator empty(kSpec, kTypes, budget, counters, kSizes);
  const Outcome outcome = run(rows, budget.used_bytes() + 100000);
  EXPECT_GT(outcome.states, 2000U);
}

/// How many rows a table of `groups` takes until it is full, of `keys` in any order.
std::uint64_t rows_until_full(double groups, double keys) {
  return static_cast<std::uint64_t>(-keys * std::log1p(-groups / keys));
}

constexpr PartialTableLimit::Sizes kLarge = {6400, 102400, 1000000};

TEST(PartialTableLimit, GrowsUntilItHoldsKeysInAnyOrder) {
  for (const double keys : {30000.0, 70000.0, 110000.0}) {
    PartialTableLimit limit(kLarge);
    EXPECT_EQ(limit.decide(rows_until_full(6400, keys), 6400, true), FullTable::kGrow);
    EXPECT_EQ(limit.groups(), 25600U);
    EXPECT_EQ(limit.decide(rows_until_full(25600, keys), 25600, true), FullTable::kGrow);
    EXPECT_EQ(limit.groups(), 102400U);
    if (keys > 102400) {
      EXPECT_EQ(limit.decide(rows_until_full(102400, keys), 102400, true), FullTable::kHandOut);
      EXPECT_EQ(limit.groups(), 102400U) << "it is the largest";
    }
  }
}

TEST(PartialTableLimit, ReturnsToTheSmallTableWhereTheLargerOneReducesNoBetter) {
  PartialTableLimit limit(kSizes);
  EXPECT_EQ(limit.decide(256, 64, true), FullTable::kGrow);
  EXPECT_EQ(limit.decide(1024, 256, true), FullTable::kHandOut);
  EXPECT_EQ(limit.groups(), 64U);
  EXPECT_EQ(limit.decide(256, 64, true), FullTable::kHandOut);
  EXPECT_EQ(limit.decide(65, 64, true), FullTable::kPass);
}

TEST(PartialTableLimit, GivesUpAtOnceWhereNoTableHoldsTheKeys) {
  for (const std::uint64_t rows : {std::uint64_t{6400}, rows_until_full(6400, 200000)}) {
    PartialTableLimit limit(kLarge);
    EXPECT_EQ(limit.decide(rows, 6400, true), FullTable::kPass);
    EXPECT_EQ(limit.groups(), 6400U);
  }
}

TEST(PartialTableLimit, DoesNotGrowWithoutMemory) {
  PartialTableLimit limit(kSizes);
  EXPECT_EQ(limit.decide(256, 64, false), FullTable::kHandOut);
  EXPECT_EQ(limit.groups(), 64U);
}

}  // namespace
}  // namespace sluice::engine
