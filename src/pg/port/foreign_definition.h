// What a plan carries of an expression or aggregate that PostgreSQL evaluates.
#pragma once

#include <string>
#include <string_view>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/nodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// A name for EXPLAIN and `node`. Shape: `name` has no zero byte.
/// Errors: PgError.
[[nodiscard]] std::string foreign_definition(std::string_view name, Node* node);

/// The node of a definition as text, for stringToNode().
/// Errors: kCorrupt.
[[nodiscard]] std::string foreign_node_text(std::string_view definition);

}  // namespace sluice::pg
