// Builds plan trees by hand, for tests. Every function derives the node's output types, so that a
// wrong tree fails where it is written down.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan_spec.h"

namespace sluice::plan {

inline constexpr DataType kBool = DataType::of(TypeKind::kBool);
inline constexpr DataType kInt2 = DataType::of(TypeKind::kInt16);
inline constexpr DataType kInt4 = DataType::of(TypeKind::kInt32);
inline constexpr DataType kInt8 = DataType::of(TypeKind::kInt64);
inline constexpr DataType kFloat8 = DataType::of(TypeKind::kFloat64);
inline constexpr DataType kDate = DataType::of(TypeKind::kDate);
inline constexpr DataType kTimestamp = DataType::of(TypeKind::kTimestamp);
inline constexpr DataType kText = DataType::of(TypeKind::kText);
inline constexpr DataType kBpchar = DataType::of(TypeKind::kBpchar);
inline constexpr DataType kMoney = DataType::decimal(15, 2);

[[nodiscard]] inline PlanNode build_node(NodeSpec spec, std::vector<PlanNode> inputs, double rows) {
  PlanNode node;
  node.spec = std::move(spec);
  node.inputs = std::move(inputs);
  node.output = derive_output(node);
  node.rows_estimated = rows;
  return node;
}

[[nodiscard]] inline std::vector<PlanNode> one_input(PlanNode input) {
  std::vector<PlanNode> inputs;
  inputs.push_back(std::move(input));
  return inputs;
}

struct NamedType {
  const char* name;
  DataType type;
};

/// Reads all `columns`, whose attributes are numbered from 1, and shows them all.
[[nodiscard]] inline PlanNode build_scan(const char* name, const std::vector<NamedType>& columns,
                                         double rows, std::vector<Expr> filters = {}) {
  ScanSpec scan;
  scan.relation = 16384;
  scan.range_index = 1;
  scan.name = name;
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    scan.columns.push_back({static_cast<std::int16_t>(i + 1), columns[i].type, columns[i].name});
    scan.outputs.push_back(i);
  }
  scan.filters = std::move(filters);
  return build_node(std::move(scan), {}, rows);
}

/// Tables of tests that have rows without a word about them; plan inputs have theirs in turn.
inline constexpr std::uint32_t kMadeUpTables = 4;

/// Hands on all `columns` of plan input `number`.
[[nodiscard]] inline PlanNode build_plan_input(std::uint32_t number,
                                               const std::vector<NamedType>& columns, double rows) {
  PlanInputSpec input;
  input.number = number;
  input.name = "CTE Scan";
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    input.columns.push_back({static_cast<std::int16_t>(i + 1), columns[i].type, columns[i].name});
  }
  return build_node(std::move(input), {}, rows);
}

[[nodiscard]] inline PlanNode build_filter(PlanNode input, Expr conjunct, double rows) {
  FilterSpec filter;
  filter.conjuncts.push_back(std::move(conjunct));
  return build_node(std::move(filter), one_input(std::move(input)), rows);
}

[[nodiscard]] inline PlanNode build_project(PlanNode input, std::vector<Expr> exprs) {
  const double rows = input.rows_estimated;
  return build_node(ProjectSpec{std::move(exprs)}, one_input(std::move(input)), rows);
}

struct JoinKeys {
  std::vector<std::uint32_t> probe;
  std::vector<std::uint32_t> build;
};

[[nodiscard]] inline PlanNode build_join(PlanNode probe, PlanNode build, JoinKeys keys,
                                         std::vector<std::uint32_t> outputs, double rows,
                                         JoinType type = JoinType::kInner) {
  HashJoinSpec join;
  join.type = type;
  join.probe_keys = std::move(keys.probe);
  join.build_keys = std::move(keys.build);
  join.outputs = std::move(outputs);
  std::vector<PlanNode> inputs = one_input(std::move(probe));
  inputs.push_back(std::move(build));
  return build_node(std::move(join), std::move(inputs), rows);
}

[[nodiscard]] inline PlanNode build_aggregate(PlanNode input, std::vector<std::uint32_t> keys,
                                              std::vector<AggregateCall> calls, double rows) {
  AggregateSpec aggregate;
  aggregate.group_keys = std::move(keys);
  aggregate.calls = std::move(calls);
  return build_node(std::move(aggregate), one_input(std::move(input)), rows);
}

/// A foreign call named "name".
[[nodiscard]] inline AggregateCall foreign_call(std::vector<std::uint32_t> arguments,
                                                DataType result) {
  AggregateCall call{AggregateFunction::kForeign, 0, result};
  call.foreign.definition = std::string("name\0text", 9);
  call.foreign.arguments = std::move(arguments);
  return call;
}

[[nodiscard]] inline PlanNode build_top_k(PlanNode input, std::vector<SortKey> keys,
                                          std::uint64_t limit) {
  const double rows = std::min(input.rows_estimated, static_cast<double>(limit));
  return build_node(TopKSpec{std::move(keys), limit}, one_input(std::move(input)), rows);
}

[[nodiscard]] inline PlanNode build_limit(PlanNode input, std::uint64_t limit) {
  const double rows = std::min(input.rows_estimated, static_cast<double>(limit));
  return build_node(LimitSpec{limit}, one_input(std::move(input)), rows);
}

[[nodiscard]] inline PlanNode build_exchange(PlanNode input, std::uint16_t stream,
                                             ExchangeKind kind,
                                             std::vector<std::uint32_t> keys = {}) {
  const double rows = input.rows_estimated;
  return build_node(ExchangeSpec{StreamId(stream), kind, std::move(keys)},
                    one_input(std::move(input)), rows);
}

[[nodiscard]] inline PlanSpec build_plan(PlanNode root) {
  PlanSpec plan;
  plan.root = std::move(root);
  number_nodes(plan);
  return plan;
}

[[nodiscard]] inline Expr column_of(std::uint32_t column, DataType type) {
  return Expr::make_column(column, type);
}

[[nodiscard]] inline Expr compare(Op op, Expr left, Expr right) {
  return Expr::make_call(op, kBool, {std::move(left), std::move(right)});
}

}  // namespace sluice::plan
