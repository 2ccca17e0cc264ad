#include "pg/planner/pull_up_aggregates.h"

#include "pg/planner/node_walk.h"
#include "pg/planner/query_errors.h"
#include "pg/planner/safe_functions.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <optimizer/clauses.h>
#include <optimizer/optimizer.h>
#include <parser/parse_node.h>
#include <parser/parse_oper.h>
#include <parser/parse_relation.h>
#include <rewrite/rewriteManip.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// One aggregated row from tables, and nothing else that a SELECT can have.
bool is_one_plain_aggregate(const Query& sub) {
  const bool plain =
      sub.commandType == CMD_SELECT && sub.hasAggs && !sub.hasWindowFuncs && !sub.hasTargetSRFs &&
      !sub.hasSubLinks && sub.cteList == NIL && sub.groupClause == NIL && sub.groupingSets == NIL &&
      sub.havingQual == nullptr && sub.windowClause == NIL && sub.distinctClause == NIL &&
      sub.sortClause == NIL && sub.limitOffset == nullptr && sub.limitCount == nullptr &&
      sub.rowMarks == NIL && sub.setOperations == nullptr && list_length(sub.targetList) == 1;
  ListCell* cell;
  foreach (cell, sub.rtable) {
    const auto* entry = static_cast<const RangeTblEntry*>(lfirst(cell));
    const bool table = entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_VIEW &&
                       entry->tablesample == nullptr && entry->securityQuals == NIL;
    if (!table && entry->rtekind != RTE_JOIN) {
      return false;
    }
  }
  return plain;
}

/// inner = outer, where `inner` reads the subquery's rows and `outer` the query around it.
struct Correlation {
  Node* inner = nullptr;
  Node* outer = nullptr;
  bool inner_is_left = false;
  Oid group_operator = InvalidOid;
  bool hashable = false;
};

/// Whether rows whose `inner` the comparison takes for the same value form one group.
bool groups_alike(const OpExpr& comparison, Correlation& found) {
  Oid sort_operator = InvalidOid;
  get_sort_group_operators(exprType(found.inner), false, false, false, &sort_operator,
                           &found.group_operator, nullptr, &found.hashable);
  const Node* left = static_cast<Node*>(linitial(comparison.args));
  return OidIsValid(found.group_operator) && found.hashable && op_strict(comparison.opno) &&
         op_hashjoinable(comparison.opno, exprType(left)) &&
         equality_ops_are_compatible(comparison.opno, found.group_operator) &&
         exprCollation(found.inner) == comparison.inputcollid;
}

/// Whether `conjunct` of a subquery's WHERE compares a value of its rows with one from around it.
bool read_correlation(Node* conjunct, Correlation& found) {
  if (!IsA(conjunct, OpExpr) || list_length(reinterpret_cast<OpExpr*>(conjunct)->args) != 2) {
    return false;
  }
  const auto& comparison = *reinterpret_cast<const OpExpr*>(conjunct);
  auto* left = static_cast<Node*>(linitial(comparison.args));
  auto* right = static_cast<Node*>(lsecond(comparison.args));
  found.inner_is_left = contain_vars_of_level(left, 0);
  found.inner = found.inner_is_left ? left : right;
  found.outer = found.inner_is_left ? right : left;
  return contain_vars_of_level(found.inner, 0) && !contain_vars_of_level(found.inner, 1) &&
         !contain_vars_of_level(found.outer, 0) && contain_vars_of_level(found.outer, 1) &&
         groups_alike(comparison, found);
}

/// The subquery of `sublink`, about to become range table entry `index` of the query around it.
struct PulledUp {
  int index;
  Query* grouped = nullptr;
  List* join_conditions = NIL;
};

