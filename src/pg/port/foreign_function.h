// The general path: expressions that PostgreSQL's executor evaluates row by row inside the engine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/foreign_function.h"
#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/nodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// What a plan::Op::kForeign carries: a name for EXPLAIN and the expression, whose PARAM_EXTERN
/// number i is argument i. Shape: `name` has no zero byte.
/// Errors: PgError.
[[nodiscard]] std::string foreign_definition(std::string_view name, Node* expr);

/// The maker that the engine asks. What the function needs lives in the memory context that is
/// current now, until that is reset.
/// Errors: PgError; kCorrupt.
/// Runs in: every seat.
[[nodiscard]] std::unique_ptr<engine::ForeignFunction> make_foreign_function(
    std::string_view definition, std::span<const plan::DataType> args, const plan::DataType& type);

}  // namespace sluice::pg
