// PostgreSQL's plan nodes as operator specs, from a subtree's leaves up.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/lowering.h"
#include "pg/planner/scope.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// A lowered node before its targetlist is computed: `scope` has a column for every leaf that was
/// asked for.
struct Fragment {
  plan::PlanNode node;
  Scope scope;
};

/// Which entries of a targetlist are wanted; entry i is attribute number i + 1.
using WantedAttributes = std::vector<bool>;

/// A lowered node with its targetlist computed. Shape: one element an entry, empty where not
/// wanted.
struct ChildColumns {
  plan::PlanNode node;
  std::vector<std::optional<ScopeColumn>> columns;
};

/// Lowers `node` without its targetlist and, for an Agg, without its HAVING. `leaves` are what
/// those read.
/// Errors: Declined; PgError.
[[nodiscard]] Fragment lower_fragment(Lowering& lowering, Plan* node,
                                      const std::vector<Node*>& leaves);

/// Lowers `node` whole, or takes its rows from PostgreSQL where it is not supported.
/// Errors: Declined; PgError.
[[nodiscard]] ChildColumns lower_child(Lowering& lowering, Plan* node,
                                       const WantedAttributes& wanted);

// One file a node.
[[nodiscard]] Fragment lower_scan(Lowering& lowering, const SeqScan& scan,
                                  const std::vector<Node*>& leaves);
[[nodiscard]] Fragment lower_join(Lowering& lowering, const HashJoin& join,
                                  const std::vector<Node*>& leaves);
[[nodiscard]] Fragment lower_aggregate(Lowering& lowering, const Agg& agg,
                                       const std::vector<Node*>& leaves);

/// The conditions of a scan around those of the form x NOT IN (subquery) that joins can answer.
struct NotInConditions {
  std::vector<Node*> before;  // the first of them
  std::vector<const SubPlan*> subplans;
  std::vector<Node*> after;
};
[[nodiscard]] NotInConditions split_not_in(List* qual);
/// Leaves of the fragment's rows those for which x NOT IN (subquery) holds; its columns keep their
/// numbers. The fragment's scope has x's leaves.
/// Errors: Declined; PgError.
void add_not_in(Lowering& lowering, Fragment& fragment, const SubPlan& subplan);

/// Both sides of an equality, of one type.
struct JoinKey {
  plan::Expr left;
  plan::Expr right;
};
/// Errors: Declined where the engine cannot compare them; PgError.
[[nodiscard]] JoinKey common_key(Lowering& lowering, plan::Expr left, plan::Expr right,
                                 Oid collation);

/// count + offset of a Limit whose Sort can become a top-K; nothing otherwise.
[[nodiscard]] std::optional<std::uint64_t> top_k_limit(const Limit& limit);
/// The direction of each key of `sort`; `columns[i]` is the engine column of its i-th key.
/// Errors: Declined for an order that the engine does not have; PgError.
[[nodiscard]] std::vector<plan::SortKey> sort_keys_of(const Sort& sort,
                                                      const std::vector<ScopeColumn>& columns);

/// `node` as rows that PostgreSQL hands to the run; nothing where it cannot.
/// Errors: PgError.
[[nodiscard]] std::optional<ChildColumns> lower_plan_input(Lowering& lowering, Plan* node,
                                                           const WantedAttributes& wanted);

// Shared by the files above.

/// As PostgreSQL's EXPLAIN writes a column: with its table where there are several.
[[nodiscard]] std::string shown_name(const Lowering& lowering, const RangeTblEntry* entry,
                                     const char* column);

/// Marks the attributes that the Vars of `varno` in `leaves` read.
/// Errors: Declined for system columns and whole rows.
[[nodiscard]] WantedAttributes wanted_attributes(const std::vector<Node*>& leaves, int varno,
                                                 List* targetlist);
/// A scope of the Vars of `varno` over a child's columns, `offset` columns further on.
[[nodiscard]] Scope scope_over_child(const std::vector<Node*>& leaves, int varno,
                                     const ChildColumns& child, std::uint32_t offset = 0);
/// A node over `input`, with its output types derived.
[[nodiscard]] plan::PlanNode make_node(plan::NodeSpec spec, std::vector<plan::PlanNode> inputs,
                                       double rows);
/// `input` under a filter, or as it is where there are no conjuncts.
[[nodiscard]] plan::PlanNode filtered(plan::PlanNode input, std::vector<plan::Expr> conjuncts,
                                      double rows);
/// Puts a projection above `node` that keeps all its columns and adds those of `exprs` that are not
/// columns; returns the column of each of `exprs`.
[[nodiscard]] std::vector<std::uint32_t> append_columns(plan::PlanNode& node,
                                                        std::vector<plan::Expr> exprs);
/// The name of a plan node's kind as EXPLAIN says it.
[[nodiscard]] const char* plan_node_name(const Plan* node);

}  // namespace sluice::pg
