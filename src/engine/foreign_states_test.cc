#include "engine/foreign_states.h"

#include <gtest/gtest.h>
#include <map>

#include "base/error.h"
#include "engine/aggregate.h"
#include "engine/test_foreign_total.h"
#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::AggregateCall;
using plan::AggregateFunction;
using plan::DataType;
using plan::TypeKind;
using vector::Batch;

constexpr DataType kInt = DataType::of(TypeKind::kInt32);
constexpr DataType kLong = DataType::of(TypeKind::kInt64);
constexpr DataType kText = DataType::of(TypeKind::kText);
constexpr std::size_t kBudgetBytes = std::size_t{256} << 20;

ForeignTotals totals;

std::unique_ptr<ForeignAggregate> make_counted(const AggregateCall& call,
                                               std::span<const DataType> args) {
  EXPECT_EQ(args.size(), call.foreign.arguments.size());
  return std::make_unique<ForeignTotal>(call.result, &totals);
}

/// Rows of (key, value, note, flag): key i % keys, value i, a note that is long for some, and a
/// flag that is false, true and NULL in turns.
testing::Rows made_rows(std::int64_t count, std::int64_t keys) {
  testing::Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.push_back({of(i % keys), i % 5 == 4 ? null_value() : of(i),
                    of_text(std::string(static_cast<std::size_t>(i % 30), 'n')),
                    i % 3 == 2 ? null_value() : of(i % 3)});
  }
  return rows;
}

const Types kTypes = {kInt, kInt, kText, DataType::of(TypeKind::kBool)};

class ForeignStatesTest : public ::testing::Test {
 protected:
  ForeignStatesTest() {
    totals = ForeignTotals();
    set_foreign_aggregate_maker(make_counted);
  }
  ~ForeignStatesTest() override { set_foreign_aggregate_maker(nullptr); }

  static AggregateCall total(DataType result, bool keeps_rows) {
    AggregateCall call{AggregateFunction::kForeign, 0, result};
    call.foreign.definition = std::string("total\0", 6);
    call.foreign.arguments = {1};
    call.foreign.keeps_rows = keeps_rows;
    return call;
  }

  /// Text of the groups of `rows`, in batches of `batch_rows`.
  std::vector<std::string> run(const plan::AggregateSpec& spec, const testing::Rows& rows,
                               std::size_t batch_rows, bool spread) {
    NodeCounters counters;
    AggregateSink sink(spec, kTypes, budget_, counters);
    for (std::size_t at = 0; at < rows.size(); at += batch_rows) {
      const std::size_t count = std::min(batch_rows, rows.size() - at);
      const OwnedBatch batch(kTypes, std::span(rows).subspan(at, count), spread);
      EXPECT_EQ(sink.consume(batch.get()), SinkState::kAccepted);
    }
    EXPECT_EQ(sink.finish(), SinkState::kAccepted);
    Types types;
    for (const std::uint32_t key : spec.group_keys) {
      types.push_back(kTypes[key]);
    }
    for (const AggregateCall& call : spec.calls) {
      types.push_back(call.result);
    }
    testing::Rows result;
    const auto source = sink.results();
    for (Batch batch; source->next(batch) == SourceState::kBatch;) {
      read_batch(batch, result);
    }
    return sorted_texts(types, result);
  }

  static std::vector<std::string> expected(const testing::Rows& rows, bool grouped, bool filtered) {
    std::map<std::int64_t, std::int64_t> sums;
    for (const Row& row : rows) {
      std::int64_t& sum = sums[grouped ? static_cast<std::int64_t>(row[0].integer) : 0];
      if (!filtered || (!row[3].null && row[3].integer != 0)) {
        sum += 1 + static_cast<std::int64_t>(row[1].integer);
      }
    }
    testing::Rows result;
    for (const auto& [key, sum] : sums) {
      result.push_back(grouped ? Row{of(key), of(sum)} : Row{of(sum)});
    }
    return sorted_texts(grouped ? Types{kInt, kLong} : Types{kLong}, result);
  }

  base::MemoryBudget budget_{kBudgetBytes};
};