/// A Var of the query around, for a new column of the grouped subquery.
Node* add_column(PulledUp& pulled, Expr* expr, const char* name) {
  List*& targets = pulled.grouped->targetList;
  TargetEntry* entry = makeTargetEntry(expr, static_cast<AttrNumber>(list_length(targets) + 1),
                                       pstrdup(name), false);
  targets = lappend(targets, entry);
  auto* node = reinterpret_cast<Node*>(expr);
  return reinterpret_cast<Node*>(makeVar(pulled.index, entry->resno, exprType(node),
                                         exprTypmod(node), exprCollation(node), 0));
}

void add_group_key(PulledUp& pulled, const OpExpr& comparison, const Correlation& found) {
  Node* column = add_column(pulled, reinterpret_cast<Expr*>(found.inner), "key");
  auto* entry = static_cast<TargetEntry*>(llast(pulled.grouped->targetList));
  auto* clause = makeNode(SortGroupClause);
  clause->tleSortGroupRef = static_cast<Index>(list_length(pulled.grouped->groupClause) + 1);
  clause->eqop = found.group_operator;
  Oid unused = InvalidOid;
  get_sort_group_operators(exprType(found.inner), false, false, false, &clause->sortop, &unused,
                           nullptr, nullptr);
  clause->hashable = found.hashable;
  entry->ressortgroupref = clause->tleSortGroupRef;
  pulled.grouped->groupClause = lappend(pulled.grouped->groupClause, clause);

  auto* join = static_cast<OpExpr*>(copyObjectImpl(&comparison));
  auto* outer = static_cast<Node*>(copyObjectImpl(found.outer));
  IncrementVarSublevelsUp(outer, -1, 1);
  join->args = found.inner_is_left ? list_make2(column, outer) : list_make2(outer, column);
  pulled.join_conditions = lappend(pulled.join_conditions, join);
}

Node* as_numeric(Node* value) {
  if (exprType(value) == NUMERICOID) {
    return value;
  }
  return reinterpret_cast<Node*>(makeFuncExpr(F_NUMERIC_INT8, NUMERICOID, list_make1(value),
                                              InvalidOid, InvalidOid, COERCE_EXPLICIT_CAST));
}

/// `call` with another function, of the same argument.
Expr* call_of(const Aggref& call, Oid function, Oid type) {
  auto* other = static_cast<Aggref*>(copyObjectImpl(&call));
  other->aggfnoid = function;
  other->aggtype = type;
  return reinterpret_cast<Expr*>(other);
}

Oid sum_of_average(Oid average) {
  switch (average) {
    case F_AVG_INT2:
      return F_SUM_INT2;
    case F_AVG_INT4:
      return F_SUM_INT4;
    case F_AVG_INT8:
      return F_SUM_INT8;
    case F_AVG_NUMERIC:
      return F_SUM_NUMERIC;
    default:
      return InvalidOid;
  }
}

/// The value of an aggregate over the columns of its group. An average is a division of two, as
/// its final function does it, for the engine has no averages below a join; where the count is 0
/// the sum is NULL, and so nothing is divided.
Node* grouped_value(PulledUp& pulled, const Aggref& call) {
  const Oid sum = sum_of_average(call.aggfnoid);
  if (!OidIsValid(sum)) {
    return add_column(pulled, call_of(call, call.aggfnoid, call.aggtype), "value");
  }
  Node* total = add_column(pulled, call_of(call, sum, get_func_rettype(sum)), "sum");
  Node* count = add_column(pulled, call_of(call, F_COUNT_ANY, INT8OID), "count");
  FuncExpr* average =
      makeFuncExpr(F_NUMERIC_DIV, NUMERICOID, list_make2(as_numeric(total), as_numeric(count)),
                   InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL);
  average->location = kSafeCallLocation;
  return reinterpret_cast<Node*>(average);
}

