// How the inputs of a join come together in the seats. Runs in the planner.
#pragma once

#include <cstdint>

#include "plan/placed.h"

namespace sluice::plan {

struct JoinCosts {
  std::uint32_t computing_seats = 1;
  std::uint64_t broadcast_bytes_max = 0;  // of one copy of the build side
};

/// `join` with the exchanges that it needs above `probe` and `build`: none where both are hashed
/// alike on join keys, otherwise the cheapest of moving one side to where the other is hashed,
/// moving both, and handing the build side to every seat. Cheap means bytes moved and built in all
/// seats together.
/// Shape: `join` is a HashJoin without inputs; neither side is single or replicated.
[[nodiscard]] Placed place_join(PlanNode join, Placed probe, Placed build, const JoinCosts& costs);

}  // namespace sluice::plan
