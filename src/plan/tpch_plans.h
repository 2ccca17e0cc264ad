// Plans of TPC-H queries as lowering hands them to EnforceDsmShuffle, with the row counts of scale
// factor 1; for tests.
#pragma once

#include <utility>

#include "plan/plan_builder.h"

namespace sluice::plan {

[[nodiscard]] inline Expr date_constant(std::int64_t day) { return Expr::make_integer(day, kDate); }

[[nodiscard]] inline Expr text_constant(const char* text, DataType type) {
  return Expr::make_bytes(text, type);
}

/// price * (1 - discount)
[[nodiscard]] inline Expr revenue(std::uint32_t price, std::uint32_t discount) {
  Expr one_minus = Expr::make_call(
      Op::kSubtract, DataType::decimal(16, 2),
      {Expr::make_integer(100, DataType::decimal(3, 2)), column_of(discount, kMoney)});
  return Expr::make_call(Op::kMultiply, DataType::decimal(31, 4),
                         {column_of(price, kMoney), std::move(one_minus)});
}

[[nodiscard]] inline AggregateCall sum_of(std::uint32_t column, int scale) {
  return {AggregateFunction::kSum, column, DataType::decimal(38, scale)};
}

[[nodiscard]] inline AggregateCall count_rows() {
  return {AggregateFunction::kCountStar, 0, kInt8};
}

[[nodiscard]] inline PlanSpec tpch_q1() {
  PlanNode lineitem =
      build_scan("lineitem",
                 {{"l_returnflag", kBpchar},
                  {"l_linestatus", kBpchar},
                  {"l_quantity", kMoney},
                  {"l_extendedprice", kMoney},
                  {"l_discount", kMoney},
                  {"l_shipdate", kDate}},
                 5900000, {compare(Op::kLessEqual, column_of(5, kDate), date_constant(-486))});
  PlanNode project = build_project(
      std::move(lineitem), {column_of(0, kBpchar), column_of(1, kBpchar), column_of(2, kMoney),
                            column_of(3, kMoney), revenue(3, 4)});
  return build_plan(build_aggregate(std::move(project), {0, 1},
                                    {sum_of(2, 2), sum_of(3, 2), sum_of(4, 4), count_rows()}, 6));
}

[[nodiscard]] inline PlanNode orders_of_customers() {
  PlanNode customer =
      build_scan("customer", {{"c_custkey", kInt4}, {"c_mktsegment", kBpchar}}, 30000,
                 {compare(Op::kEqual, column_of(1, kBpchar), text_constant("BUILDING", kBpchar))});
  PlanNode orders = build_scan(
      "orders",
      {{"o_orderkey", kInt8}, {"o_custkey", kInt4}, {"o_orderdate", kDate}, {"o_prio", kInt4}},
      727000, {compare(Op::kLess, column_of(2, kDate), date_constant(-1753))});
  return build_join(std::move(orders), std::move(customer), {{1}, {0}}, {0, 2, 3}, 145000);
}

[[nodiscard]] inline PlanNode lineitem_prices(double rows) {
  return build_scan("lineitem",
                    {{"l_orderkey", kInt8},
                     {"l_suppkey", kInt4},
                     {"l_extendedprice", kMoney},
                     {"l_discount", kMoney},
                     {"l_shipdate", kDate}},
                    rows, {compare(Op::kGreater, column_of(4, kDate), date_constant(-1753))});
}

[[nodiscard]] inline PlanSpec tpch_q3() {
  PlanNode join = build_join(lineitem_prices(3240000), orders_of_customers(), {{0}, {0}},
                             {0, 2, 3, 6, 7}, 314000);
  PlanNode project = build_project(std::move(join), {column_of(0, kInt8), column_of(3, kDate),
                                                     column_of(4, kInt4), revenue(1, 2)});
  PlanNode groups = build_aggregate(std::move(project), {0, 1, 2}, {sum_of(3, 4)}, 120000);
  return build_plan(build_top_k(std::move(groups), {{3, true, true}, {1, false, false}}, 10));
}

[[nodiscard]] inline PlanSpec tpch_q5() {
  PlanNode region = build_scan("region", {{"r_regionkey", kInt4}}, 1);
  PlanNode nation = build_scan(
      "nation", {{"n_nationkey", kInt4}, {"n_name", kBpchar}, {"n_regionkey", kInt4}}, 25);
  PlanNode asia = build_join(std::move(nation), std::move(region), {{2}, {0}}, {0, 1}, 5);
  PlanNode supplier = build_scan("supplier", {{"s_suppkey", kInt4}, {"s_nationkey", kInt4}}, 10000);
  PlanNode suppliers =
      build_join(std::move(supplier), std::move(asia), {{1}, {0}}, {0, 1, 3}, 2000);
  PlanNode customer =
      build_scan("customer", {{"c_custkey", kInt4}, {"c_nationkey", kInt4}}, 150000);
  PlanNode orders = build_scan("orders", {{"o_orderkey", kInt8}, {"o_custkey", kInt4}}, 227000);
  PlanNode bought = build_join(std::move(orders), std::move(customer), {{1}, {0}}, {0, 3}, 227000);
  PlanNode lines =
      build_join(lineitem_prices(6000000), std::move(bought), {{0}, {0}}, {1, 2, 3, 6}, 910000);
  PlanNode joined =
      build_join(std::move(lines), std::move(suppliers), {{0, 3}, {0, 1}}, {1, 2, 6}, 7300);
  PlanNode project = build_project(std::move(joined), {column_of(2, kBpchar), revenue(0, 1)});
  return build_plan(build_aggregate(std::move(project), {0}, {sum_of(1, 4)}, 5));
}

[[nodiscard]] inline PlanSpec tpch_q6() {
  PlanNode lineitem = build_scan(
      "lineitem", {{"l_quantity", kMoney}, {"l_extendedprice", kMoney}, {"l_discount", kMoney}},
      114000,
      {compare(Op::kLess, column_of(0, kMoney),
               Expr::make_integer(2400, DataType::decimal(4, 2)))});
  PlanNode project = build_project(std::move(lineitem),
                                   {Expr::make_call(Op::kMultiply, DataType::decimal(30, 4),
                                                    {column_of(1, kMoney), column_of(2, kMoney)})});
  return build_plan(build_aggregate(std::move(project), {}, {sum_of(0, 4)}, 1));
}

}  // namespace sluice::plan
