#include "pg/planner/plan_expressions.h"

#include <algorithm>

#include "pg/border/call.h"
#include "pg/planner/node_walk.h"
#include "pg/planner/plan_children.h"
#include "pg/port/custom_scan_methods.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Those that only a node of its kind has. Runs in: call().
List* own_expressions(const Plan* node) {
  switch (nodeTag(node)) {
    case T_Result:
      return list_make1(reinterpret_cast<const Result*>(node)->resconstantqual);
    case T_SampleScan:
      return list_make1(reinterpret_cast<const SampleScan*>(node)->tablesample);
    case T_IndexScan: {
      const auto* scan = reinterpret_cast<const IndexScan*>(node);
      return list_make4(scan->indexqual, scan->indexqualorig, scan->indexorderby,
                        scan->indexorderbyorig);
    }
    case T_IndexOnlyScan: {
      const auto* scan = reinterpret_cast<const IndexOnlyScan*>(node);
      return list_make3(scan->indexqual, scan->recheckqual, scan->indexorderby);
    }
    case T_BitmapIndexScan:
      return list_make1(reinterpret_cast<const BitmapIndexScan*>(node)->indexqual);
    case T_BitmapHeapScan:
      return list_make1(reinterpret_cast<const BitmapHeapScan*>(node)->bitmapqualorig);
    case T_TidScan:
      return list_make1(reinterpret_cast<const TidScan*>(node)->tidquals);
    case T_TidRangeScan:
      return list_make1(reinterpret_cast<const TidRangeScan*>(node)->tidrangequals);
    case T_FunctionScan:
      return list_make1(reinterpret_cast<const FunctionScan*>(node)->functions);
    case T_ValuesScan:
      return list_make1(reinterpret_cast<const ValuesScan*>(node)->values_lists);
    case T_TableFuncScan:
      return list_make1(reinterpret_cast<const TableFuncScan*>(node)->tablefunc);
    case T_ForeignScan: {
      const auto* scan = reinterpret_cast<const ForeignScan*>(node);
      return list_make2(scan->fdw_exprs, scan->fdw_recheck_quals);
    }
    case T_CustomScan:
      return list_make1(reinterpret_cast<const CustomScan*>(node)->custom_exprs);
    case T_NestLoop:
      return list_make1(reinterpret_cast<const NestLoop*>(node)->join.joinqual);
    case T_MergeJoin: {
      const auto* join = reinterpret_cast<const MergeJoin*>(node);
      return list_make2(join->join.joinqual, join->mergeclauses);
    }
    case T_HashJoin: {
      const auto* join = reinterpret_cast<const HashJoin*>(node);
      return list_make3(join->join.joinqual, join->hashclauses, join->hashkeys);
    }
    case T_Hash:
      return list_make1(reinterpret_cast<const Hash*>(node)->hashkeys);
    case T_Memoize:
      return list_make1(reinterpret_cast<const Memoize*>(node)->param_exprs);
    case T_WindowAgg: {
      const auto* window = reinterpret_cast<const WindowAgg*>(node);
      return list_make3(window->startOffset, window->endOffset, window->runCondition);
    }
    case T_Limit: {
      const auto* limit = reinterpret_cast<const Limit*>(node);
      return list_make2(limit->limitOffset, limit->limitCount);
    }
    default:
      return NIL;
  }
}

/// What a node's expressions read. Shape: `params` are integers.
struct Reads {
  List* params;
  List* subqueries;
};

/// Shape: `context` is a Reads. Runs in: call().
bool reads_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  check_stack_depth();
  auto& reads = *static_cast<Reads*>(context);
  if (IsA(node, Param) && reinterpret_cast<const Param*>(node)->paramkind == PARAM_EXEC) {
    reads.params =
        list_append_unique_int(reads.params, reinterpret_cast<const Param*>(node)->paramid);
  } else if (IsA(node, SubPlan)) {
    reads.subqueries = lappend(reads.subqueries, node);
  }
  return expression_tree_walker(node, unprototyped(reads_walker), context);
}

/// Appends the init plans that hang anywhere in `node`. Runs in: call().
List* add_init_plans(List* init_plans, const Plan* node) {
  check_stack_depth();
  init_plans = list_concat(init_plans, node->initPlan);
  for_each_child(
      node, [&init_plans](const Plan* child) { init_plans = add_init_plans(init_plans, child); });
  return init_plans;
}

}  // namespace

const Plan* as_planned(const Plan* node) {
  const auto* scan = reinterpret_cast<const CustomScan*>(node);
  return IsA(node, CustomScan) && scan->methods == &custom_scan_methods
             ? static_cast<const Plan*>(linitial(scan->custom_plans))
             : node;
}

const Plan* plan_of(const Statement& statement, int plan_id) {
  return as_planned(static_cast<const Plan*>(list_nth(statement.planned->subplans, plan_id - 1)));
}

List* expressions_of(const Plan* node) {
  return call([node] {
    return list_concat(list_make2(node->targetlist, node->qual), own_expressions(node));
  });
}

InitPlans init_plans_of(const PlannedStmt* planned) {
  List* all = call([planned] {
    List* found = add_init_plans(NIL, planned->planTree);
    ListCell* cell;
    foreach (cell, planned->subplans) {
      if (lfirst(cell) != nullptr) {
        found = add_init_plans(found, static_cast<const Plan*>(lfirst(cell)));
      }
    }
    return found;
  });
  InitPlans by_param;
  for (int i = 0; i < list_length(all); ++i) {
    const auto* init_plan = static_cast<const SubPlan*>(list_nth(all, i));
    for (int j = 0; j < list_length(init_plan->setParam); ++j) {
      const auto param = static_cast<std::size_t>(list_nth_int(init_plan->setParam, j));
      by_param.resize(std::max(by_param.size(), param + 1));
      by_param[param] = init_plan;
    }
  }
  return by_param;
}

std::vector<const SubPlan*> subqueries_read(List* expressions, const InitPlans& init_plans) {
  const Reads reads = call([expressions] {
    Reads found{NIL, NIL};
    (void)reads_walker(reinterpret_cast<Node*>(expressions), &found);
    return found;
  });
  std::vector<const SubPlan*> subqueries;
  for (int i = 0; i < list_length(reads.subqueries); ++i) {
    subqueries.push_back(static_cast<const SubPlan*>(list_nth(reads.subqueries, i)));
  }
  for (int i = 0; i < list_length(reads.params); ++i) {
    const auto param = static_cast<std::size_t>(list_nth_int(reads.params, i));
    if (param < init_plans.size() && init_plans[param] != nullptr) {
      subqueries.push_back(init_plans[param]);
    }
  }
  return subqueries;
}

}  // namespace sluice::pg
