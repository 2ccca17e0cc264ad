#include "plan/aggregate_distribution.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sluice::plan {

namespace {

// So few groups are cheaper to finish in one seat than to send through every pair of seats.
constexpr double kFewGroupsMax = 10000;
// Above this many groups a row, a partial aggregate only costs.
constexpr double kGroupsPerRowMax = 0.5;

/// The states of `rows` rows.
Placed partial(const PlanNode& aggregate, Placed input, std::uint32_t computing_seats) {
  AggregateSpec spec = *aggregate.as<AggregateSpec>();
  spec.phase = AggregatePhase::kPartial;
  const double groups = std::max(aggregate.rows_estimated, 1.0) * computing_seats;
  const double states = spec.group_keys.empty() ? static_cast<double>(computing_seats)
                                                : std::min(groups, input.node.rows_estimated);
  return {make_node(std::move(spec), std::move(input.node), states), {}};
}

/// The results of what partial() put out.
PlanNode final_of(const PlanNode& aggregate, PlanNode states) {
  AggregateSpec spec = *aggregate.as<AggregateSpec>();
  spec.phase = AggregatePhase::kFinal;
  std::iota(spec.group_keys.begin(), spec.group_keys.end(), 0U);
  auto column = static_cast<std::uint32_t>(spec.group_keys.size());
  for (AggregateCall& call : spec.calls) {
    call.column = column++;
  }
  return make_node(std::move(spec), std::move(states), aggregate.rows_estimated);
}

Placed one_phase(PlanNode aggregate, Placed input) {
  const auto& keys = aggregate.as<AggregateSpec>()->group_keys;
  std::vector<Distribution> delivered =
      renamed(input.delivered, positions_of(keys, input.node.output.size()));
  aggregate.inputs.push_back(std::move(input.node));
  return {std::move(aggregate), std::move(delivered)};
}

}  // namespace

Placed place_aggregate(PlanNode aggregate, Placed input, bool at_root,
                       std::uint32_t computing_seats) {
  const std::vector<std::uint32_t> keys = aggregate.as<AggregateSpec>()->group_keys;
  if (input.is_single() || (!keys.empty() && input.co_locates(keys))) {
    return one_phase(std::move(aggregate), std::move(input));
  }
  const auto& calls = aggregate.as<AggregateSpec>()->calls;
  if (std::any_of(calls.begin(), calls.end(), is_foreign)) {
    return one_phase(std::move(aggregate), keys.empty() ? gathered(std::move(input))
                                                        : redistributed(std::move(input), keys));
  }
  const double groups = aggregate.rows_estimated;
  if (keys.empty() || (at_root && groups < kFewGroupsMax)) {
    Placed states = gathered(partial(aggregate, std::move(input), computing_seats));
    return {final_of(aggregate, std::move(states.node)), std::move(states.delivered)};
  }
  if (groups > kGroupsPerRowMax * input.node.rows_estimated) {
    return one_phase(std::move(aggregate), redistributed(std::move(input), keys));
  }
  std::vector<std::uint32_t> state_keys(keys.size());
  std::iota(state_keys.begin(), state_keys.end(), 0U);
  Placed states = redistributed(partial(aggregate, std::move(input), computing_seats), state_keys);
  return {final_of(aggregate, std::move(states.node)), std::move(states.delivered)};
}

}  // namespace sluice::plan
