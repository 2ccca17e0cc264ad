// Agg -> AggregateSpec.
#include <algorithm>
#include <utility>

#include "pg/border/call.h"
#include "pg/planner/aggregate_builder.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/snapshot_knows.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/table.h>
#include <catalog/pg_class.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <nodes/pathnodes.h>
#include <parser/parsetree.h>
#include <utils/builtins.h>
#include <utils/rel.h>
#include <utils/relcache.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

void check_form(const Agg& agg) {
  if (agg.aggstrategy == AGG_MIXED || agg.groupingSets != NIL || agg.chain != NIL) {
    decline(Reason::kAggregate, "grouping sets");
  }
  if (agg.aggsplit != AGGSPLIT_SIMPLE) {
    decline(Reason::kAggregate, "partial aggregate");
  }
}

bool has_distinct(const Node* leaf) {
  return IsA(leaf, Aggref) && reinterpret_cast<const Aggref*>(leaf)->aggdistinct != NIL;
}

/// Groups that PostgreSQL cannot hash.
bool sorts_its_groups(const Agg& agg) { return agg.aggstrategy == AGG_SORTED && agg.numCols > 0; }

/// Whether a subquery below has an ORDER BY of its own: a Sort that is not there for the groups.
bool has_ordered_input(const Agg& agg) {
  const Plan* node = agg.plan.lefttree;
  if (sorts_its_groups(agg) && IsA(node, Sort) &&
      reinterpret_cast<const Sort*>(node)->numCols <= agg.numCols) {
    node = node->lefttree;
  }
  while (node != nullptr) {
    switch (nodeTag(node)) {
      case T_Sort:
      case T_IncrementalSort:
        return true;
      case T_SubqueryScan:
        node = reinterpret_cast<const SubqueryScan*>(node)->subplan;
        break;
      default:
        node = node->lefttree;
        break;
    }
  }
  return false;
}

/// PostgreSQL's own plan may read an index, or sort what is hashed here.
InputOrder input_order_of(const Lowering& lowering, const Agg& agg, const plan::PlanNode& input) {
  const auto table = scanned_table(input);
  if (!table.has_value() || has_ordered_input(agg) || sorts_its_groups(agg)) {
    return InputOrder::kUnknown;
  }
  return comes_in_scan_order(lowering.statement.first, *table) ? InputOrder::kPlanned
                                                               : InputOrder::kOther;
}

/// Whether no two rows that the snapshot sees have the same primary key.
bool has_known_key(Oid oid) {
  return call([oid] {
    Relation relation = table_open(oid, NoLock);
    const Oid index = RelationGetPrimaryKeyIndex(relation);
    table_close(relation, NoLock);
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(tuple)) {
      return false;
    }
    const bool known = snapshot_knows(tuple);
    ReleaseSysCache(tuple);
    return known;
  });
}

/// Of which table this one is a part or an heir; 0 for none.
Index parent_of(const PlannedStmt* planned, Index child) {
  for (int i = 0; i < list_length(planned->appendRelations); ++i) {
    const auto* relation = list_nth_node(AppendRelInfo, planned->appendRelations, i);
    if (relation->child_relid == child) {
      return relation->parent_relid;
    }
  }
  return 0;
}

bool has_heirs(const PlannedStmt* planned, Index table) {
  for (int i = 0; i < list_length(planned->appendRelations); ++i) {
    if (list_nth_node(AppendRelInfo, planned->appendRelations, i)->parent_relid == table) {
      return rt_fetch(table, planned->rtable)->relkind != RELKIND_PARTITIONED_TABLE;
    }
  }
  return false;
}

