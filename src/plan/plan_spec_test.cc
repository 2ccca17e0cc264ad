#include "plan/plan_spec.h"

#include <gtest/gtest.h>
#include <limits>

#include "base/error.h"
#include "plan/limits.h"
#include "plan/plan_builder.h"
#include "plan/tpch_plans.h"

namespace sluice::plan {
namespace {

PlanNode table() {
  return build_scan("t", {{"a", kInt4}, {"b", kInt8}, {"d", kMoney}, {"s", kText}}, 100);
}

PlanSpec broken(PlanSpec plan, void (*change)(PlanSpec&)) {
  change(plan);
  return plan;
}

bool is_valid(const PlanSpec& plan) {
  try {
    validate_plan(plan);
    return true;
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    return false;
  }
}

TEST(PlanSpec, QueriesOfTheTestsAreValid) {
  for (const PlanSpec& plan : {tpch_q1(), tpch_q3(), tpch_q5(), tpch_q6()}) {
    EXPECT_TRUE(is_valid(plan));
  }
}

TEST(PlanSpec, NodesAreNumberedInPreorder) {
  const PlanSpec plan = tpch_q3();
  EXPECT_EQ(plan.node_count, 8);
  const PlanNode& join = plan.root.inputs[0].inputs[0].inputs[0];
  EXPECT_EQ(join.id.value(), 3);
  EXPECT_EQ(join.inputs[0].id.value(), 4);
  EXPECT_EQ(join.inputs[1].id.value(), 5);
}

TEST(PlanSpec, EveryFieldCountsForEquality) {
  void (*const changes[])(PlanSpec&) = {
      [](PlanSpec& plan) { plan.stream_count = 9; },
      [](PlanSpec& plan) { plan.node_count = 9; },
      [](PlanSpec& plan) { plan.partition_count = 9; },
      [](PlanSpec& plan) { plan.distributed = true; },
      [](PlanSpec& plan) { plan.leader_computes = false; },
      [](PlanSpec& plan) { plan.root.rows_estimated = 9; },
      [](PlanSpec& plan) { plan.root.id = NodeId(9); },
      [](PlanSpec& plan) { plan.root.output.clear(); },
      [](PlanSpec& plan) { plan.root.as<TopKSpec>()->limit = 9; },
      [](PlanSpec& plan) { plan.root.as<TopKSpec>()->keys[1].nulls_first = true; },
      [](PlanSpec& plan) { plan.root.inputs[0].as<AggregateSpec>()->group_keys.pop_back(); },
  };
  for (const auto change : changes) {
    EXPECT_FALSE(broken(tpch_q3(), change) == tpch_q3());
  }
  EXPECT_TRUE(tpch_q3() == tpch_q3());
}

TEST(ValidatePlan, NamesWhatIsInconsistent) {
  void (*const changes[])(PlanSpec&) = {
      [](PlanSpec& plan) { plan.node_count = 9; },
      [](PlanSpec& plan) { plan.stream_count = 1; },
      [](PlanSpec& plan) { plan.partition_count = 0; },
      [](PlanSpec& plan) { plan.root.id = NodeId(1); },
      [](PlanSpec& plan) { plan.root.output.pop_back(); },
      [](PlanSpec& plan) { plan.root.inputs[0].output[0] = kInt4; },
      [](PlanSpec& plan) { plan.root.inputs.clear(); },
      [](PlanSpec& plan) { plan.root.rows_estimated = -1; },
      [](PlanSpec& plan) { plan.root.rows_estimated = std::numeric_limits<double>::infinity(); },
      [](PlanSpec& plan) { plan.root.as<TopKSpec>()->keys.clear(); },
      [](PlanSpec& plan) { plan.root.as<TopKSpec>()->keys[0].column = 4; },
      [](PlanSpec& plan) { plan.root.inputs[0].as<AggregateSpec>()->group_keys[0] = 99; },
      [](PlanSpec& plan) { plan.root.inputs[0].as<AggregateSpec>()->calls[0].result = kInt8; },
  };
  for (const auto change : changes) {
    EXPECT_FALSE(is_valid(broken(tpch_q3(), change)));
  }
}

TEST(ValidatePlan, ConditionsAreBoolsOverTheirInput) {
  PlanNode filter = build_filter(table(), column_of(0, kInt4), 1);
  EXPECT_FALSE(is_valid(build_plan(std::move(filter))));
  PlanNode scan = build_scan("t", {{"a", kBool}}, 1, {column_of(1, kBool)});
  EXPECT_FALSE(is_valid(build_plan(std::move(scan))));
  PlanNode join = build_join(table(), table(), {{0}, {0}}, {}, 1);
  join.as<HashJoinSpec>()->residual = {
      compare(Op::kLess, column_of(0, kInt4), column_of(4, kInt4))};
  EXPECT_TRUE(is_valid(build_plan(join)));
  join.as<HashJoinSpec>()->residual = {
      compare(Op::kLess, column_of(0, kInt4), column_of(8, kInt4))};
  EXPECT_FALSE(is_valid(build_plan(join)));
}

TEST(ValidatePlan, DepthAndNodesAreBounded) {
  PlanNode deep = table();
  for (std::size_t i = 1; i < kPlanDepthMax; ++i) {
    deep = build_limit(std::move(deep), 1);
  }
  EXPECT_TRUE(is_valid(build_plan(deep)));
  EXPECT_FALSE(is_valid(build_plan(build_limit(std::move(deep), 1))));
  PlanNode wide = table();
  for (int i = 0; i < 9; ++i) {
    PlanNode twin = wide;
    wide = build_join(std::move(wide), std::move(twin), {{0}, {0}}, {0}, 1);
  }
  EXPECT_FALSE(is_valid(build_plan(std::move(wide))));
}

/// An aggregate whose output is not derived yet.
PlanNode make_node_over(PlanNode input, AggregateCall call) {
  PlanNode node;
  AggregateSpec spec;
  spec.calls.push_back(std::move(call));
  node.spec = std::move(spec);
  node.inputs.push_back(std::move(input));
  return node;
}

TEST(DeriveOutput, ScanShowsItsOutputsInOrder) {
  PlanNode node = table();
  node.as<ScanSpec>()->outputs = {3, 0, 0};
  EXPECT_EQ(derive_output(node), (std::vector<DataType>{kText, kInt4, kInt4}));
  node.as<ScanSpec>()->outputs = {4};
  EXPECT_THROW((void)derive_output(node), base::Error);
  node = table();
  node.as<ScanSpec>()->columns[0].attribute = 0;
  EXPECT_THROW((void)derive_output(node), base::Error);
}

TEST(DeriveOutput, JoinShowsProbeThenBuildColumns) {
  const PlanNode join = build_join(table(), table(), {{0}, {0}}, {3, 4, 5}, 1);
  EXPECT_EQ(join.output, (std::vector<DataType>{kText, kInt4, kInt8}));
  EXPECT_THROW((void)build_join(table(), table(), {{0}, {1}}, {}, 1), base::Error);
  EXPECT_THROW((void)build_join(table(), table(), {{}, {}}, {}, 1), base::Error);
  EXPECT_THROW((void)build_join(table(), table(), {{0, 1}, {0}}, {}, 1), base::Error);
  EXPECT_THROW((void)build_join(table(), table(), {{0}, {0}}, {8}, 1), base::Error);
}

TEST(DeriveOutput, ForeignAggregatesHaveWhateverTypeTheySayOfColumnsThatAreThere) {
  const DataType opaque = DataType::of(TypeKind::kOpaque);
  const auto derive = [&](void (*change)(AggregateSpec&)) {
    PlanNode input = table();
    input.output[2] = kBool;
    PlanNode node = make_node_over(std::move(input), foreign_call({0, 3, 0}, opaque));
    change(*node.as<AggregateSpec>());
    return derive_output(node);
  };
  EXPECT_EQ(derive([](AggregateSpec&) {}), (std::vector<DataType>{opaque}));
  EXPECT_EQ(derive([](AggregateSpec& spec) { spec.calls[0].foreign.filter = 2; }),
            (std::vector<DataType>{opaque}));
  void (*const changes[])(AggregateSpec&) = {
      [](AggregateSpec& spec) { spec.phase = AggregatePhase::kPartial; },
      [](AggregateSpec& spec) { spec.phase = AggregatePhase::kFinal; },
      [](AggregateSpec& spec) { spec.calls[0].foreign.arguments.push_back(4); },
      [](AggregateSpec& spec) { spec.calls[0].foreign.filter = 4; },
      [](AggregateSpec& spec) { spec.calls[0].foreign.filter = 0; },
      [](AggregateSpec& spec) { spec.calls[0].foreign.definition = "text"; },
      [](AggregateSpec& spec) { spec.calls[0].column = 1; },
      [](AggregateSpec& spec) { spec.calls[0].result.precision = 1; },
      [](AggregateSpec& spec) {
        spec.calls[0].function = AggregateFunction::kCountStar;
        spec.calls[0].result = kInt8;
      },
  };
  for (const auto change : changes) {
    EXPECT_THROW((void)derive(change), base::Error);
  }
}

TEST(DeriveOutput, SumsHavePostgresqlsTypes) {
  const auto sum = [](std::uint32_t column, DataType result) {
    return build_aggregate(table(), {}, {{AggregateFunction::kSum, column, result}}, 1);
  };
  EXPECT_EQ(sum(0, kInt8).output, (std::vector<DataType>{kInt8}));
  EXPECT_NO_THROW((void)sum(1, DataType::decimal(38, 0)));
  EXPECT_NO_THROW((void)sum(2, DataType::decimal(38, 2)));
  EXPECT_THROW((void)sum(0, kInt4), base::Error);
  EXPECT_THROW((void)sum(1, kInt8), base::Error);
  EXPECT_THROW((void)sum(2, kMoney), base::Error);
  EXPECT_THROW((void)sum(3, kText), base::Error);
  EXPECT_THROW((void)sum(4, kInt8), base::Error);
}

TEST(DeriveOutput, TotalsTakeInt8) {
  for (const auto function : {AggregateFunction::kTotalCount, AggregateFunction::kTotalSum}) {
    const auto valid = [function](const DataType& arg, const DataType& result) {
      PlanNode scan = build_scan("t", {{"a", arg}}, 1);
      try {
        (void)build_aggregate(std::move(scan), {}, {{function, 0, result}}, 1);
        return true;
      } catch (const base::Error&) {
        return false;
      }
    };
    EXPECT_TRUE(valid(kInt8, kInt8));
    EXPECT_FALSE(valid(kInt4, kInt8));
    EXPECT_FALSE(valid(kInt8, DataType::decimal(38, 0)));
  }
}

TEST(DeriveOutput, FinalAggregateTakesStatesOfItsResultsType) {
  PlanNode states = build_aggregate(table(), {3}, {{AggregateFunction::kSum, 0, kInt8}}, 1);
  PlanNode final_node = states;
  final_node.inputs = {states};
  auto& spec = *final_node.as<AggregateSpec>();
  spec.phase = AggregatePhase::kFinal;
  spec.group_keys = {0};
  spec.calls[0].column = 1;
  EXPECT_EQ(derive_output(final_node), states.output);
  spec.calls[0].result = DataType::decimal(38, 0);
  EXPECT_THROW((void)derive_output(final_node), base::Error);
}

TEST(DeriveOutput, OnlyRedistributeHasKeys) {
  EXPECT_NO_THROW((void)build_exchange(table(), 0, ExchangeKind::kRedistribute, {3}));
  EXPECT_THROW((void)build_exchange(table(), 0, ExchangeKind::kRedistribute), base::Error);
  EXPECT_THROW((void)build_exchange(table(), 0, ExchangeKind::kRedistribute, {4}), base::Error);
  EXPECT_THROW((void)build_exchange(table(), 0, ExchangeKind::kGather, {0}), base::Error);
}

TEST(BindParams, ReplacesEveryParameterByItsValue) {
  const auto plan_with = [](const Expr& bound) {
    PlanNode filter = build_filter(table(), compare(Op::kEqual, column_of(0, kInt4), bound), 1);
    return build_plan(build_project(std::move(filter), {bound}));
  };
  PlanSpec plan = plan_with(Expr::make_param(1, kInt4));
  bind_params(plan, {Expr::make_integer(4, kInt8), Expr::make_integer(5, kInt4)});
  EXPECT_TRUE(plan == plan_with(Expr::make_integer(5, kInt4)));
}

TEST(BindParams, RefusesMissingAndMistypedValues) {
  PlanSpec plan = build_plan(build_project(table(), {Expr::make_param(1, kInt4)}));
  EXPECT_THROW(bind_params(plan, {Expr::make_integer(4, kInt4)}), base::Error);
  const Expr number = Expr::make_integer(4, kInt8);
  EXPECT_THROW(bind_params(plan, {number, number}), base::Error);
}

}  // namespace
}  // namespace sluice::plan
