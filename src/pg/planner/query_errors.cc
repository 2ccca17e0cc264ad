#include "pg/planner/query_errors.h"

#include "pg/planner/node_walk.h"
#include "pg/planner/safe_functions.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
#include <optimizer/cost.h>
#include <optimizer/optimizer.h>
#include <parser/parse_relation.h>
#include <parser/parsetree.h>
#include <rewrite/rewriteManip.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Whether the planner leaves it a subquery, whose columns are then values when they come out.
bool is_finished(const Query& query) {
  return query.hasAggs || query.hasWindowFuncs || query.hasTargetSRFs || query.groupClause != NIL ||
         query.distinctClause != NIL || query.limitCount != nullptr || query.limitOffset != nullptr;
}

struct Search {
  QueryLevel level;
  int finished;        // a range table entry of that level, or 0
  const Node* exempt;  // a condition that is not looked at
};

bool may_raise_walker(Node* node, void* context);
bool from_may_raise(const QueryLevel& level, const Node* exempt);

/// Of a subquery in FROM that the planner may pull up, or of one in an expression.
bool subquery_may_raise(const QueryLevel& level, const Node* exempt) {
  Search search{level, 0, exempt};
  return may_raise_walker(reinterpret_cast<Node*>(level.query->targetList), &search) ||
         from_may_raise(level, exempt);
}

/// The query's own column `attribute`, of whatever branch it comes from.
bool target_may_raise(const QueryLevel& level, AttrNumber attribute) {
  Search search{level, 0, nullptr};
  if (level.query->setOperations == nullptr) {
    const TargetEntry* target = get_tle_by_resno(level.query->targetList, attribute);
    return target == nullptr || may_raise_walker(reinterpret_cast<Node*>(target->expr), &search);
  }
  ListCell* cell;
  foreach (cell, level.query->rtable) {
    const auto* branch = static_cast<const RangeTblEntry*>(lfirst(cell));
    if (branch->rtekind != RTE_SUBQUERY ||
        target_may_raise({branch->subquery, &level}, attribute)) {
      return true;
    }
  }
  return false;
}

/// The query that `up` levels lead to, or null.
const QueryLevel* level_above(const QueryLevel& level, Index up) {
  const QueryLevel* at = &level;
  for (; up > 0 && at != nullptr; --up) {
    at = at->around;
  }
  return at;
}

bool column_may_raise(const Var& var, const Search& search) {
  if (var.varlevelsup == 0 && var.varno == search.finished) {
    return false;
  }
  const QueryLevel* at = level_above(search.level, var.varlevelsup);
  if (at == nullptr || var.varno < 1 || var.varno > list_length(at->query->rtable)) {
    return true;
  }
  const RangeTblEntry* entry = rt_fetch(var.varno, at->query->rtable);
  switch (entry->rtekind) {
    case RTE_CTE:
      return true;  // the planner may inline it
    case RTE_JOIN: {
      auto* expr = var.varattno < 1
                       ? nullptr
                       : static_cast<Node*>(list_nth(entry->joinaliasvars, var.varattno - 1));
      Search inside{*at, 0, nullptr};
      return expr == nullptr || may_raise_walker(expr, &inside);
    }
    case RTE_SUBQUERY:
      if (is_finished(*entry->subquery) && !is_boundless(var.vartype, var.vartypmod)) {
        return false;
      }
      return target_may_raise({entry->subquery, at}, var.varattno);
    default:
      return is_boundless(var.vartype, var.vartypmod);
  }
}

