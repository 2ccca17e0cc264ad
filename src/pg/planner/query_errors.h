// Which parts of a query, before planning, can raise an error that depends on the rows they see.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/parsenodes.h>
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The query whose Vars have level 0, and those around it.
struct QueryLevel {
  const Query* query;
  const QueryLevel* around;  // null for the statement
};

/// Whether `call` is a sum, average, minimum or maximum of its own query level that is exact in any
/// order, NULL for no rows, and cannot overflow: no float sums, no DISTINCT, FILTER, ORDER BY.
/// Runs in: call(); may longjmp, as all of these.
[[nodiscard]] bool is_plain_aggregate(const Aggref& call);

/// Whether evaluating `part` (an expression, a List of them or a FROM clause) may raise. Columns
/// that stand for expressions of subqueries or joins count as these, and of a subquery in the
/// expression all that it evaluates. Numerics are safe where they have a declared precision. What
/// is not known may raise.
[[nodiscard]] bool may_raise(Node* part, const QueryLevel& level);

/// The same where range table entry `finished`, which the query need not have yet, hands out
/// values that raise nothing.
[[nodiscard]] bool may_raise_over(Node* part, const QueryLevel& level, int finished);

/// Whether something else in the query or in those around it may raise that the planner evaluates
/// while it joins, so that it depends on the order of joins for which rows: conditions over several
/// tables, also in subqueries, and what subqueries compute. Conditions of single tables come first
/// in every plan. Shape: `conjunct` of the query's WHERE is left out.
[[nodiscard]] bool surroundings_may_raise(const QueryLevel& level, const Node* conjunct);

/// Whether a conjunct of WHERE is false or NULL whatever the rows. The planner then spares the
/// subqueries beside it, and the user the right to their tables.
[[nodiscard]] bool is_never_true(Node* conjunct);

/// The conjuncts of a WHERE, which the parser nests.
[[nodiscard]] List* conjuncts_of(Node* quals);

}  // namespace sluice::pg
