// Random valid one-process plans over integer tables, for tests. The same seed gives the same plan.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan_builder.h"

namespace sluice::plan {

/// The definition of RandomPlan's foreign aggregates.
inline const std::string kForeignTotal("total\0", 6);

class RandomPlan {
 public:
  explicit RandomPlan(std::uint64_t seed) : random_(seed) {}

  /// Shape: a limit stands at the root only, and a top-K sorts by all columns, so that the rows of
  ///        every other node do not depend on the order of its input's.
  [[nodiscard]] PlanSpec make() {
    PlanNode root = node(1 + below(5), true);
    if (below(4) == 0) {
      root = build_limit(std::move(root), below(20));
    }
    return build_plan(std::move(root));
  }

  [[nodiscard]] std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_() % bound);
  }

 private:
  [[nodiscard]] double rows() { return std::exp2(below(24)); }

  [[nodiscard]] std::uint32_t any_column(const PlanNode& node) {
    return below(static_cast<std::uint32_t>(node.output.size()));
  }

  /// A node above `levels` others; `at_root` says that no join is above it.
  [[nodiscard]] PlanNode node(std::uint32_t levels, bool at_root) {
    if (levels == 0) {
      return scan();
    }
    switch (below(8)) {
      case 0:
        return filter(node(levels - 1, at_root));
      case 1:
        return project(node(levels - 1, at_root));
      case 2:
      case 3:
        return aggregate(node(levels - 1, at_root), at_root);
      case 4:
        return at_root || below(8) == 0 ? top_k(node(levels - 1, at_root)) : scan();
      default:
        return join(node(levels - 1, false), node(below(levels), false));
    }
  }

  [[nodiscard]] PlanNode scan() {
    std::vector<NamedType> columns(2 + below(3), NamedType{"c", kInt4});
    if (below(6) == 0) {
      return build_plan_input(plan_inputs_++, columns, rows());
    }
    PlanNode node = build_scan("t", columns, rows());
    auto& spec = *node.as<ScanSpec>();
    spec.relation = below(kMadeUpTables);
    if (below(2) == 0) {
      spec.filters.push_back(condition(node));
    }
    return node;
  }

  /// A column plus a number where the column has int4, else the column as it is.
  [[nodiscard]] Expr value(const PlanNode& input) {
    const std::uint32_t column = any_column(input);
    Expr expr = column_of(column, input.output[column]);
    if (expr.type != kInt4 || below(2) == 0) {
      return expr;
    }
    return Expr::make_call(Op::kAdd, kInt4, {std::move(expr), Expr::make_integer(below(5), kInt4)});
  }

  [[nodiscard]] Expr condition(const PlanNode& input) {
    Expr left = value(input);
    const DataType type = left.type;
    constexpr Op kOps[] = {Op::kNotEqual, Op::kLess, Op::kGreaterEqual};
    Expr test = compare(kOps[below(3)], left, Expr::make_integer(below(10), type));
    if (below(3) == 0) {
      Expr null = Expr::make_call(Op::kIsNull, kBool, {std::move(left)});
      test = Expr::make_call(Op::kOr, kBool, {std::move(test), std::move(null)});
    }
    return test;
  }

  [[nodiscard]] PlanNode filter(PlanNode input) {
    Expr test = condition(input);
    const double estimate = input.rows_estimated / 2;
    return build_filter(std::move(input), std::move(test), estimate);
  }

  [[nodiscard]] PlanNode project(PlanNode input) {
    std::vector<Expr> exprs;
    for (std::uint32_t i = 1 + below(4); i > 0; --i) {
      exprs.push_back(value(input));
    }
    return build_project(std::move(input), std::move(exprs));
  }

  [[nodiscard]] AggregateCall call(const PlanNode& input) {
    const std::uint32_t column = any_column(input);
    const DataType type = input.output[column];
    switch (below(6)) {
      case 0:
        return {AggregateFunction::kCountStar, 0, kInt8};
      case 4:
        return foreign_total(input);
      case 1:
        return {AggregateFunction::kCount, column, kInt8};
      case 2:
        return {AggregateFunction::kMin, column, type};
      case 3:
        return {AggregateFunction::kMax, column, type};
      default:
        return {AggregateFunction::kSum, column, type == kInt4 ? kInt8 : DataType::decimal(38, 0)};
    }
  }

  /// The number of rows plus the sum of their arguments (engine/test_foreign_total.h).
  [[nodiscard]] AggregateCall foreign_total(const PlanNode& input) {
    AggregateCall call{AggregateFunction::kForeign, 0, kInt8};
    call.foreign.definition = kForeignTotal;
    call.foreign.keeps_rows = below(2) == 0;
    for (std::uint32_t i = below(3); i > 0; --i) {
      call.foreign.arguments.push_back(any_column(input));
    }
    return call;
  }

  [[nodiscard]] PlanNode aggregate(PlanNode input, bool at_root) {
    std::vector<std::uint32_t> keys;
    for (std::uint32_t i = below(3) + (at_root ? 0 : 1); i > 0; --i) {
      keys.push_back(any_column(input));
    }
    std::vector<AggregateCall> calls;
    for (std::uint32_t i = below(3) + (keys.empty() ? 1 : 0); i > 0; --i) {
      calls.push_back(call(input));
    }
    const double groups = keys.empty() ? 1 : rows();
    return build_aggregate(std::move(input), std::move(keys), std::move(calls), groups);
  }

  [[nodiscard]] PlanNode top_k(PlanNode input) {
    std::vector<std::uint32_t> order(input.output.size());
    std::iota(order.begin(), order.end(), 0U);
    std::shuffle(order.begin(), order.end(), random_);
    std::vector<SortKey> keys;
    keys.reserve(order.size());
    for (const std::uint32_t column : order) {
      keys.push_back({column, below(2) == 0, below(2) == 0});
    }
    return build_top_k(std::move(input), std::move(keys), below(20));
  }

  /// Of one or two pairs of columns with one type; the probe side alone where there is none.
  [[nodiscard]] PlanNode join(PlanNode probe, PlanNode build) {
    JoinKeys keys;
    for (std::uint32_t i = 1 + below(2); i > 0; --i) {
      const std::uint32_t left = any_column(probe);
      const std::uint32_t right = any_column(build);
      if (same_representation(probe.output[left], build.output[right])) {
        keys.probe.push_back(left);
        keys.build.push_back(right);
      }
    }
    if (keys.probe.empty()) {
      return probe;
    }
    const JoinType type = below(2) == 0 ? JoinType::kInner : static_cast<JoinType>(below(8));
    const auto columns = static_cast<std::uint32_t>(
        probe.output.size() + (only_tests_probe(type) ? 0 : build.output.size()));
    const auto first = static_cast<std::uint32_t>(only_tests_build(type) ? probe.output.size() : 0);
    std::vector<std::uint32_t> outputs;
    for (std::uint32_t i = 1 + below(5); i > 0; --i) {
      outputs.push_back(first + below(columns - first));
    }
    return build_join(std::move(probe), std::move(build), std::move(keys), std::move(outputs),
                      rows(), type);
  }

  std::mt19937_64 random_;
  std::uint32_t plan_inputs_ = 0;
};

}  // namespace sluice::plan
