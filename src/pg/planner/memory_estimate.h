// What the operators of a lowered plan are expected to hold, before anything runs.
#pragma once

#include <cstddef>

#include "plan/plan_spec.h"

namespace sluice::pg {

/// The largest hash table that one operator of `plan` is expected to hold in one seat, by the
/// planner's row estimates. Units: bytes.
[[nodiscard]] double largest_table_bytes(const plan::PlanSpec& plan, int seats) noexcept;

/// What one operator may hold: PostgreSQL's work_mem x hash_mem_multiplier. Units: bytes.
[[nodiscard]] std::size_t operator_memory_bytes() noexcept;

}  // namespace sluice::pg
