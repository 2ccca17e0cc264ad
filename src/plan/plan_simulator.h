// Runs a plan over small made-up tables, seat by seat and without any engine, for tests: what a
// distributed plan must give is what its one-process plan gives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "plan/plan_builder.h"
#include "plan/plan_spec.h"
#include "plan/simulated_value.h"

namespace sluice::plan {

/// Shape: integer columns; the operators and expressions that RandomPlan makes.
class PlanSimulator {
 public:
  PlanSimulator(const PlanSpec& plan, std::uint32_t computing_seats)
      : plan_(plan), seats_(plan.distributed ? computing_seats : 1) {}

  /// What the leader hands to the client.
  [[nodiscard]] SimulatedRows run() { return evaluate(plan_.root, 0); }

 private:
  static constexpr std::uint32_t kTableRows = 60;

  [[nodiscard]] SimulatedRows evaluate(const PlanNode& node, std::uint32_t seat) {
    if (const auto* scan = node.as<ScanSpec>()) {
      return scan_rows(*scan, seat);
    }
    if (const auto* input = node.as<PlanInputSpec>()) {
      return input_rows(*input, seat);
    }
    if (const auto* exchange = node.as<ExchangeSpec>()) {
      return exchanged(node, *exchange, seat);
    }
    SimulatedRows input = evaluate(node.inputs[0], seat);
    if (node.as<HashJoinSpec>() != nullptr) {
      return joined(node, input, evaluate(node.inputs[1], seat));
    }
    if (const auto* filter = node.as<FilterSpec>()) {
      return filtered(filter->conjuncts, std::move(input));
    }
    if (const auto* project = node.as<ProjectSpec>()) {
      return projected(*project, input);
    }
    if (const auto* aggregate = node.as<AggregateSpec>()) {
      return aggregated(*aggregate, input);
    }
    return first_rows(node, std::move(input));
  }

  /// Rows are claimed by seats in no order that a plan could rely on.
  [[nodiscard]] SimulatedRows scan_rows(const ScanSpec& scan, std::uint32_t seat) const {
    SimulatedRows rows;
    for (std::uint32_t i = 0; i < kTableRows; ++i) {
      if (mixed(i + scan.relation * 1000) % seats_ == seat) {
        rows.push_back(made_up_row(i, scan.columns.size(), scan.relation));
      }
    }
    return filtered(scan.filters, std::move(rows));
  }

  [[nodiscard]] static SimulatedRows input_rows(const PlanInputSpec& input, std::uint32_t seat) {
    SimulatedRows rows;
    for (std::uint32_t i = 0; i < kTableRows && seat == 0; ++i) {
      rows.push_back(made_up_row(i, input.columns.size(), input.number % kMadeUpTables));
    }
    return rows;
  }

  [[nodiscard]] static SimulatedRow made_up_row(std::uint32_t number, std::size_t columns,
                                                std::uint32_t salt) {
    SimulatedRow row;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::uint64_t word = mixed(std::uint64_t{number} * 64 + c * 8 + salt);
      row.push_back(word % 7 == 0 ? SimulatedValue() : SimulatedValue(word / 7 % 9));
    }
    return row;
  }

  [[nodiscard]] SimulatedRows exchanged(const PlanNode& node, const ExchangeSpec& exchange,
                                        std::uint32_t seat) {
    auto [sent, first] = sent_.try_emplace(exchange.stream.value());
    if (first) {
      SimulatedRows all;
      for (std::uint32_t producer = 0; producer < seats_; ++producer) {
        for (SimulatedRow& row : evaluate(node.inputs[0], producer)) {
          all.push_back(std::move(row));
        }
      }
      sent_[exchange.stream.value()] = std::move(all);
    }
    SimulatedRows received;
    for (const SimulatedRow& row : sent_[exchange.stream.value()]) {
      if (exchange.kind != ExchangeKind::kRedistribute ||
          partition_of(row, exchange.keys) % seats_ == seat) {
        received.push_back(row);
      }
    }
    return received;
  }

  [[nodiscard]] std::uint64_t partition_of(const SimulatedRow& row,
                                           const std::vector<std::uint32_t>& keys) const {
    std::uint64_t hash = 0;
    for (const std::uint32_t key : keys) {
      hash = mixed(hash + (row[key].has_value() ? static_cast<std::uint64_t>(*row[key]) : ~0ULL));
    }
    return hash % plan_.partition_count;
  }

  [[nodiscard]] static std::uint64_t mixed(std::uint64_t word) noexcept {
    word = (word + 1) * 0x9E3779B97F4A7C15;
    return (word ^ word >> 29) * 0xBF58476D1CE4E5B9 >> 20;
  }

