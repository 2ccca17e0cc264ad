// How the rows of a group come together. Runs in the planner.
#pragma once

#include <cstdint>

#include "plan/placed.h"

namespace sluice::plan {

/// `aggregate` with the phases and exchanges that it needs above `input`:
///   rows of a group are in one seat already   one phase, where they are
///   foreign calls, which have no partial      gather, with keys redistribute the rows -> one phase
///   no keys, or few groups, below the root    partial -> gather -> final in the leader
///   nearly as many groups as rows             redistribute the rows -> one phase
///   otherwise                                 partial -> redistribute on the group keys -> final
/// Shape: `aggregate` is a kSingle Aggregate without inputs. Without keys it is `at_root`.
/// `at_root`: whatever is above it can run in the leader, so that its result may be single.
[[nodiscard]] Placed place_aggregate(PlanNode aggregate, Placed input, bool at_root,
                                     std::uint32_t computing_seats);

}  // namespace sluice::plan
