// The optimizer pass that turns a one-process plan into a distributed one by inserting DsmExchange
// nodes where the required and the delivered distribution differ.
#pragma once

#include <cstdint>

#include "plan/plan_spec.h"

namespace sluice::plan {

struct ShuffleOptions {
  std::uint32_t seats = 1;  // planned, the leader included
  std::uint64_t broadcast_bytes_max = std::uint64_t{64} << 20;
  bool root_streams = false;  // the root hands many rows to the client: the leader only consumes
};

/// Required: the root is `single`; a join wants both sides hashed on its keys or its build side
/// replicated; an aggregate becomes partial -> redistribute on the group keys -> final (gather where
/// there are no keys), or one phase where its input is already hashed on a subset of its keys, or rows
/// first where groups are nearly as many as rows; top-K and limit run locally, then above the gather.
/// Between join shapes the one that moves and builds fewer bytes wins.
/// With one seat the plan comes back as it is.
/// Post:   validate_plan() and validate_deadlock_rules() hold; node and stream ids are assigned.
/// Source: DESIGN.md section 5.
[[nodiscard]] PlanSpec enforce_dsm_shuffle(PlanSpec plan, const ShuffleOptions& options);

/// Deadlock rules 2, 3, 4 and 7 of DESIGN.md section 6, on any distributed plan.
/// Errors: kCorrupt naming the rule and the node.
void validate_deadlock_rules(const PlanSpec& plan);

}  // namespace sluice::plan
