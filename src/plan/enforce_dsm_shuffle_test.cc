#include "plan/enforce_dsm_shuffle.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "plan/distribution.h"
#include "plan/plan_builder.h"
#include "plan/print.h"
#include "plan/tpch_plans.h"

namespace sluice::plan {
namespace {

ShuffleOptions seats(std::uint32_t count) {
  ShuffleOptions options;
  options.seats = count;
  return options;
}

/// The titles of the tree in preorder, one blank an indent.
void titles_below(const PlanNode& node, std::size_t indent, std::string& text) {
  text += std::string(indent, ' ') + title(node) + "\n";
  for (const PlanNode& input : node.inputs) {
    titles_below(input, indent + 1, text);
  }
}

std::string titles(const PlanSpec& plan) {
  std::string text = "\n";
  titles_below(plan.root, 0, text);
  return text;
}

PlanNode small_table(double rows) { return build_scan("t", {{"k", kInt4}, {"v", kInt4}}, rows); }

TEST(EnforceDsmShuffle, PlanInputsMakeALeaderComputeThatStreams) {
  const auto joined_with = [](PlanNode build) {
    return build_plan(build_join(small_table(1000), std::move(build), {{0}, {0}}, {0}, 1000));
  };
  ShuffleOptions options = seats(3);
  options.root_streams = true;
  EXPECT_FALSE(enforce_dsm_shuffle(joined_with(small_table(10)), options).leader_computes);
  const PlanSpec plan = enforce_dsm_shuffle(
      joined_with(build_plan_input(0, {{"k", kInt4}, {"v", kInt4}}, 10)), options);
  EXPECT_TRUE(plan.leader_computes);
  EXPECT_EQ(titles(plan), R"(
Exchange Gather stream 0
 Hash Join
  Seq Scan on t
  Exchange Broadcast stream 1
   Plan Input 1: CTE Scan
)");
}

TEST(EnforceDsmShuffle, OneSeatGetsThePlanAsItIs) {
  const PlanSpec before = tpch_q3();
  const PlanSpec after = enforce_dsm_shuffle(before, seats(1));
  EXPECT_TRUE(before == after);
  EXPECT_FALSE(after.distributed);
}

TEST(EnforceDsmShuffle, FewGroupsAreFinishedInTheLeader) {
  const PlanSpec plan = enforce_dsm_shuffle(tpch_q1(), seats(3));
  EXPECT_EQ(titles(plan), R"(
Final HashAggregate
 Exchange Gather stream 0
  Partial HashAggregate
   Project
    Seq Scan on lineitem
)");
  EXPECT_TRUE(plan.distributed);
  EXPECT_TRUE(plan.leader_computes);
  EXPECT_EQ(plan.stream_count, 1);
  EXPECT_EQ(plan.node_count, 5);
  EXPECT_EQ(plan.partition_count, 64);
}

TEST(EnforceDsmShuffle, FinalAggregateReadsTheStatesOfThePartialOne) {
  const PlanSpec plan = enforce_dsm_shuffle(tpch_q1(), seats(3));
  const auto& final_spec = *plan.root.as<AggregateSpec>();
  const auto& partial_spec = *plan.root.inputs[0].inputs[0].as<AggregateSpec>();
  EXPECT_EQ(final_spec.phase, AggregatePhase::kFinal);
  EXPECT_EQ(final_spec.group_keys, (std::vector<std::uint32_t>{0, 1}));
  ASSERT_EQ(final_spec.calls.size(), 4U);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(final_spec.calls[i].column, 2 + i);
    EXPECT_EQ(final_spec.calls[i].function, partial_spec.calls[i].function);
  }
  EXPECT_EQ(partial_spec.phase, AggregatePhase::kPartial);
  EXPECT_EQ(plan.root.output, tpch_q1().root.output);
}

TEST(EnforceDsmShuffle, ForeignAggregatesHaveTheRowsOfAGroupInOneSeat) {
  const auto plan = [](std::vector<std::uint32_t> keys, double groups, RowOrder order) {
    AggregateCall call = foreign_call({1}, kInt4);
    call.foreign.order = order;
    return build_plan(build_aggregate(small_table(1e6), std::move(keys),
                                      {call, {AggregateFunction::kCountStar, 0, kInt8}}, groups));
  };
  EXPECT_EQ(titles(enforce_dsm_shuffle(plan({}, 1, RowOrder::kAny), seats(3))), R"(
Aggregate
 Exchange Gather stream 0
  Seq Scan on t
)");
  for (const double groups : {5.0, 1e5, 9e5}) {
    EXPECT_EQ(titles(enforce_dsm_shuffle(plan({0}, groups, RowOrder::kChecked), seats(3))), R"(
Exchange Gather stream 0
 HashAggregate
  Exchange Redistribute stream 1
   Seq Scan on t
)");
  }
  EXPECT_FALSE(enforce_dsm_shuffle(plan({0}, 5, RowOrder::kScan), seats(3)).distributed);
}

TEST(EnforceDsmShuffle, PlainAggregateGathersItsStates) {
  EXPECT_EQ(titles(enforce_dsm_shuffle(tpch_q6(), seats(2))), R"(
Final Aggregate
 Exchange Gather stream 0
  Partial Aggregate
   Project
    Seq Scan on lineitem
)");
}

TEST(EnforceDsmShuffle, SmallBuildSidesAreBroadcastAndManyGroupsRedistributed) {
  EXPECT_EQ(titles(enforce_dsm_shuffle(tpch_q3(), seats(3))), R"(
Top-K
 Exchange Gather stream 0
  Top-K
   Final HashAggregate
    Exchange Redistribute stream 1
     Partial HashAggregate
      Project
       Hash Join
        Seq Scan on lineitem
        Exchange Broadcast stream 2
         Hash Join
          Seq Scan on orders
          Exchange Broadcast stream 3
           Seq Scan on customer
)");
}

TEST(EnforceDsmShuffle, WithoutBroadcastGroupsHashedByTheJoinNeedOnePhase) {
  ShuffleOptions options = seats(3);
  options.broadcast_bytes_max = 0;
  EXPECT_EQ(titles(enforce_dsm_shuffle(tpch_q3(), options)), R"(
Top-K
 Exchange Gather stream 0
  Top-K
   HashAggregate
    Project
     Hash Join
      Exchange Redistribute stream 1
       Seq Scan on lineitem
      Exchange Redistribute stream 2
       Hash Join
        Exchange Redistribute stream 3
         Seq Scan on orders
        Exchange Redistribute stream 4
         Seq Scan on customer
)");
}

TEST(EnforceDsmShuffle, EveryJoinOfFiveTablesHasItsExchange) {
  const PlanSpec plan = enforce_dsm_shuffle(tpch_q5(), seats(3));
  EXPECT_EQ(titles(plan), R"(
Final HashAggregate
 Exchange Gather stream 0
  Partial HashAggregate
   Project
    Hash Join
     Hash Join
      Seq Scan on lineitem
      Exchange Broadcast stream 1
       Hash Join
        Exchange Redistribute stream 2
         Seq Scan on orders
        Exchange Redistribute stream 3
         Seq Scan on customer
     Exchange Broadcast stream 4
      Hash Join
       Seq Scan on supplier
       Exchange Broadcast stream 5
        Hash Join
         Seq Scan on nation
         Exchange Broadcast stream 6
          Seq Scan on region
)");
}

PlanNode self_join(double probe_rows, double build_rows, std::vector<std::uint32_t> outputs) {
  return build_join(small_table(probe_rows), small_table(build_rows), {{0}, {0}},
                    std::move(outputs), probe_rows);
}

TEST(EnforceDsmShuffle, EqualSidesAreRedistributedWhereManySeatsWouldCopyTheBuildSide) {
  EXPECT_EQ(titles(enforce_dsm_shuffle(build_plan(self_join(1e6, 1e6, {0, 1, 3})), seats(8))), R"(
Exchange Gather stream 0
 Hash Join
  Exchange Redistribute stream 1
   Seq Scan on t
  Exchange Redistribute stream 2
   Seq Scan on t
)");
}

TEST(EnforceDsmShuffle, SidesHashedAlikeMeetWhereTheyAre) {
  PlanNode join = build_join(self_join(1e6, 1e6, {0, 1, 3}), self_join(1e6, 1e6, {1, 2, 3}),
                             {{0}, {1}}, {0, 1, 2, 3}, 1e6);
  EXPECT_EQ(titles(enforce_dsm_shuffle(build_plan(std::move(join)), seats(8))), R"(
Exchange Gather stream 0
 Hash Join
  Hash Join
   Exchange Redistribute stream 1
    Seq Scan on t
   Exchange Redistribute stream 2
    Seq Scan on t
  Hash Join
   Exchange Redistribute stream 3
    Seq Scan on t
   Exchange Redistribute stream 4
    Seq Scan on t
)");
}

TEST(EnforceDsmShuffle, SideThatLostItsKeyInAProjectionMovesAgain) {
  PlanNode forgot =
      build_project(self_join(1e6, 1e6, {0, 1, 3}), {column_of(1, kInt4), column_of(2, kInt4)});
  PlanNode join = build_join(std::move(forgot), small_table(1e6), {{0}, {0}}, {0, 1}, 1e6);
  const PlanSpec plan = enforce_dsm_shuffle(build_plan(std::move(join)), seats(8));
  const PlanNode& probe = plan.root.inputs[0].inputs[0];
  ASSERT_NE(probe.as<ExchangeSpec>(), nullptr);
  EXPECT_EQ(probe.as<ExchangeSpec>()->keys, (std::vector<std::uint32_t>{0}));
}

TEST(EnforceDsmShuffle, OnlyTheSideThatIsElsewhereMoves) {
  PlanNode join =
      build_join(small_table(1e6), self_join(1e6, 1e6, {0, 1, 3}), {{1}, {0}}, {0, 1, 3}, 1e6);
  const PlanSpec plan = enforce_dsm_shuffle(build_plan(std::move(join)), seats(8));
  const PlanNode& top = plan.root.inputs[0];
  ASSERT_NE(top.inputs[0].as<ExchangeSpec>(), nullptr);
  EXPECT_EQ(top.inputs[0].as<ExchangeSpec>()->keys, (std::vector<std::uint32_t>{1}));
  EXPECT_NE(top.inputs[1].as<HashJoinSpec>(), nullptr);
}

TEST(EnforceDsmShuffle, NearlyAsManyGroupsAsRowsSendTheRows) {
  const PlanSpec plan = enforce_dsm_shuffle(
      build_plan(build_aggregate(small_table(1e6), {0}, {count_rows()}, 9e5)), seats(4));
  EXPECT_EQ(titles(plan), R"(
Exchange Gather stream 0
 HashAggregate
  Exchange Redistribute stream 1
   Seq Scan on t
)");
}

TEST(EnforceDsmShuffle, FewGroupsBelowAJoinAreNotGathered) {
  PlanNode groups = build_aggregate(small_table(1e6), {1}, {count_rows()}, 100);
  PlanNode join = build_join(small_table(1e6), std::move(groups), {{0}, {0}}, {0, 3}, 1e6);
  EXPECT_EQ(titles(enforce_dsm_shuffle(build_plan(std::move(join)), seats(2))), R"(
Exchange Gather stream 0
 Hash Join
  Seq Scan on t
  Exchange Broadcast stream 1
   Final HashAggregate
    Exchange Redistribute stream 2
     Partial HashAggregate
      Seq Scan on t
)");
}

TEST(EnforceDsmShuffle, AggregateOverASingleInputRunsInTheLeader) {
  PlanNode limited = build_limit(small_table(1e6), 10);
  const PlanSpec plan = enforce_dsm_shuffle(
      build_plan(build_aggregate(std::move(limited), {}, {count_rows()}, 1)), seats(4));
  EXPECT_EQ(titles(plan), R"(
Aggregate
 Limit
  Exchange Gather stream 0
   Limit
    Seq Scan on t
)");
}

TEST(EnforceDsmShuffle, SingleResultBelowAJoinKeepsThePlanInOneSeat) {
  const PlanNode singles[] = {
      build_aggregate(small_table(1e6), {}, {{AggregateFunction::kMax, 0, kInt4}}, 1),
      build_limit(small_table(1e6), 5), build_top_k(small_table(1e6), {{0}}, 5)};
  for (const PlanNode& single : singles) {
    const PlanSpec plan = build_plan(build_join(small_table(1e6), single, {{0}, {0}}, {0, 1}, 1e6));
    const PlanSpec after = enforce_dsm_shuffle(plan, seats(4));
    EXPECT_FALSE(after.distributed);
    EXPECT_TRUE(after == plan);
  }
}

TEST(EnforceDsmShuffle, FloatSumKeepsThePlanInOneSeat) {
  PlanNode scan = build_scan("t", {{"f", kFloat8}}, 1e6);
  const PlanSpec plan = enforce_dsm_shuffle(
      build_plan(build_aggregate(std::move(scan), {}, {{AggregateFunction::kSum, 0, kFloat8}}, 1)),
      seats(4));
  EXPECT_FALSE(plan.distributed);
}

TEST(EnforceDsmShuffle, StreamingRootLeavesTheLeaderToItsClient) {
  ShuffleOptions options = seats(4);
  options.root_streams = true;
  EXPECT_FALSE(enforce_dsm_shuffle(build_plan(small_table(1e6)), options).leader_computes);
}

TEST(EnforceDsmShuffle, RefusesSeatsOutOfRangeAndPlansThatAreDistributed) {
  EXPECT_THROW((void)enforce_dsm_shuffle(tpch_q1(), seats(0)), base::Error);
  EXPECT_THROW((void)enforce_dsm_shuffle(tpch_q1(), seats(65)), base::Error);
  const PlanSpec once = enforce_dsm_shuffle(tpch_q1(), seats(2));
  EXPECT_THROW((void)enforce_dsm_shuffle(once, seats(2)), base::Error);
}

TEST(Distribution, CoLocatesRowsThatAgreeOnItsKeys) {
  const Distribution hashed{DistributionKind::kHashed, {2, 0}};
  EXPECT_TRUE(co_locates(hashed, {0, 1, 2}));
  EXPECT_FALSE(co_locates(hashed, {0, 1}));
  EXPECT_TRUE(co_locates({DistributionKind::kSingle, {}}, {}));
  EXPECT_FALSE(co_locates({DistributionKind::kRandom, {}}, {0}));
  EXPECT_EQ(to_string(hashed), "hashed(2, 0)");
}

}  // namespace
}  // namespace sluice::plan
