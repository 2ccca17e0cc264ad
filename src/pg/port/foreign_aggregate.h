// The general path: aggregates that PostgreSQL's functions compute inside the engine.
#pragma once

#include <memory>
#include <span>

#include "engine/foreign_aggregate.h"

namespace sluice::pg {

/// The maker that the engine asks. Shape: the call's definition (foreign_definition.h) is of an
/// Aggref whose arguments (those it sorts by included) are constants or PARAM_EXTERN: number i is
/// argument i of the call; its direct arguments are constants. The filter is not in it. A name that
/// ends with a blank has its parenthesis, as "count(DISTINCT ". What the aggregate needs lives
/// below the memory context that is current now.
/// Errors: PgError; kCorrupt. Runs in: every seat.
[[nodiscard]] std::unique_ptr<engine::ForeignAggregate> make_foreign_aggregate(
    const plan::AggregateCall& call, std::span<const plan::DataType> args);

}  // namespace sluice::pg
