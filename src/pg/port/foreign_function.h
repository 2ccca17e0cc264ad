// The general path: expressions that PostgreSQL's executor evaluates row by row inside the engine.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/foreign_function.h"

namespace sluice::pg {

/// The maker that the engine asks. Shape: `definition` (foreign_definition.h) is of an expression
/// whose PARAM_EXTERN number i is argument i. What the function needs lives in the memory context
/// that is current now, until that is reset.
/// Errors: PgError; kCorrupt.
/// Runs in: every seat.
[[nodiscard]] std::unique_ptr<engine::ForeignFunction> make_foreign_function(
    std::string_view definition, std::span<const plan::DataType> args, const plan::DataType& type);

}  // namespace sluice::pg
