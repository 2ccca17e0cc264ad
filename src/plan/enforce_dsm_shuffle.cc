#include "plan/enforce_dsm_shuffle.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "plan/aggregate_distribution.h"
#include "plan/join_distribution.h"

namespace sluice::plan {

namespace {

// Of every kRedistribute: enough that seats get even shares, and one a seat at least.
constexpr std::uint16_t kPartitionCount = 64;
static_assert(kPartitionCount >= base::kSeatsMax);

bool is_one_process(const PlanNode& node) {
  const auto* aggregate = node.as<AggregateSpec>();
  if (node.as<ExchangeSpec>() != nullptr ||
      (aggregate != nullptr && aggregate->phase != AggregatePhase::kSingle)) {
    return false;
  }
  return std::all_of(node.inputs.begin(), node.inputs.end(), is_one_process);
}

/// A float8 sum depends on the order of its rows, and some foreign calls do.
bool depends_on_order(const AggregateSpec& aggregate) {
  return std::any_of(aggregate.calls.begin(), aggregate.calls.end(), [](const AggregateCall& call) {
    return (call.function == AggregateFunction::kSum && call.result.kind == TypeKind::kFloat64) ||
           call.foreign.order == RowOrder::kScan;
  });
}

/// Whether one seat alone must make all of the node's rows.
bool wants_single(const PlanNode& node) {
  const auto* aggregate = node.as<AggregateSpec>();
  return node.as<TopKSpec>() != nullptr || node.as<LimitSpec>() != nullptr ||
         (aggregate != nullptr && aggregate->group_keys.empty());
}

/// A single result below a join would need a fragment that runs in one seat: no procedure does.
bool can_distribute(const PlanNode& node, bool at_root) {
  const auto* aggregate = node.as<AggregateSpec>();
  if ((!at_root && wants_single(node)) || (aggregate != nullptr && depends_on_order(*aggregate))) {
    return false;
  }
  const bool inputs_at_root = at_root && node.as<HashJoinSpec>() == nullptr;
  return std::all_of(
      node.inputs.begin(), node.inputs.end(),
      [inputs_at_root](const PlanNode& input) { return can_distribute(input, inputs_at_root); });
}

class Shuffle {
 public:
  explicit Shuffle(const JoinCosts& costs) noexcept : costs_(costs) {}

  /// `at_root`: everything above runs in the leader if this is single.
  [[nodiscard]] Placed place(PlanNode node, bool at_root) {
    if (node.as<HashJoinSpec>() != nullptr) {
      Placed probe = place(std::move(node.inputs[0]), false);
      Placed build = place(std::move(node.inputs[1]), false);
      node.inputs.clear();
      return place_join(std::move(node), std::move(probe), std::move(build), costs_);
    }
    if (node.inputs.empty()) {
      return {std::move(node), {}};
    }
    Placed input = place(std::move(node.inputs[0]), at_root);
    node.inputs.clear();
    if (node.as<AggregateSpec>() != nullptr) {
      return place_aggregate(std::move(node), std::move(input), at_root, costs_.computing_seats);
    }
    if (wants_single(node)) {
      return place_first_rows(std::move(node), std::move(input));
    }
    if (const auto* project = node.as<ProjectSpec>()) {
      input.delivered = renamed(input.delivered, shown_by(*project, input.node.output.size()));
    }
    node.inputs.push_back(std::move(input.node));
    return {std::move(node), std::move(input.delivered)};
  }

 private:
  static ColumnPositions shown_by(const ProjectSpec& project, std::size_t input_columns) {
    std::vector<std::optional<std::uint32_t>> shown;
    for (const Expr& expr : project.exprs) {
      shown.push_back(expr.kind == ExprKind::kColumn ? std::optional(expr.column) : std::nullopt);
    }
    return positions_of(shown, input_columns);
  }

  /// Top-K and limit: every seat keeps its own first rows, the leader the first of those.
  Placed place_first_rows(PlanNode node, Placed input) const {
    if (!input.is_single()) {
      const auto* top_k = node.as<TopKSpec>();
      const std::uint64_t limit =
          top_k != nullptr ? top_k->limit : std::get<LimitSpec>(node.spec).limit;
      const double rows =
          std::min(input.node.rows_estimated, static_cast<double>(limit) * costs_.computing_seats);
      input.node = make_node(node.spec, std::move(input.node), rows);
      input = gathered(std::move(input));
    }
    node.inputs.push_back(std::move(input.node));
    return {std::move(node), std::move(input.delivered)};
  }

  const JoinCosts& costs_;
};

void number_streams(PlanNode& node, std::uint16_t& next) {
  if (auto* exchange = node.as<ExchangeSpec>()) {
    exchange->stream = StreamId(next);
    ++next;
  }
  for (PlanNode& input : node.inputs) {
    number_streams(input, next);
  }
}

}  // namespace

PlanSpec enforce_dsm_shuffle(PlanSpec plan, const ShuffleOptions& options) {
  SLUICE_CHECK(options.seats >= 1 && options.seats <= base::kSeatsMax, "number of seats");
  number_nodes(plan);
  validate_plan(plan);
  if (options.seats == 1) {
    return plan;
  }
  SLUICE_CHECK(is_one_process(plan.root), "the plan is distributed already");
  if (!can_distribute(plan.root, true)) {
    return plan;
  }
  plan.leader_computes = !options.root_streams || reads_plan_inputs(plan.root);
  const JoinCosts costs{plan.leader_computes ? options.seats : options.seats - 1,
                        options.broadcast_bytes_max};
  Placed placed = Shuffle(costs).place(std::move(plan.root), true);
  if (!placed.is_single()) {
    placed = gathered(std::move(placed));
  }
  plan.root = std::move(placed.node);
  plan.distributed = true;
  plan.partition_count = kPartitionCount;
  plan.stream_count = 0;
  number_streams(plan.root, plan.stream_count);
  number_nodes(plan);
  validate_plan(plan);
  validate_deadlock_rules(plan);
  return plan;
}

}  // namespace sluice::plan
