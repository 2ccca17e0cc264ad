#include <gtest/gtest.h>

#include "base/error.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/plan_builder.h"
#include "plan/tpch_plans.h"

namespace sluice::plan {
namespace {

PlanNode table() { return build_scan("t", {{"k", kInt4}}, 100); }

PlanSpec distributed(PlanNode root, std::uint16_t streams) {
  PlanSpec plan = build_plan(std::move(root));
  plan.distributed = true;
  plan.stream_count = streams;
  plan.partition_count = 64;
  return plan;
}

/// What the validator says; empty when it is content.
std::string verdict(const PlanSpec& plan) {
  try {
    validate_deadlock_rules(plan);
    return "";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    return error.message();
  }
}

bool says(const PlanSpec& plan, const std::string& words) {
  const std::string message = verdict(plan);
  EXPECT_NE(message.find(words), std::string::npos) << "says: " << message;
  return message.find(words) != std::string::npos;
}

PlanNode gather(PlanNode input, std::uint16_t stream = 0) {
  return build_exchange(std::move(input), stream, ExchangeKind::kGather);
}

PlanNode shuffle(PlanNode input, std::uint16_t stream) {
  return build_exchange(std::move(input), stream, ExchangeKind::kRedistribute, {0});
}

PlanNode broadcast_of(PlanNode input, std::uint16_t stream) {
  return build_exchange(std::move(input), stream, ExchangeKind::kBroadcast);
}

PlanNode join(PlanNode probe, PlanNode build) {
  return build_join(std::move(probe), std::move(build), {{0}, {0}}, {0}, 100);
}

TEST(DeadlockRules, APlanInputNeedsALeaderThatComputes) {
  PlanSpec plan = distributed(gather(build_plan_input(0, {{"k", kInt4}}, 100)), 1);
  EXPECT_EQ(verdict(plan), "");
  plan.leader_computes = false;
  EXPECT_TRUE(says(plan, "a plan input beside a leader that does not compute"));
}

TEST(DeadlockRules, HoldForOneProcessAndDistributedQueries) {
  ShuffleOptions options;
  options.seats = 4;
  for (const PlanSpec& plan : {tpch_q1(), tpch_q3(), tpch_q5(), tpch_q6()}) {
    EXPECT_EQ(verdict(plan), "");
    EXPECT_EQ(verdict(enforce_dsm_shuffle(plan, options)), "");
  }
  EXPECT_EQ(verdict(distributed(gather(join(shuffle(table(), 1), shuffle(table(), 2))), 3)), "");
}

TEST(DeadlockRules, UndistributedPlanHasNoExchange) {
  PlanSpec plan = distributed(gather(table()), 1);
  plan.distributed = false;
  EXPECT_TRUE(says(plan, "an exchange in a plan for one seat"));
}

TEST(DeadlockRules, RootFragmentReadsGathersOnly) {
  EXPECT_TRUE(says(distributed(table(), 0), "root fragment"));
  EXPECT_TRUE(says(distributed(shuffle(table(), 0), 1), "root fragment"));
  EXPECT_TRUE(says(distributed(join(gather(table(), 0), gather(table(), 1)), 2), "root fragment"));
  PlanNode partial = build_aggregate(gather(table()), {0}, {}, 1);
  partial.as<AggregateSpec>()->phase = AggregatePhase::kPartial;
  EXPECT_TRUE(says(distributed(std::move(partial), 1), "root fragment"));
  EXPECT_EQ(verdict(distributed(build_limit(gather(table()), 1), 1)), "");
}

TEST(DeadlockRules, GatherBelowAnExchangeIsRefused) {
  EXPECT_TRUE(says(distributed(gather(gather(table(), 1)), 2), "rule 2"));
  EXPECT_TRUE(says(distributed(gather(join(gather(table(), 1), table())), 2), "rule 2"));
}

TEST(DeadlockRules, StreamHasOneConsumerAndNoneIsMissing) {
  EXPECT_TRUE(
      says(distributed(gather(join(shuffle(table(), 1), shuffle(table(), 1))), 3), "rule 4"));
  EXPECT_TRUE(says(distributed(gather(table()), 2), "nobody consumes"));
  EXPECT_TRUE(says(distributed(gather(table(), 3), 2), "stream out of range"));
}

TEST(DeadlockRules, BroadcastFeedsBuildSidesOnly) {
  EXPECT_EQ(verdict(distributed(gather(join(table(), broadcast_of(table(), 1))), 2)), "");
  EXPECT_TRUE(says(distributed(gather(join(broadcast_of(table(), 1), table())), 2), "broadcast"));
  EXPECT_TRUE(says(distributed(gather(broadcast_of(table(), 1)), 2), "broadcast"));
}

TEST(DeadlockRules, LeavesAreScans) {
  PlanNode leaf = build_limit(table(), 1);
  leaf.inputs.clear();
  EXPECT_TRUE(says(distributed(gather(std::move(leaf)), 1), "rule 7"));
}

TEST(DeadlockRules, OnlyJoinsHaveTwoInputs) {
  PlanNode limit = build_limit(table(), 1);
  limit.inputs.push_back(table());
  EXPECT_TRUE(says(distributed(gather(std::move(limit)), 1), "rule 3"));
}

}  // namespace
}  // namespace sluice::plan
