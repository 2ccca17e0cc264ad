// A rewritten subtree and where its rows are: what EnforceDsmShuffle hands from a node to the one
// above. Runs in the planner.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plan/distribution.h"
#include "plan/plan_spec.h"

namespace sluice::plan {

/// Shape: every element of `delivered` holds at the same time, for a join leaves its rows hashed by
///        the keys of either side; none at all means random.
struct Placed {
  PlanNode node;
  std::vector<Distribution> delivered;

  [[nodiscard]] bool is_single() const noexcept;
  /// Whether rows that agree on `columns` are in one seat.
  [[nodiscard]] bool co_locates(const std::vector<std::uint32_t>& columns) const;
};

/// Where a node shows the columns of its inputs: positions[input column] are its output columns.
using ColumnPositions = std::vector<std::vector<std::uint32_t>>;

/// `shown[i]` is the input column that output column i shows, if it shows one.
[[nodiscard]] ColumnPositions positions_of(const std::vector<std::optional<std::uint32_t>>& shown,
                                           std::size_t input_columns);
[[nodiscard]] ColumnPositions positions_of(const std::vector<std::uint32_t>& shown,
                                           std::size_t input_columns);

/// The distributions in terms of a node's output; those whose keys it does not show are lost.
[[nodiscard]] std::vector<Distribution> renamed(const std::vector<Distribution>& delivered,
                                                const ColumnPositions& positions);

/// Units: bytes of all rows of the node together, as EnforceDsmShuffle weighs them.
[[nodiscard]] double bytes_of(const PlanNode& node);

/// One input put below a node whose output types follow from it.
[[nodiscard]] PlanNode make_node(NodeSpec spec, PlanNode input, double rows_estimated);

/// The exchanges. Shape: stream ids are assigned when the whole plan is known.
[[nodiscard]] Placed gathered(Placed input);
[[nodiscard]] Placed redistributed(Placed input, std::vector<std::uint32_t> keys);
[[nodiscard]] Placed broadcast(Placed input, std::uint32_t computing_seats);

}  // namespace sluice::plan