/// Shape: `context` is a Search.
bool may_raise_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  check_stack_depth();
  CHECK_FOR_INTERRUPTS();
  switch (nodeTag(node)) {
    case T_Var:
      return column_may_raise(*reinterpret_cast<const Var*>(node),
                              *static_cast<const Search*>(context));
    case T_Param: {
      const auto* param = reinterpret_cast<const Param*>(node);
      // A value of a subquery is judged with that.
      return param->paramkind != PARAM_SUBLINK &&
             (param->paramkind != PARAM_EXTERN || is_boundless(param->paramtype, -1));
    }
    case T_Const:
      return is_boundless(*reinterpret_cast<const Const*>(node));
    case T_SubLink: {
      const auto& search = *static_cast<const Search*>(context);
      const auto* link = reinterpret_cast<const SubLink*>(node);
      const auto* sub = reinterpret_cast<const Query*>(link->subselect);
      return may_raise_walker(link->testexpr, context) ||
             subquery_may_raise({sub, &search.level}, search.exempt);
    }
    case T_Aggref:
      if (!is_plain_aggregate(*reinterpret_cast<const Aggref*>(node)) || lacks_collation(node)) {
        return true;
      }
      break;
    case T_FromExpr:
    case T_JoinExpr:
    case T_RangeTblRef:
      break;
    case T_OpExpr:
    case T_FuncExpr:
    case T_DistinctExpr:
    case T_ScalarArrayOpExpr:
      if (is_folded(node)) {
        return is_boundless(exprType(node), exprTypmod(node));
      }
      if ((check_functions_in_node(node, function_may_raise, nullptr) && !is_safe_call(node)) ||
          lacks_collation(node)) {
        return true;
      }
      break;
    default:
      if (!is_safe_node(node)) {
        return true;
      }
  }
  return expression_tree_walker(node, unprototyped(may_raise_walker), context);
}

bool has_outer_join(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (IsA(node, JoinExpr) && reinterpret_cast<JoinExpr*>(node)->jointype != JOIN_INNER) {
    return true;
  }
  const bool from = IsA(node, FromExpr) || IsA(node, JoinExpr) || IsA(node, List);
  return from && expression_tree_walker(node, unprototyped(has_outer_join), context);
}

/// Whether a condition comes before all subqueries beside it: a scan evaluates them by their costs.
/// Source: createplan.c, order_qual_clauses()
bool is_cheap(Node* conjunct) {
  constexpr double kOperators = 10;
  QualCost cost;
  cost_qual_eval_node(&cost, conjunct, nullptr);
  return cost.startup + cost.per_tuple <= kOperators * cpu_operator_cost;
}

/// Whether a condition of the query, which has inner joins alone, is one of a single table, so that
/// it restricts that before it is joined, whatever the plan.
bool restricts_one_table(Node* conjunct, const QueryLevel& level) {
  Index up = 1;
  for (const QueryLevel* at = level.around; at != nullptr; at = at->around, ++up) {
    if (contain_vars_of_level(conjunct, static_cast<int>(up))) {
      return false;
    }
  }
  const Bitmapset* tables = pull_varnos_of_level(nullptr, conjunct, 0);
  int table = -1;
  return !checkExprHasSubLink(conjunct) && is_cheap(conjunct) &&
         bms_get_singleton_member(tables, &table) && table <= list_length(level.query->rtable) &&
         rt_fetch(table, level.query->rtable)->rtekind == RTE_RELATION;
}

struct ConditionSearch {
  Search search;
  bool outer_joins;
};

/// Of a FROM clause. Shape: `context` is a ConditionSearch.
bool conditions_may_raise(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  auto& found = *static_cast<ConditionSearch*>(context);
  Node* quals = nullptr;
  if (IsA(node, FromExpr)) {
    quals = reinterpret_cast<FromExpr*>(node)->quals;
  } else if (IsA(node, JoinExpr)) {
    quals = reinterpret_cast<JoinExpr*>(node)->quals;
  } else if (!IsA(node, List)) {
    return false;
  }
  ListCell* cell;
  foreach (cell, conjuncts_of(quals)) {
    auto* conjunct = static_cast<Node*>(lfirst(cell));
    const bool restricts = !found.outer_joins && restricts_one_table(conjunct, found.search.level);
    if (conjunct != found.search.exempt && !restricts &&
        may_raise_walker(conjunct, &found.search)) {
      return true;
    }
  }
  // Not the conditions once more, as expressions.
  List* parts = IsA(node, List)       ? reinterpret_cast<List*>(node)
                : IsA(node, FromExpr) ? reinterpret_cast<FromExpr*>(node)->fromlist
                                      : list_make2(reinterpret_cast<JoinExpr*>(node)->larg,
                                                   reinterpret_cast<JoinExpr*>(node)->rarg);
  foreach (cell, parts) {
    if (conditions_may_raise(static_cast<Node*>(lfirst(cell)), context)) {
      return true;
    }
  }
  return false;
}

