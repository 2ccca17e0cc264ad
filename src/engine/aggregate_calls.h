// From an aggregate call of the plan to the states that compute it.
#pragma once

#include <memory>

#include "base/memory_budget.h"
#include "engine/aggregate_state.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

/// `input` is the type of call.column (of anything for count(*)). `grouped`: a group begins with a
/// row.
/// Errors: kInternal for a function that its input type does not have.
[[nodiscard]] std::unique_ptr<AggregateState> make_aggregate_state(const plan::AggregateCall& call,
                                                                   plan::AggregatePhase phase,
                                                                   const plan::DataType& input,
                                                                   bool grouped,
                                                                   base::MemoryBudget& budget);

}  // namespace sluice::engine
