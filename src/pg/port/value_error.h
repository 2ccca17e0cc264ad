// Which errors are of a value, so that another way to the same rows may not meet them.
#pragma once

#include "base/error.h"
#include "pg/border/pg_error.h"

namespace sluice::pg {

/// Whether the error is of the values that were computed with, not of the session or the server.
/// Those that calls_built_ins_only() (planner/user_code.h) lets in hold nothing that such an error
/// would leave behind.
[[nodiscard]] bool is_of_the_value(const PgError& error) noexcept;
/// The same of an error that the engine raises in PostgreSQL's place.
[[nodiscard]] bool is_of_the_value(const base::Error& error) noexcept;

}  // namespace sluice::pg