  [[nodiscard]] static bool keys_match(const HashJoinSpec& join, const SimulatedRow& probe,
                                       const SimulatedRow& build) {
    for (std::size_t k = 0; k < join.probe_keys.size(); ++k) {
      const SimulatedValue& key = probe[join.probe_keys[k]];
      if (!key.has_value() || key != build[join.build_keys[k]]) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] static SimulatedRow joined_row(const HashJoinSpec& join, SimulatedRow probe,
                                               const SimulatedRow& build) {
    probe.insert(probe.end(), build.begin(), build.end());
    SimulatedRow row;
    for (const std::uint32_t output : join.outputs) {
      row.push_back(probe[output]);
    }
    return row;
  }

  [[nodiscard]] static SimulatedRows joined(const PlanNode& node, const SimulatedRows& probe,
                                            const SimulatedRows& build) {
    const HashJoinSpec& join = *node.as<HashJoinSpec>();
    const SimulatedRow no_probe(node.inputs[0].output.size());
    const SimulatedRow no_build(node.inputs[1].output.size());
    std::vector<bool> build_matched(build.size(), false);
    SimulatedRows rows;
    for (const SimulatedRow& left : probe) {
      bool matched = false;
      for (std::size_t i = 0; i < build.size(); ++i) {
        if (!keys_match(join, left, build[i])) {
          continue;
        }
        if (!only_tests_probe(join.type) && !only_tests_build(join.type)) {
          rows.push_back(joined_row(join, left, build[i]));
        }
        matched = true;
        build_matched[i] = true;
      }
      if (matched ? join.type == JoinType::kSemi
                  : extends_probe(join.type) || join.type == JoinType::kAnti) {
        rows.push_back(joined_row(join, left, no_build));
      }
    }
    for (std::size_t i = 0; i < build.size() && keeps_build(join.type); ++i) {
      if (build_matched[i] == (join.type == JoinType::kRightSemi)) {
        rows.push_back(joined_row(join, no_probe, build[i]));
      }
    }
    return rows;
  }

  [[nodiscard]] static SimulatedRows filtered(const std::vector<Expr>& conjuncts,
                                              SimulatedRows rows) {
    std::erase_if(rows, [&conjuncts](const SimulatedRow& row) {
      return std::any_of(conjuncts.begin(), conjuncts.end(), [&row](const Expr& conjunct) {
        return simulated_value(conjunct, row).value_or(0) == 0;
      });
    });
    return rows;
  }

  [[nodiscard]] static SimulatedRows projected(const ProjectSpec& project,
                                               const SimulatedRows& input) {
    SimulatedRows rows;
    for (const SimulatedRow& row : input) {
      SimulatedRow values;
      for (const Expr& expr : project.exprs) {
        values.push_back(simulated_value(expr, row));
      }
      rows.push_back(std::move(values));
    }
    return rows;
  }

  [[nodiscard]] static SimulatedRows aggregated(const AggregateSpec& aggregate,
                                                const SimulatedRows& input) {
    std::map<SimulatedRow, SimulatedRow> groups;
    if (aggregate.group_keys.empty()) {
      groups[{}] = empty_state(aggregate);
    }
    for (const SimulatedRow& row : input) {
      SimulatedRow key;
      for (const std::uint32_t column : aggregate.group_keys) {
        key.push_back(row[column]);
      }
      SimulatedRow& state = groups.try_emplace(key, empty_state(aggregate)).first->second;
      for (std::size_t c = 0; c < aggregate.calls.size(); ++c) {
        add(aggregate.calls[c], aggregate.phase, row, state[c]);
      }
    }
    SimulatedRows rows;
    for (auto& [key, state] : groups) {
      SimulatedRow row = key;
      row.insert(row.end(), state.begin(), state.end());
      rows.push_back(std::move(row));
    }
    return rows;
  }

  [[nodiscard]] static bool counts(AggregateFunction function) noexcept {
    return function == AggregateFunction::kCountStar || function == AggregateFunction::kCount;
  }

  [[nodiscard]] static SimulatedRow empty_state(const AggregateSpec& aggregate) {
    SimulatedRow state;
    for (const AggregateCall& call : aggregate.calls) {
      const bool zero = counts(call.function) || is_foreign(call) ||
                        call.function == AggregateFunction::kTotalCount;
      state.push_back(zero ? SimulatedValue(0) : std::nullopt);
    }
    return state;
  }

  static void add(const AggregateCall& call, AggregatePhase phase, const SimulatedRow& row,
                  SimulatedValue& state) {
    if (is_foreign(call)) {
      state = *state + 1;
      for (const std::uint32_t argument : call.foreign.arguments) {
        state = *state + row[argument].value_or(0);
      }
      return;
    }
    const bool combines = phase == AggregatePhase::kFinal;
    const SimulatedValue arg =
        call.function == AggregateFunction::kCountStar && !combines ? 1 : row[call.column];
    if (!arg.has_value()) {
      return;
    }
    if (counts(call.function) && !combines) {
      state = *state + 1;
    } else if (!state.has_value()) {
      state = arg;
    } else if (call.function == AggregateFunction::kMin) {
      state = std::min(*state, *arg);
    } else if (call.function == AggregateFunction::kMax) {
      state = std::max(*state, *arg);
    } else {
      state = *state + *arg;
    }
  }

  [[nodiscard]] static SimulatedRows first_rows(const PlanNode& node, SimulatedRows rows) {
    std::uint64_t limit = 0;
    if (const auto* top_k = node.as<TopKSpec>()) {
      limit = top_k->limit;
      std::stable_sort(rows.begin(), rows.end(),
                       [top_k](const SimulatedRow& a, const SimulatedRow& b) {
                         return comes_before(*top_k, a, b);
                       });
    } else {
      limit = node.as<LimitSpec>()->limit;
    }
    rows.resize(std::min<std::size_t>(rows.size(), limit));
    return rows;
  }

  [[nodiscard]] static bool comes_before(const TopKSpec& top_k, const SimulatedRow& a,
                                         const SimulatedRow& b) {
    for (const SortKey& key : top_k.keys) {
      const SimulatedValue& left = a[key.column];
      const SimulatedValue& right = b[key.column];
      if (left != right && left.has_value() && right.has_value()) {
        return key.descending ? *left > *right : *left < *right;
      }
      if (left != right) {
        return left.has_value() != key.nulls_first;
      }
    }
    return false;
  }

  const PlanSpec& plan_;
  std::uint32_t seats_;
  std::map<std::uint16_t, SimulatedRows> sent_;
};

}  // namespace sluice::plan
