// PlanSpec <-> bytes. Both ends are the same build (the version is checked all the same); the bytes
// lie in shared memory and in PostgreSQL's plan cache.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "plan/plan_spec.h"

namespace sluice::codec {

/// Shape:  what validate_plan() and validate_deadlock_rules() accept, parameters included.
/// Errors: theirs; kAbandon for a plan of more than kPlanBytesMax (plan_format.h).
/// Source: docs/formats/plan.md
[[nodiscard]] std::vector<std::byte> encode(const plan::PlanSpec& plan);

/// Runs nothing. The plan that comes back has passed plan::validate_plan() and
/// plan::validate_deadlock_rules(), and encodes to the same bytes.
/// Errors: kCorrupt for truncated, trailing, corrupted or foreign-version bytes, never a crash;
///         depth, counts and lengths are checked before anything is allocated for them.
[[nodiscard]] plan::PlanSpec decode(std::span<const std::byte> bytes);

}  // namespace sluice::codec
