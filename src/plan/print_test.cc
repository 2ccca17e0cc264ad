#include "plan/print.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "plan/enforce_dsm_shuffle.h"
#include "plan/tpch_plans.h"

namespace sluice::plan {
namespace {

PlanSpec distributed(const PlanSpec& plan) {
  ShuffleOptions options;
  options.seats = 3;
  options.broadcast_bytes_max = 0;
  return enforce_dsm_shuffle(plan, options);
}

TEST(Print, ShowsTheWholeTreeWithItsConditions) {
  EXPECT_EQ("\n" + to_string(distributed(tpch_q3())), R"(
Top-K  [Sort Key: sum((l_extendedprice * (1.00 - l_discount))) DESC, o_orderdate; Rows: 10]
  Exchange Gather stream 0
    Top-K  [Sort Key: sum((l_extendedprice * (1.00 - l_discount))) DESC, o_orderdate; Rows: 10]
      HashAggregate  [Group Key: l_orderkey, o_orderdate, o_prio; Aggregates: sum((l_extendedprice * (1.00 - l_discount)))]
        Project  [Output: l_orderkey, o_orderdate, o_prio, (l_extendedprice * (1.00 - l_discount))]
          Hash Join  [Hash Cond: (l_orderkey = o_orderkey)]
            Exchange Redistribute stream 1  [Hash Key: l_orderkey]
              Seq Scan on lineitem  [Filter: (l_shipdate > '1995-03-15'::date)]
            Exchange Redistribute stream 2  [Hash Key: o_orderkey]
              Hash Join  [Hash Cond: (o_custkey = c_custkey)]
                Exchange Redistribute stream 3  [Hash Key: o_custkey]
                  Seq Scan on orders  [Filter: (o_orderdate < '1995-03-15'::date)]
                Exchange Redistribute stream 4  [Hash Key: c_custkey]
                  Seq Scan on customer  [Filter: (c_mktsegment = 'BUILDING'::bpchar)]
)");
}

TEST(Print, PlanInputsAreCountedFromOneAndNamedAfterTheirNode) {
  const PlanNode input = build_plan_input(1, {{"a", kInt4}, {"b", kText}}, 10);
  EXPECT_EQ(describe(input), "Plan Input 2: CTE Scan");
  EXPECT_EQ(operator_name(input), "Plan Input");
  EXPECT_EQ(column_names(input), (std::vector<std::string>{"a", "b"}));
}

TEST(Print, FinalColumnsAreNamedAfterTheCallsOfThePartialAggregate) {
  const PlanSpec plan = distributed(tpch_q1());
  EXPECT_EQ(operator_name(plan.root), "Final HashAggregate");
  EXPECT_EQ(column_names(plan.root),
            (std::vector<std::string>{"l_returnflag", "l_linestatus", "sum(l_quantity)",
                                      "sum(l_extendedprice)",
                                      "sum((l_extendedprice * (1.00 - l_discount)))", "count(*)"}));
}

TEST(Print, ForeignAggregatesAreShownAsCalls) {
  AggregateCall call = foreign_call({1, 0}, kText);
  call.foreign.filter = 2;
  const PlanNode node = build_aggregate(
      build_scan("t", {{"a", kInt4}, {"b", kInt4}, {"c", kBool}}, 1), {}, {call}, 1);
  EXPECT_EQ(describe(node), "Aggregate  [Aggregates: name(b, a) FILTER (WHERE c)]");
  call = foreign_call({0}, kText);
  call.foreign.definition.insert(4, "(DISTINCT ");
  const PlanNode distinct = build_aggregate(build_scan("t", {{"a", kInt4}}, 1), {}, {call}, 1);
  EXPECT_EQ(describe(distinct), "Aggregate  [Aggregates: name(DISTINCT a)]");
}

TEST(Print, SortKeysShowOnlyWhatIsNotTheDefault) {
  PlanNode top_k =
      build_top_k(build_scan("t", {{"a", kInt4}}, 1),
                  {{0, false, false}, {0, false, true}, {0, true, true}, {0, true, false}}, 3);
  EXPECT_EQ(details(top_k)[0].text, "a, a NULLS FIRST, a DESC, a DESC NULLS LAST");
}

TEST(Print, NamesOfNestedProjectionsStayShort) {
  PlanNode node = build_scan("t", {{"a", kInt4}}, 1);
  for (int i = 0; i < 60; ++i) {
    node = build_project(
        std::move(node),
        {Expr::make_call(Op::kAdd, kInt4, {column_of(0, kInt4), column_of(0, kInt4)})});
  }
  EXPECT_LE(column_names(node)[0].size(), 200U);
}

TEST(Print, NamesAreCutBetweenCharacters) {
  for (const char* name : {"€", "a€", "aa€"}) {
    PlanNode node = build_scan("t", {{name, kInt4}}, 1);
    for (int i = 0; i < 8; ++i) {
      node = build_project(
          std::move(node),
          {Expr::make_call(Op::kAdd, kInt4, {column_of(0, kInt4), column_of(0, kInt4)})});
    }
    std::string shown = column_names(node)[0];
    EXPECT_GT(shown.size(), 190U);
    for (std::size_t at = shown.find("€"); at != std::string::npos; at = shown.find("€")) {
      shown.erase(at, 3);
    }
    EXPECT_TRUE(std::ranges::all_of(shown, [](char c) { return (c & 0x80) == 0; })) << shown;
  }
}

}  // namespace
}  // namespace sluice::plan