/// Whether rows of the table that a column is of may share their primary key: those that inherit
/// from it, or it from others, and those that the key is too new for. Partitions do not.
bool may_share_keys(const Lowering& lowering, const Node* terminal) {
  const PlannedStmt* planned = lowering.statement.planned;
  Index number =
      IsA(terminal, Var) ? static_cast<Index>(reinterpret_cast<const Var*>(terminal)->varno) : 0;
  bool share = number == 0;
  while (number != 0 && !share) {
    const RangeTblEntry* entry = rt_fetch(number, planned->rtable);
    share = entry->rtekind != RTE_RELATION || has_heirs(planned, number) ||
            !has_known_key(entry->relid);
    number = parent_of(planned, number);
  }
  return share;
}

/// The Var of a child's targetlist entry.
Var* child_var(Plan* child, AttrNumber attribute) {
  return call([child, attribute] {
    auto* entry = static_cast<TargetEntry*>(list_nth(child->targetlist, attribute - 1));
    return makeVarFromTargetEntry(OUTER_VAR, entry);
  });
}

}  // namespace

Fragment lower_aggregate(Lowering& lowering, const Agg& agg, const std::vector<Node*>& leaves) {
  check_form(agg);
  const bool comes_to_all =
      lowering.read_whole && (std::exchange(lowering.all_groups, true) || agg.numCols == 0);
  Plan* child_plan = agg.plan.lefttree;
  std::vector<Node*> input_leaves;
  for (int i = 0; i < agg.numCols; ++i) {
    auto* key = reinterpret_cast<Node*>(child_var(child_plan, agg.grpColIdx[i]));
    if (!is_known_equality(agg.grpOperators[i])) {
      const char* type = call([key] { return format_type_be(exprType(key)); });
      decline(Reason::kType, std::string("group key of type ") + type);
    }
    if (has_open_length(key)) {
      decline(Reason::kType, "group key of type bpchar without a length");
    }
    input_leaves.push_back(key);
  }
  // A Var that is no group key depends on those by a primary key: one more key changes no group.
  std::vector<Node*> keys = input_leaves;
  const std::size_t grouped = keys.size();
  for (Node* leaf : leaves) {
    if (IsA(leaf, GroupingFunc)) {
      decline(Reason::kAggregate, "GROUPING()");
    }
    if (IsA(leaf, Aggref)) {
      const auto* aggref = reinterpret_cast<const Aggref*>(leaf);
      collect_leaves(reinterpret_cast<Node*>(aggref->args), input_leaves);
      collect_leaves(reinterpret_cast<Node*>(aggref->aggfilter), input_leaves);
    } else if (std::none_of(keys.begin(), keys.end(),
                            [leaf](const Node* key) { return same_leaf(key, leaf); })) {
      keys.push_back(leaf);
      collect_leaves(leaf, input_leaves);
    }
  }
  ChildColumns child = lower_child(
      lowering, child_plan, wanted_attributes(input_leaves, OUTER_VAR, child_plan->targetlist));
  const Scope scope = scope_over_child(input_leaves, OUTER_VAR, child);
  if (std::any_of(keys.begin() + static_cast<std::ptrdiff_t>(grouped), keys.end(),
                  [&](Node* key) { return may_share_keys(lowering, scope.find(key)->terminal); })) {
    decline(Reason::kAggregate, "column of rows that may share their primary key");
  }
  const InputOrder order = input_order_of(lowering, agg, child.node);
  const auto build = [&](bool foreign_distinct) {
    AggregateBuilder builder(lowering, child, scope, order, foreign_distinct, comes_to_all);
    for (Node* key : keys) {
      builder.add_key(reinterpret_cast<Var*>(key));
    }
    for (Node* leaf : leaves) {
      if (IsA(leaf, Aggref)) {
        builder.add_aggregate(reinterpret_cast<Aggref*>(leaf));
      }
    }
    return builder.finish(agg.plan.plan_rows);
  };
  if (std::ranges::none_of(leaves, has_distinct)) {
    return build(false);
  }
  // The engine's DISTINCT goes through groups of its own, which few other aggregates can follow.
  const LoweringMark before = mark_of(lowering);
  try {
    return build(false);
  } catch (const Declined&) {
    go_back(lowering, before);
    return build(true);
  }
}

}  // namespace sluice::pg