/// What the subquery's one column is in the query around.
Node* outside_mutator(Node* node, void* context) {
  if (node == nullptr) {
    return nullptr;
  }
  if (IsA(node, Aggref)) {
    return grouped_value(*static_cast<PulledUp*>(context), *reinterpret_cast<Aggref*>(node));
  }
  if (IsA(node, Var)) {
    auto* var = static_cast<Var*>(copyObjectImpl(node));
    --var->varlevelsup;  // without GROUP BY there are no others than from around
    return reinterpret_cast<Node*>(var);
  }
  return expression_tree_mutator(node, unprototyped(outside_mutator), context);
}

bool reads_around_in_aggregate(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (IsA(node, Aggref)) {
    return contain_vars_of_level(node, 1);
  }
  return expression_tree_walker(node, unprototyped(reads_around_in_aggregate), context);
}

/// The value of `sub` in the query around, over columns of `pulled.grouped`; null where `sub` is
/// not such that it can be grouped by its correlations.
Node* group_by_correlations(Query* sub, const QueryLevel& around, PulledUp& pulled) {
  const QueryLevel level{sub, &around};
  auto* value = reinterpret_cast<Node*>(linitial_node(TargetEntry, sub->targetList)->expr);
  auto* from = reinterpret_cast<Node*>(sub->jointree->fromlist);
  if (contain_volatile_functions(reinterpret_cast<Node*>(sub)) ||
      reads_around_in_aggregate(value, nullptr) || contain_vars_of_level(from, 1) ||
      may_raise(value, level) || may_raise(reinterpret_cast<Node*>(sub->jointree), level)) {
    return nullptr;
  }
  pulled.grouped = static_cast<Query*>(copyObjectImpl(sub));
  pulled.grouped->targetList = NIL;
  List* kept = NIL;
  ListCell* cell;
  foreach (cell, conjuncts_of(pulled.grouped->jointree->quals)) {
    auto* conjunct = static_cast<Node*>(lfirst(cell));
    Correlation found;
    if (read_correlation(conjunct, found)) {
      add_group_key(pulled, *reinterpret_cast<OpExpr*>(conjunct), found);
    } else if (!contain_vars_of_level(conjunct, 1)) {
      kept = lappend(kept, conjunct);
    } else {
      return nullptr;
    }
  }
  if (pulled.join_conditions == NIL) {
    return nullptr;
  }
  pulled.grouped->jointree->quals = reinterpret_cast<Node*>(make_ands_explicit(kept));
  return outside_mutator(value, &pulled);
}

// ---- the query around ----

struct Replacement {
  const Node* what;
  Node* by;
};

/// Subqueries are left as they are, and not copied.
Node* replace_mutator(Node* node, void* context) {
  if (node == nullptr || IsA(node, Query)) {
    return node;
  }
  const auto& replacement = *static_cast<const Replacement*>(context);
  return node == replacement.what
             ? replacement.by
             : expression_tree_mutator(node, unprototyped(replace_mutator), context);
}

Node* replaced(Node* conjunct, const SubLink& sublink, Node* by) {
  Replacement replacement{reinterpret_cast<const Node*>(&sublink), by};
  return replace_mutator(conjunct, &replacement);
}

/// Appends the scalar subqueries of an expression to the List in `context`.
bool sublinks_walker(Node* node, void* context) {
  if (node == nullptr || IsA(node, Query)) {
    return false;
  }
  if (IsA(node, SubLink) && reinterpret_cast<SubLink*>(node)->subLinkType == EXPR_SUBLINK) {
    auto** found = static_cast<List**>(context);
    *found = lappend(*found, node);
    return false;
  }
  return expression_tree_walker(node, unprototyped(sublinks_walker), context);
}

/// Whether an error can come of `conjunct`, apart from the value of `sublink`.
bool may_raise_around(Node* conjunct, const SubLink& sublink, const QueryLevel& level, int index) {
  auto* link = reinterpret_cast<Node*>(const_cast<SubLink*>(&sublink));
  auto* any_column = reinterpret_cast<Node*>(
      makeVar(index, 1, exprType(link), exprTypmod(link), exprCollation(link), 0));
  return may_raise_over(replaced(conjunct, sublink, any_column), level, index);
}