/// The query of a CTE that the planner may inline; null where it runs it apart.
const Query* inlined_cte(const QueryLevel& level, const RangeTblEntry& entry,
                         const QueryLevel*& home) {
  home = level_above(level, entry.ctelevelsup);
  ListCell* cell;
  foreach (cell, home == nullptr ? NIL : home->query->cteList) {
    const auto* cte = static_cast<const CommonTableExpr*>(lfirst(cell));
    if (strcmp(cte->ctename, entry.ctename) == 0) {
      const bool apart = cte->ctematerialized == CTEMaterializeAlways || cte->cterecursive ||
                         (cte->cterefcount > 1 && cte->ctematerialized != CTEMaterializeNever);
      return apart ? nullptr : reinterpret_cast<const Query*>(cte->ctequery);
    }
  }
  return nullptr;
}

/// Whether what the planner may make one join of has a condition, or a computed column, that may
/// raise and is evaluated for other rows where the joins come in another order.
bool from_may_raise(const QueryLevel& level, const Node* exempt) {
  check_stack_depth();
  ListCell* cell;
  foreach (cell, level.query->rtable) {
    const auto* entry = static_cast<const RangeTblEntry*>(lfirst(cell));
    const Query* inside = entry->rtekind == RTE_SUBQUERY ? entry->subquery : nullptr;
    const QueryLevel* home = &level;
    if (entry->rtekind == RTE_CTE) {
      inside = inlined_cte(level, *entry, home);
    }
    if (entry->lateral || (inside != nullptr && !is_finished(*inside) &&
                           subquery_may_raise({inside, home}, exempt))) {
      return true;
    }
  }
  auto* from = reinterpret_cast<Node*>(level.query->jointree);
  ConditionSearch search{{level, 0, exempt}, has_outer_join(from, nullptr)};
  return conditions_may_raise(from, &search);
}

/// Whether a part calls a function that may raise.
bool calls_unsafe(Node* node, void* context) {
  return node != nullptr && (check_functions_in_node(node, function_may_raise, nullptr) ||
                             expression_tree_walker(node, unprototyped(calls_unsafe), context));
}

}  // namespace

bool is_plain_aggregate(const Aggref& call) {
  return (is_plain_sum(call.aggfnoid) || is_plain_extreme(call.aggfnoid)) &&
         call.agglevelsup == 0 && call.aggorder == NIL && call.aggdistinct == NIL &&
         call.aggfilter == nullptr &&
         (!OidIsValid(call.inputcollid) || get_collation_isdeterministic(call.inputcollid));
}

bool may_raise(Node* part, const QueryLevel& level) { return may_raise_over(part, level, 0); }

bool may_raise_over(Node* part, const QueryLevel& level, int finished) {
  Search search{level, finished, nullptr};
  return may_raise_walker(part, &search);
}

bool surroundings_may_raise(const QueryLevel& level, const Node* conjunct) {
  for (const QueryLevel* at = &level; at != nullptr; at = at->around) {
    if (from_may_raise(*at, conjunct)) {
      return true;
    }
  }
  return false;
}

bool is_never_true(Node* conjunct) {
  if (!IsA(conjunct, Const)) {
    if (!is_folded(conjunct) || calls_unsafe(conjunct, nullptr)) {
      return false;
    }
    conjunct = eval_const_expressions(nullptr, static_cast<Node*>(copyObjectImpl(conjunct)));
  }
  const auto* constant = reinterpret_cast<const Const*>(conjunct);
  return IsA(constant, Const) && (constant->constisnull || !DatumGetBool(constant->constvalue));
}

List* conjuncts_of(Node* quals) {
  if (quals == nullptr) {
    return NIL;
  }
  if (!is_andclause(quals)) {
    return list_make1(quals);
  }
  List* all = NIL;
  ListCell* cell;
  foreach (cell, reinterpret_cast<BoolExpr*>(quals)->args) {
    all = list_concat(all, conjuncts_of(static_cast<Node*>(lfirst(cell))));
  }
  return all;
}

}  // namespace sluice::pg