TEST_F(ForeignStatesTest, RowsReachTheirGroupsWhetherTheyWaitOrNot) {
  for (const bool keeps_rows : {false, true}) {
    for (const bool grouped : {false, true}) {
      for (const std::int64_t keys : {1, 7, 3000}) {
        plan::AggregateSpec spec;
        spec.group_keys = grouped ? std::vector<std::uint32_t>{0} : std::vector<std::uint32_t>{};
        spec.calls = {total(kLong, keeps_rows)};
        const testing::Rows rows = made_rows(9000, keys);
        EXPECT_EQ(run(spec, rows, 2000, keys == 7), expected(rows, grouped, false)) << keys;
        spec.calls[0].foreign.filter = 3;
        EXPECT_EQ(run(spec, rows, 512, keys != 7), expected(rows, grouped, true)) << keys;
      }
    }
  }
  EXPECT_EQ(totals.made, totals.closed);
}

TEST_F(ForeignStatesTest, GroupsThatWaitAreThereOneAtATime) {
  plan::AggregateSpec spec;
  spec.group_keys = {0};
  spec.calls = {total(kLong, true)};
  (void)run(spec, made_rows(5000, 900), 1000, false);
  EXPECT_EQ(totals.groups_most, 1U);
  spec.calls = {total(kLong, false)};
  (void)run(spec, made_rows(5000, 900), 1000, false);
  EXPECT_EQ(totals.groups_most, 900U);
}

TEST_F(ForeignStatesTest, StringsOutliveTheCallThatMadeThem) {
  for (const bool keeps_rows : {false, true}) {
    plan::AggregateSpec spec;
    spec.group_keys = {0};
    spec.calls = {total(kText, keeps_rows), {AggregateFunction::kCountStar, 0, kLong}};
    spec.calls[0].foreign.filter = 3;
    const auto texts = run(spec, made_rows(6, 3), 4, false);
    // Keys 0 and 2 have no row that is true: NULL. Key 1 has rows 1 and 4, whose value is NULL.
    testing::Rows rows = {{of(0), null_value(), of(2)},
                          {of(1), of_text(std::string(19, '0') + "3"), of(2)},
                          {of(2), null_value(), of(2)}};
    EXPECT_EQ(texts, sorted_texts({kInt, kText, kLong}, rows));
  }
}

TEST_F(ForeignStatesTest, NoRowIsOneGroupWithoutKeysAndNoneWithThem) {
  plan::AggregateSpec spec;
  spec.calls = {total(kLong, true)};
  EXPECT_EQ(run(spec, {}, 10, false).size(), 1U);
  spec.group_keys = {0};
  EXPECT_EQ(run(spec, {}, 10, false).size(), 0U);
}

TEST_F(ForeignStatesTest, WhatTheStatesHoldIsChargedAndGivenBack) {
  totals.bytes_a_group = 1000;
  plan::AggregateSpec spec;
  spec.group_keys = {0};
  spec.calls = {total(kLong, false)};
  (void)run(spec, made_rows(5000, 900), 1000, false);
  EXPECT_GE(budget_.peak_bytes(), 900'000U);
  EXPECT_EQ(budget_.used_bytes(), 0U);
  totals.bytes_a_group = kBudgetBytes / 800;
  EXPECT_THROW((void)run(spec, made_rows(5000, 900), 1000, false), base::Error);
  EXPECT_EQ(budget_.used_bytes(), 0U);
}

TEST_F(ForeignStatesTest, WhatWasNotFinishedIsClosedOnce) {
  plan::AggregateSpec spec;
  spec.calls = {total(kLong, false)};
  NodeCounters counters;
  AggregateSink sink(spec, kTypes, budget_, counters);
  EXPECT_EQ(totals.closed, 0U);
  sink.close();
  sink.close();
  EXPECT_EQ(totals.closed, 1U);
}

TEST_F(ForeignStatesTest, WithoutAMakerIsAnError) {
  set_foreign_aggregate_maker(nullptr);
  plan::AggregateSpec spec;
  spec.calls = {total(kLong, false)};
  NodeCounters counters;
  EXPECT_THROW(AggregateSink(spec, kTypes, budget_, counters), base::Error);
}

}  // namespace
}  // namespace sluice::engine
