// The general path: aggregates that PostgreSQL's functions compute inside the engine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/foreign_aggregate.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// What a plan::AggregateFunction::kForeign carries: a name for EXPLAIN and the Aggref. Its
/// arguments (those it sorts by included) are constants or PARAM_EXTERN: number i is argument i of
/// the call; its direct arguments are constants. The filter is not in it.
/// Shape: `name` has no zero byte; one that ends with a blank has its parenthesis, as
///        "count(DISTINCT ". Errors: PgError.
[[nodiscard]] std::string foreign_aggregate_definition(std::string_view name, Aggref* aggref);

/// The maker that the engine asks. What the aggregate needs lives below the memory context that is
/// current now.
/// Errors: PgError; kCorrupt. Runs in: every seat.
[[nodiscard]] std::unique_ptr<engine::ForeignAggregate> make_foreign_aggregate(
    const plan::AggregateCall& call, std::span<const plan::DataType> args);

}  // namespace sluice::pg
