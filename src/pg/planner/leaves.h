// The leaves of a finished plan's expressions: Vars, and what an Agg computes (Aggref,
// GroupingFunc) as wholes.
#pragma once

#include <vector>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/bitmapset.h>
#include <nodes/nodes.h>
#include <nodes/parsenodes.h>
#include <nodes/pg_list.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Whether two leaves of one plan node mean the same value.
[[nodiscard]] bool same_leaf(const Node* a, const Node* b);

/// Appends every leaf of `expr` (a Node or a List of them) that is not there yet.
/// Errors: PgError.
void collect_leaves(Node* expr, std::vector<Node*>& leaves);

/// Whether one of `leaves` is a Var of `varno`.
[[nodiscard]] bool reads_side(const std::vector<Node*>& leaves, int varno);

/// Shape: `leaf` is a leaf of the node at hand, `by` any expression.
struct LeafReplacement {
  Node* leaf;
  Node* by;
};

/// A copy of `expr` with its leaves replaced.
/// Errors: PgError; kInternal for a leaf without a replacement.
[[nodiscard]] Node* replace_leaves(Node* expr, const std::vector<LeafReplacement>& replacements);

/// Whether `expr` has one value for a whole run: no Var, no volatile function, no subquery, and of
/// the parameters only those from outside and the results of init plans.
/// Errors: PgError.
[[nodiscard]] bool is_run_constant(Node* expr, const Bitmapset* init_plan_params);

/// Whether a function anywhere in the query tells how a value is stored, which the engine does not
/// keep: pg_column_size(). May ereport: for the planner hook, above which no C++ frame is.
[[nodiscard]] bool reads_storage(const Query* query);
/// The same of an expression, in which SQL functions may have been replaced by their bodies. Runs
/// in: call().
[[nodiscard]] bool reads_storage(Node* expr);

/// The init plans whose results `run_constants` (a Node or a List) need, by their parameters.
/// Errors: PgError.
[[nodiscard]] Bitmapset* init_plan_params_of(Node* run_constants);

/// Every parameter that an init plan somewhere in `plan_tree` sets is added to `params`.
/// Errors: PgError.
[[nodiscard]] Bitmapset* add_init_plan_params(Bitmapset* params, Node* plan_tree);

}  // namespace sluice::pg
