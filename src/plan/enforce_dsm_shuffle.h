// The optimizer pass that turns a one-process plan into a distributed one by inserting DsmExchange
// nodes where the required and the delivered distribution differ.
#pragma once

#include <cstdint>

#include "plan/plan_spec.h"

namespace sluice::plan {

struct ShuffleOptions {
  std::uint32_t seats = 1;  // planned, the leader included
  std::uint64_t broadcast_bytes_max = std::uint64_t{64} << 20;
  bool root_streams = false;  // the root hands many rows to the client: the leader only consumes,
                              // unless plan inputs make it compute
};

/// Required: the root is `single`; a join wants both sides hashed on its keys or its build side
/// replicated; an aggregate becomes partial -> redistribute on the group keys -> final (gather
/// where there are no keys, or few groups at the root), or one phase where its input is already
/// hashed on a subset of its keys, or rows first where groups are nearly as many as rows; top-K and
/// limit run locally, then above the gather. Between join shapes the one that moves and builds
/// fewer bytes wins. The root fragment, up to the gather, runs in the leader alone; every other
/// fragment runs in all computing seats.
/// The plan comes back with distributed = false, numbered but otherwise as it is:
///   - with one seat;
///   - where an aggregate without keys, a top-K or a limit stands below a join: one seat alone
///     would have to make its rows, and no fragment below the root runs in one seat alone;
///   - where a float8 is summed: the result depends on the order of the rows.
/// Post:   validate_plan() and validate_deadlock_rules() hold; node and stream ids are assigned.
/// Errors: kCorrupt when the plan is not valid; kInternal for seats beyond 1..kSeatsMax and for a
///         plan that has exchanges or two-phase aggregates already.
[[nodiscard]] PlanSpec enforce_dsm_shuffle(PlanSpec plan, const ShuffleOptions& options);

/// Deadlock rules 2, 3, 4 and 7 of docs/protocol.md, on any plan: no gather but into the root
/// fragment, joins alone have two inputs, each stream is consumed once and none is missing, leaves
/// are scans, or plan inputs where the leader computes. And what keeps rows from being lost or
/// doubled: the root fragment of a distributed plan reads gathers only (so no join or scan runs in
/// it), a broadcast feeds a build side and nothing else, and a plan that is not distributed has no
/// exchange.
/// Errors: kCorrupt naming the rule and the node.
void validate_deadlock_rules(const PlanSpec& plan);

}  // namespace sluice::plan
