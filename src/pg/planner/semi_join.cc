#include "pg/planner/semi_join.h"

#include "pg/border/call.h"
#include "pg/planner/leaves.h"
#include "pg/planner/plan_errors.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// The aggregate, if `side` is one, that only makes its input's rows distinct, or null.
const Agg* distinct_input(const Plan* side) {
  if (side != nullptr && IsA(side, Hash)) {
    side = side->lefttree;
  }
  if (side == nullptr || !IsA(side, Agg) || side->qual != NIL) {
    return nullptr;
  }
  const auto* agg = reinterpret_cast<const Agg*>(side);
  const bool plain_groups = agg->numCols > 0 && agg->groupingSets == NIL && agg->chain == NIL &&
                            agg->aggsplit == AGGSPLIT_SIMPLE;
  return plain_groups ? agg : nullptr;
}

/// Whether somebody may notice that the aggregate evaluates nothing.
bool shows(const Statement& statement, const Agg& agg) {
  for (int i = 0; i < list_length(agg.plan.targetlist); ++i) {
    auto* entry = static_cast<TargetEntry*>(list_nth(agg.plan.targetlist, i));
    auto* expr = reinterpret_cast<Node*>(entry->expr);
    if (!IsA(expr, Var) && shows_when_evaluated(statement, &agg.plan, expr)) {
      return true;
    }
  }
  return false;
}

/// Whether values that the aggregate takes for one may be several to a join. Runs in: call().
bool groups_unlike_values(const Agg& agg) {
  for (int i = 0; i < agg.numCols; ++i) {
    const Oid collation = agg.grpCollations[i];
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) {
      return true;
    }
  }
  return false;
}

/// The child's attribute that an entry of the aggregate's targetlist hands on, or 0.
AttrNumber handed_on(const Agg& agg, const Node* key, int varno) {
  if (!IsA(key, Var) || reinterpret_cast<const Var*>(key)->varno != varno) {
    return 0;
  }
  const int entry = reinterpret_cast<const Var*>(key)->varattno;
  if (entry < 1 || entry > list_length(agg.plan.targetlist)) {
    return 0;
  }
  const Expr* expr = list_nth_node(TargetEntry, agg.plan.targetlist, entry - 1)->expr;
  if (!IsA(expr, Var) || reinterpret_cast<const Var*>(expr)->varno != OUTER_VAR) {
    return 0;
  }
  return reinterpret_cast<const Var*>(expr)->varattno;
}

/// The hash clauses over the aggregate's input instead of its output; NIL where they do not compare
/// each of its group columns once. Runs in: call().
List* clauses_over_input(const HashJoin& join, const Agg& agg, int varno) {
  if (list_length(join.hashclauses) != agg.numCols || groups_unlike_values(agg)) {
    return NIL;
  }
  auto* seen = static_cast<bool*>(palloc0(sizeof(bool) * static_cast<Size>(agg.numCols)));
  List* clauses = NIL;
  ListCell* cell;
  foreach (cell, join.hashclauses) {
    auto* clause = static_cast<Node*>(copyObjectImpl(lfirst(cell)));
    if (!IsA(clause, OpExpr)) {
      return NIL;
    }
    List* args = reinterpret_cast<OpExpr*>(clause)->args;
    auto* key = static_cast<Node*>(list_nth(args, varno == OUTER_VAR ? 0 : 1));
    const AttrNumber attribute = handed_on(agg, key, varno);
    int group = 0;
    while (group < agg.numCols && agg.grpColIdx[group] != attribute) {
      ++group;
    }
    if (attribute == 0 || group == agg.numCols || seen[group]) {
      return NIL;
    }
    seen[group] = true;
    reinterpret_cast<Var*>(key)->varattno = attribute;
    clauses = lappend(clauses, clause);
  }
  return clauses;
}

}  // namespace

std::optional<SemiJoin> as_semi_join(const Statement& statement, const HashJoin& join,
                                     const std::vector<Node*>& leaves) {
  if (join.join.jointype != JOIN_INNER || join.join.joinqual != NIL) {
    return std::nullopt;
  }
  for (const int varno : {INNER_VAR, OUTER_VAR}) {
    const bool outer = varno == OUTER_VAR;
    const Agg* agg = distinct_input(outer ? join.join.plan.lefttree : join.join.plan.righttree);
    if (agg == nullptr || reads_side(leaves, varno) || shows(statement, *agg)) {
      continue;
    }
    List* clauses = call([&join, agg, varno] { return clauses_over_input(join, *agg, varno); });
    if (clauses == NIL) {
      continue;
    }
    SemiJoin semi{join, outer};
    semi.join.join.jointype = JOIN_SEMI;
    (outer ? semi.join.join.plan.lefttree : semi.join.join.plan.righttree) = agg->plan.lefttree;
    semi.join.hashclauses = clauses;
    return semi;
  }
  return std::nullopt;
}

}  // namespace sluice::pg