void add_to_from(Query* query, const PulledUp& pulled) {
  ParseState* parsing = make_parsestate(nullptr);
  const ParseNamespaceItem* item = addRangeTableEntryForSubquery(
      parsing, pulled.grouped, makeAlias("correlated", NIL), false, false);
  query->rtable = lappend(query->rtable, item->p_rte);
  free_parsestate(parsing);
  auto* reference = makeNode(RangeTblRef);
  reference->rtindex = pulled.index;
  query->jointree->fromlist = lappend(query->jointree->fromlist, reference);
}

/// `conjunct` of the query's WHERE, with a column for its scalar aggregate where that can be pulled
/// up. New conditions are appended to `joins`.
Node* rewrite_conjunct(Query* query, const QueryLevel& level, Node* conjunct, List** joins) {
  List* sublinks = NIL;
  (void)sublinks_walker(conjunct, &sublinks);
  if (list_length(sublinks) != 1) {
    return conjunct;
  }
  const auto& sublink = *static_cast<const SubLink*>(linitial(sublinks));
  auto* sub = reinterpret_cast<Query*>(sublink.subselect);
  PulledUp pulled{list_length(query->rtable) + 1};
  if (!is_one_plain_aggregate(*sub) || surroundings_may_raise(level, conjunct) ||
      may_raise_around(conjunct, sublink, level, pulled.index)) {
    return conjunct;
  }
  Node* value = group_by_correlations(sub, level, pulled);
  if (value == nullptr) {
    return conjunct;
  }
  // A row without a group may go only where a NULL in place of the value does not pass.
  Node* rewritten = replaced(conjunct, sublink, value);
  if (!bms_is_member(pulled.index, find_nonnullable_rels(rewritten))) {
    return conjunct;
  }
  *joins = list_concat(*joins, pulled.join_conditions);
  add_to_from(query, pulled);
  return rewritten;
}

int rewrite_where(Query* query, const QueryLevel& level) {
  List* written = conjuncts_of(query->jointree->quals);
  List* joins = NIL;
  List* conjuncts = NIL;
  int count = 0;
  ListCell* cell;
  foreach (cell, written) {
    if (is_never_true(static_cast<Node*>(lfirst(cell)))) {
      return 0;
    }
  }
  foreach (cell, written) {
    auto* conjunct = static_cast<Node*>(lfirst(cell));
    Node* rewritten = rewrite_conjunct(query, level, conjunct, &joins);
    count += rewritten != conjunct ? 1 : 0;
    conjuncts = lappend(conjuncts, rewritten);
  }
  if (count > 0) {
    query->jointree->quals =
        reinterpret_cast<Node*>(make_ands_explicit(list_concat(conjuncts, joins)));
  }
  return count;
}

struct Rewriting {
  const QueryLevel* around;
  int count;
};

/// Shape: `context` is a Rewriting.
bool query_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (!IsA(node, Query)) {
    return expression_tree_walker(node, unprototyped(query_walker), context);
  }
  auto& rewriting = *static_cast<Rewriting*>(context);
  auto* query = reinterpret_cast<Query*>(node);
  const QueryLevel level{query, rewriting.around};
  if (query->commandType == CMD_SELECT && query->hasSubLinks && query->rowMarks == NIL) {
    rewriting.count += rewrite_where(query, level);
  }
  rewriting.around = &level;
  const bool ended = query_tree_walker(query, unprototyped(query_walker), context, 0);
  rewriting.around = level.around;
  return ended;
}

}  // namespace

int pull_up_scalar_aggregates(Query* query) {
  Rewriting rewriting{nullptr, 0};
  (void)query_walker(reinterpret_cast<Node*>(query), &rewriting);
  return rewriting.count;
}

}  // namespace sluice::pg
