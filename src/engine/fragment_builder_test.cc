#include "engine/fragment_builder.h"

#include <gtest/gtest.h>
#include <utility>

#include "base/error.h"
#include "plan/plan_builder.h"

namespace sluice::engine {
namespace {

using plan::kInt4;
using plan::PlanNode;

PlanNode scan() { return plan::build_scan("t", {{"k", kInt4}, {"v", kInt4}}, 10); }
PlanNode join(PlanNode probe, PlanNode build) {
  return plan::build_join(std::move(probe), std::move(build), {{0}, {0}}, {0, 1}, 10);
}

TEST(FragmentBuilder, AScanIsOnePipelineIntoTheOutput) {
  const PlanNode root = scan();
  const FragmentSpec fragment = build_fragment(root);
  ASSERT_EQ(fragment.pipelines.size(), 1U);
  EXPECT_EQ(fragment.pipelines[0].source, &root);
  EXPECT_EQ(fragment.pipelines[0].sink, nullptr);
  EXPECT_TRUE(fragment.pipelines[0].operators.empty());
  EXPECT_TRUE(fragment.exchanges.empty());
}

TEST(FragmentBuilder, BuildSidesComeBeforeTheirProbeSides) {
  // root: join(outer) of (aggregate of join(inner) of two scans) and a scan
  PlanNode grouped = plan::build_aggregate(join(scan(), scan()), {0, 1}, {}, 10);
  const PlanNode root = plan::build_limit(join(std::move(grouped), scan()), 5);
  const PlanNode& outer = root.inputs[0];
  const PlanNode& aggregate = outer.inputs[0];
  const PlanNode& inner = aggregate.inputs[0];
  const FragmentSpec fragment = build_fragment(root);
  ASSERT_EQ(fragment.pipelines.size(), 4U);

  const PipelineSpec& outer_build = fragment.pipelines[0];
  EXPECT_EQ(outer_build.source, &outer.inputs[1]);
  EXPECT_EQ(outer_build.sink, &outer);
  EXPECT_TRUE(outer_build.guards.empty());

  const PipelineSpec& inner_build = fragment.pipelines[1];
  EXPECT_EQ(inner_build.source, &inner.inputs[1]);
  EXPECT_EQ(inner_build.sink, &inner);
  EXPECT_EQ(inner_build.guards, std::vector<const PlanNode*>{&outer});

  const PipelineSpec& grouping = fragment.pipelines[2];
  EXPECT_EQ(grouping.source, &inner.inputs[0]);
  EXPECT_EQ(grouping.operators, std::vector<const PlanNode*>{&inner});
  EXPECT_EQ(grouping.sink, &aggregate);
  EXPECT_EQ(grouping.guards, std::vector<const PlanNode*>{&outer});

  const PipelineSpec& last = fragment.pipelines[3];
  EXPECT_EQ(last.source, &aggregate);
  EXPECT_EQ(last.operators, (std::vector<const PlanNode*>{&outer, &root}));
  EXPECT_EQ(last.sink, nullptr);
  EXPECT_TRUE(last.guards.empty());
}

TEST(FragmentBuilder, AnExchangeIsALeafAndItsInputAnotherFragment) {
  PlanNode stream = plan::build_exchange(scan(), 0, plan::ExchangeKind::kGather);
  const PlanNode root = plan::build_top_k(std::move(stream), {{0, false, false}}, 3);
  const FragmentSpec fragment = build_fragment(root);
  ASSERT_EQ(fragment.pipelines.size(), 2U);
  EXPECT_EQ(fragment.pipelines[0].source, &root.inputs[0]);
  EXPECT_EQ(fragment.pipelines[0].sink, &root);
  EXPECT_EQ(fragment.pipelines[1].source, &root);
  EXPECT_EQ(fragment.exchanges, std::vector<const PlanNode*>{&root.inputs[0]});
}

TEST(FragmentBuilder, APartialAggregateWithKeysStreamsAndOtherAggregatesEndAPipeline) {
  for (const auto phase : {plan::AggregatePhase::kPartial, plan::AggregatePhase::kFinal}) {
    for (const bool keys : {false, true}) {
      plan::AggregateSpec spec;
      spec.phase = phase;
      if (keys) {
        spec.group_keys = {0};
      }
      PlanNode root;
      root.spec = spec;
      root.inputs.push_back(scan());
      const FragmentSpec fragment = build_fragment(root);
      const bool streams = keys && phase == plan::AggregatePhase::kPartial;
      ASSERT_EQ(fragment.pipelines.size(), streams ? 1U : 2U);
      EXPECT_EQ(fragment.pipelines[0].operators.size(), streams ? 1U : 0U);
      EXPECT_EQ(fragment.pipelines[0].sink, streams ? nullptr : &root);
    }
  }
}

TEST(FragmentBuilder, AJoinWithoutItsInputsIsRefused) {
  PlanNode root = join(scan(), scan());
  root.inputs.pop_back();
  EXPECT_THROW((void)build_fragment(root), base::Error);
}

}  // namespace
}  // namespace sluice::engine
