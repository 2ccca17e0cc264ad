#include "plan/runtime_filter.h"

#include <gtest/gtest.h>

#include "plan/plan_builder.h"
#include "plan/tpch_plans.h"

namespace sluice::plan {
namespace {

PlanNode table(const char* name, const char* key, const char* other) {
  return build_scan(name, {{key, kInt4}, {other, kInt4}}, 100);
}

/// What EXPLAIN would say, scan by scan.
std::vector<std::string> filters_of(const PlanNode& root) {
  std::vector<std::string> texts;
  for (const RuntimeFilterSpec& filter : runtime_filters(root)) {
    texts.push_back(filter.scan->as<ScanSpec>()->name + " " + to_string(filter));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(RuntimeFilter, BuildSideFiltersTheScanItIsProbedWith) {
  const PlanNode join = build_join(table("t", "a", "b"), table("u", "c", "d"), {{1}, {0}}, {0}, 10);
  EXPECT_EQ(filters_of(join), Texts{"t (b = c)"});
}

TEST(RuntimeFilter, NoJoinThatKeepsUnmatchedProbeRowsFiltersThem) {
  for (const JoinType type : {JoinType::kLeft, JoinType::kFull, JoinType::kAnti}) {
    EXPECT_TRUE(filters_of(build_join(table("t", "a", "b"), table("u", "c", "d"), {{1}, {0}}, {0},
                                      10, type))
                    .empty());
  }
  for (const JoinType type : {JoinType::kSemi, JoinType::kRight}) {
    EXPECT_EQ(filters_of(build_join(table("t", "a", "b"), table("u", "c", "d"), {{1}, {0}}, {0}, 10,
                                    type)),
              Texts{"t (b = c)"});
  }
  for (const JoinType type : {JoinType::kRightSemi, JoinType::kRightAnti}) {
    EXPECT_EQ(filters_of(build_join(table("t", "a", "b"), table("u", "c", "d"), {{1}, {0}}, {2}, 10,
                                    type)),
              Texts{"t (b = c)"});
  }
}

TEST(RuntimeFilter, ReachesBothSidesOfAnEqualKeyBelow) {
  PlanNode below = build_join(table("t", "a", "b"), table("u", "c", "d"), {{0}, {0}}, {0, 3}, 10);
  PlanNode join = build_join(std::move(below), table("v", "e", "f"), {{0}, {0}}, {0}, 10);
  EXPECT_EQ(filters_of(join), (Texts{"t (a = e)", "u (c = e)", "t (a = c)"}));
}

TEST(RuntimeFilter, FollowsABuildColumnIntoTheBuildSideBelow) {
  PlanNode below = build_join(table("t", "a", "b"), table("u", "c", "d"), {{0}, {0}}, {0, 3}, 10);
  PlanNode join = build_join(std::move(below), table("v", "e", "f"), {{1}, {0}}, {0}, 10);
  EXPECT_EQ(filters_of(join), (Texts{"u (d = e)", "t (a = c)"}));
}

TEST(RuntimeFilter, StopsAtExchanges) {
  PlanNode exchange = build_exchange(table("t", "a", "b"), 0, ExchangeKind::kRedistribute, {0});
  EXPECT_TRUE(filters_of(build_join(std::move(exchange), table("u", "c", "d"), {{0}, {0}}, {0}, 10))
                  .empty());
}

TEST(RuntimeFilter, GoesThroughAggregatesByTheirGroupKeysAlone) {
  const auto filters = [](std::vector<AggregateCall> calls, std::uint32_t column) {
    PlanNode groups = build_aggregate(table("t", "a", "b"), {1}, std::move(calls), 10);
    PlanNode build = build_scan("u", {{"c", groups.output[column]}}, 100);
    return filters_of(build_join(std::move(groups), std::move(build), {{column}, {0}}, {0}, 10));
  };
  EXPECT_EQ(filters({count_rows()}, 0), Texts{"t (b = c)"});
  EXPECT_TRUE(filters({count_rows()}, 1).empty());
}

TEST(RuntimeFilter, NoGroupWhoseSumMayRaiseIsLeftOut) {
  const auto filters = [](DataType type, DataType sum_type) {
    PlanNode rows = build_scan("t", {{"a", kInt4}, {"b", type}}, 100);
    PlanNode groups =
        build_aggregate(std::move(rows), {0}, {{AggregateFunction::kSum, 1, sum_type}}, 10);
    return filters_of(build_join(std::move(groups), table("u", "c", "d"), {{0}, {0}}, {0}, 10));
  };
  EXPECT_EQ(filters(kInt4, kInt8), Texts{"t (a = c)"});
  EXPECT_TRUE(filters(kFloat8, kFloat8).empty());
  PlanNode groups =
      build_aggregate(table("t", "a", "b"), {0}, {foreign_call({1}, DataType(kInt8))}, 10);
  EXPECT_TRUE(
      filters_of(build_join(std::move(groups), table("u", "c", "d"), {{0}, {0}}, {0}, 10)).empty());
}

TEST(RuntimeFilter, NothingThatMayRaiseIsLeftOut) {
  const auto sum = [] {
    return Expr::make_call(Op::kAdd, kInt4, {column_of(0, kInt4), column_of(1, kInt4)});
  };
  PlanNode computed = build_project(table("t", "a", "b"), {column_of(0, kInt4), sum()});
  EXPECT_TRUE(filters_of(build_join(std::move(computed), table("u", "c", "d"), {{0}, {0}}, {0}, 10))
                  .empty());
  PlanNode tested = build_filter(table("t", "a", "b"),
                                 compare(Op::kLess, sum(), Expr::make_integer(9, kInt4)), 10);
  EXPECT_TRUE(
      filters_of(build_join(std::move(tested), table("u", "c", "d"), {{0}, {0}}, {0}, 10)).empty());
  PlanNode named = build_project(table("t", "a", "b"), {column_of(1, kInt4)});
  EXPECT_EQ(filters_of(build_join(std::move(named), table("u", "c", "d"), {{0}, {0}}, {0}, 10)),
            Texts{"t (b = c)"});
}

TEST(RuntimeFilter, BuildSideWhoseLackOfRowsWouldSpareARaisingProbeSideIsLeftOut) {
  const auto filters = [](PlanNode probe, JoinType type, std::uint32_t key) {
    PlanNode below =
        build_join(std::move(probe), table("u", "c", "d"), {{0}, {0}}, {0, 3}, 10, type);
    return filters_of(build_join(std::move(below), table("v", "e", "f"), {{key}, {0}}, {0}, 10));
  };
  const auto raising = [] {
    const Expr sum = Expr::make_call(Op::kAdd, kInt4, {column_of(0, kInt4), column_of(1, kInt4)});
    return build_filter(table("t", "a", "b"), compare(Op::kLess, sum, Expr::make_integer(9, kInt4)),
                        10);
  };
  EXPECT_EQ(filters(table("t", "a", "b"), JoinType::kInner, 1), (Texts{"u (d = e)", "t (a = c)"}));
  EXPECT_TRUE(filters(raising(), JoinType::kInner, 1).empty());
  EXPECT_TRUE(filters(raising(), JoinType::kInner, 0).empty());
  EXPECT_EQ(filters(raising(), JoinType::kLeft, 1), Texts{"u (d = e)"});
}

TEST(RuntimeFilter, LargeBuildSideThatEveryRowMatchesIsLeftOut) {
  const auto filters = [](double build_rows, double joined_rows) {
    PlanNode probe = build_scan("t", {{"a", kInt4}}, 1e6);
    PlanNode build = build_scan("u", {{"c", kInt4}}, build_rows);
    return filters_of(build_join(std::move(probe), std::move(build), {{0}, {0}}, {0}, joined_rows));
  };
  EXPECT_TRUE(filters(5e5, 1e6).empty());
  EXPECT_EQ(filters(5e5, 5e5), Texts{"t (a = c)"});
  EXPECT_EQ(filters(5e4, 1e6), Texts{"t (a = c)"});
}

// ---- across redistributions ----

PlanNode redistributed(PlanNode input, std::uint16_t stream, std::uint32_t key) {
  return build_exchange(std::move(input), stream, ExchangeKind::kRedistribute, {key});
}

PlanNode large(const char* name, const char* key, const char* other) {
  return build_scan(name, {{key, kInt4}, {other, kInt4}}, 1e6);
}

/// What EXPLAIN would say of the sets that all seats share.
Texts shared_of(const PlanNode& root) {
  Texts texts;
  for (const SharedFilterSpec& set : shared_filters(root)) {
    for (const RuntimeFilterSpec& filter : set.scans) {
      EXPECT_EQ(filter.join, set.join);
      EXPECT_EQ(filter.key, set.key);
      texts.push_back(filter.scan->as<ScanSpec>()->name + " " + to_string(filter));
    }
  }
  return texts;
}

TEST(SharedFilters, CrossRedistributionsAndNothingElse) {
  EXPECT_EQ(shared_of(build_join(redistributed(large("t", "a", "b"), 0, 1),
                                 redistributed(table("u", "c", "d"), 1, 0), {{1}, {0}}, {0}, 10)),
            Texts{"t (b = c)"});
  for (const ExchangeKind kind : {ExchangeKind::kGather, ExchangeKind::kBroadcast}) {
    EXPECT_TRUE(shared_of(build_join(build_exchange(large("t", "a", "b"), 0, kind),
                                     table("u", "c", "d"), {{1}, {0}}, {0}, 10))
                    .empty());
  }
}

TEST(SharedFilters, CrossTheTwoPhasesOfAnAggregate) {
  PlanNode states = build_aggregate(large("t", "a", "b"), {1}, {count_rows()}, 1e5);
  states.as<AggregateSpec>()->phase = AggregatePhase::kPartial;
  PlanNode groups = build_aggregate(redistributed(std::move(states), 0, 0), {0},
                                    {{AggregateFunction::kCountStar, 1, kInt8}}, 1e5);
  groups.as<AggregateSpec>()->phase = AggregatePhase::kFinal;
  EXPECT_EQ(shared_of(build_join(std::move(groups), table("u", "c", "d"), {{0}, {0}}, {0}, 10)),
            Texts{"t (b = c)"});
}

TEST(SharedFilters, AScanOfTheSameFragmentHasItsOwn) {
  EXPECT_TRUE(shared_of(build_join(large("t", "a", "b"), table("u", "c", "d"), {{1}, {0}}, {0}, 10))
                  .empty());
}

TEST(SharedFilters, OneSetServesEveryScanThatItReaches) {
  PlanNode below = build_join(redistributed(large("t", "a", "b"), 0, 0),
                              redistributed(large("u", "c", "d"), 1, 0), {{0}, {0}}, {0, 3}, 1e6);
  const PlanNode join = build_join(std::move(below), table("v", "e", "f"), {{0}, {0}}, {0}, 10);
  EXPECT_EQ(shared_of(join), (Texts{"t (a = e)", "u (c = e)"}));
  EXPECT_EQ(shared_filters(join).size(), 1U);
}

TEST(SharedFilters, GoThroughSeveralRedistributions) {
  PlanNode below = build_join(redistributed(large("t", "a", "b"), 0, 0),
                              redistributed(table("u", "c", "d"), 1, 0), {{0}, {0}}, {1}, 1e6);
  EXPECT_EQ(shared_of(build_join(redistributed(std::move(below), 2, 0),
                                 redistributed(table("v", "e", "f"), 3, 0), {{0}, {0}}, {0}, 10)),
            (Texts{"t (b = e)", "t (a = c)"}));
}

TEST(SharedFilters, EveryKeyOfAJoinHasASet) {
  const PlanNode join =
      build_join(redistributed(large("t", "a", "b"), 0, 0),
                 redistributed(table("u", "c", "d"), 1, 0), {{0, 1}, {0, 1}}, {0}, 10);
  EXPECT_EQ(shared_of(join), (Texts{"t (a = c)", "t (b = d)"}));
  EXPECT_EQ(shared_filters(join).size(), 2U);
}

TEST(SharedFilters, BuildSidesThatAreLargeBesideTheProbeSideAreLeftOut) {
  const auto filters = [](double build_rows) {
    PlanNode build = build_scan("u", {{"c", kInt4}}, build_rows);
    return shared_filters(build_join(redistributed(large("t", "a", "b"), 0, 0),
                                     redistributed(std::move(build), 1, 0), {{0}, {0}}, {0}, 10));
  };
  EXPECT_TRUE(filters(600'000).empty());
  ASSERT_EQ(filters(400'000).size(), 1U);
  EXPECT_EQ(filters(400'000)[0].words, 80'000U);
}

TEST(SharedFilters, JoinsThatKeepUnmatchedProbeRowsHaveNone) {
  for (const JoinType type : {JoinType::kLeft, JoinType::kFull, JoinType::kAnti}) {
    EXPECT_TRUE(
        shared_of(build_join(redistributed(large("t", "a", "b"), 0, 0),
                             redistributed(table("u", "c", "d"), 1, 0), {{0}, {0}}, {0}, 10, type))
            .empty());
  }
}

}  // namespace
}  // namespace sluice::plan
