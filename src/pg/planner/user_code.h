// Code that is not PostgreSQL's own: functions of users and extensions, also those behind
// operators, types and aggregates.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Whether all functions that `expr` calls are PostgreSQL's own in C which a worker may call, those
/// that its types bring along included: an error of theirs leaves nothing behind.
/// Errors: PgError.
[[nodiscard]] bool calls_built_ins_only(Node* expr);

/// Whether `expr` calls functions of users' other than by aggregates. Runs in: call().
[[nodiscard]] bool calls_users_functions(Node* expr);

/// Whether a node of `expr` may call a volatile function that contain_volatile_functions() does not
/// see: that of an aggregate's state, of a user's cast to json, of a type's modifiers, or of a
/// domain's condition, to which also come the values that functions make of text. Runs in: call().
[[nodiscard]] bool may_call_unseen(Node* expr);

/// Whether workers must not evaluate `expr`: a function that it calls is not labelled PARALLEL
/// SAFE.
/// Errors: PgError.
[[nodiscard]] bool forbids_workers(Node* expr);

/// Whether `expr` calls functions in other languages than C, or may by a domain. Their labels are
/// to be believed with caution: an EXCEPTION block, say, works in PostgreSQL's plan as long as that
/// has no workers. Runs in: call().
[[nodiscard]] bool calls_other_languages(Node* expr);

/// Whether all that computes an aggregate of its arguments is PostgreSQL's own.
/// Errors: PgError.
[[nodiscard]] bool has_built_in_states(const Aggref* aggref);

/// Whether one of the functions behind an aggregate's name, or behind its DISTINCT and ORDER BY, is
/// volatile: aggregates themselves are always labelled IMMUTABLE.
/// Errors: PgError.
[[nodiscard]] bool has_volatile_states(const Aggref* aggref);

}  // namespace sluice::pg
