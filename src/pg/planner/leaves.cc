#include "pg/planner/leaves.h"

#include "base/check.h"
#include "pg/border/call.h"
#include "pg/planner/node_walk.h"
#include "pg/planner/plan_children.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
#include <nodes/primnodes.h>
#include <optimizer/optimizer.h>
#include <utils/fmgroids.h>
SLUICE_PG_HEADERS_END

#include <algorithm>

namespace sluice::pg {

namespace {

bool is_leaf(const Node* node) {
  return IsA(node, Var) || IsA(node, Aggref) || IsA(node, GroupingFunc);
}

/// Runs in: call(); a C callback of expression_tree_walker.
bool collect_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (is_leaf(node)) {
    auto** found = static_cast<List**>(context);
    *found = lappend(*found, node);
    return false;
  }
  return expression_tree_walker(node, unprototyped(collect_walker), context);
}

struct ReplaceContext {
  const LeafReplacement* replacements;
  std::size_t count;
  bool missing;
};

/// Runs in: call(); a C callback of expression_tree_mutator.
Node* leaf_mutator(Node* node, void* context) {
  if (node == nullptr) {
    return nullptr;
  }
  if (is_leaf(node)) {
    auto* replace = static_cast<ReplaceContext*>(context);
    for (std::size_t i = 0; i < replace->count; ++i) {
      if (same_leaf(replace->replacements[i].leaf, node)) {
        return static_cast<Node*>(copyObjectImpl(replace->replacements[i].by));
      }
    }
    replace->missing = true;
    return node;
  }
  return expression_tree_mutator(node, unprototyped(leaf_mutator), context);
}

/// True as soon as something is not constant during a run. Runs in: call().
bool varies_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  switch (nodeTag(node)) {
    case T_Var:
    case T_Aggref:
    case T_GroupingFunc:
    case T_WindowFunc:
    case T_SubPlan:
    case T_AlternativeSubPlan:
    case T_SubLink:
    case T_CaseTestExpr:
    case T_CoerceToDomainValue:
    case T_SetToDefault:
    case T_CurrentOfExpr:
    case T_NextValueExpr:
      return true;
    case T_Param: {
      const auto* param = reinterpret_cast<const Param*>(node);
      if (param->paramkind == PARAM_EXTERN) {
        return false;
      }
      return param->paramkind != PARAM_EXEC ||
             !bms_is_member(param->paramid, static_cast<const Bitmapset*>(context));
    }
    default:
      return expression_tree_walker(node, unprototyped(varies_walker), context);
  }
}

/// Whether the function tells how a value is stored, which the engine does not keep.
bool looks_at_storage(Oid function) {
  return function == F_PG_COLUMN_SIZE || function == F_PG_COLUMN_COMPRESSION;
}

/// A C callback of check_functions_in_node().
bool is_storage_function(Oid function, void*) { return looks_at_storage(function); }

/// May ereport; a C callback of expression_tree_walker() and query_tree_walker().
bool storage_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (IsA(node, Query)) {
    return query_tree_walker(reinterpret_cast<Query*>(node), unprototyped(storage_walker), context,
                             0);
  }
  return check_functions_in_node(node, is_storage_function, context) ||
         expression_tree_walker(node, unprototyped(storage_walker), context);
}

/// Collects into `context`, a Bitmapset*. Runs in: call().
bool init_plan_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  if (IsA(node, Param)) {
    const auto* param = reinterpret_cast<const Param*>(node);
    if (param->paramkind == PARAM_EXEC) {
      auto** params = static_cast<Bitmapset**>(context);
      *params = bms_add_member(*params, param->paramid);
    }
    return false;
  }
  return expression_tree_walker(node, unprototyped(init_plan_walker), context);
}

/// Runs in: call().
Bitmapset* add_params_of(Bitmapset* params, const Plan* node) {
  ListCell* cell;
  foreach (cell, node->initPlan) {
    const auto* init_plan = static_cast<const SubPlan*>(lfirst(cell));
    ListCell* param;
    foreach (param, init_plan->setParam) {
      params = bms_add_member(params, lfirst_int(param));
    }
  }
  for_each_child(node, [&params](const Plan* child) { params = add_params_of(params, child); });
  return params;
}

}  // namespace

bool same_leaf(const Node* a, const Node* b) {
  if (nodeTag(a) != nodeTag(b)) {
    return false;
  }
  if (IsA(a, Var)) {
    const auto* left = reinterpret_cast<const Var*>(a);
    const auto* right = reinterpret_cast<const Var*>(b);
    return left->varno == right->varno && left->varattno == right->varattno;
  }
  if (IsA(a, GroupingFunc)) {
    return a == b;
  }
  return reinterpret_cast<const Aggref*>(a)->aggno == reinterpret_cast<const Aggref*>(b)->aggno;
}

void collect_leaves(Node* expr, std::vector<Node*>& leaves) {
  List* found = call([expr] {
    List* list = NIL;
    (void)collect_walker(expr, &list);
    return list;
  });
  for (int i = 0; i < list_length(found); ++i) {
    auto* leaf = static_cast<Node*>(found->elements[i].ptr_value);
    bool known = false;
    for (const Node* other : leaves) {
      known = known || same_leaf(other, leaf);
    }
    if (!known) {
      leaves.push_back(leaf);
    }
  }
}

bool reads_side(const std::vector<Node*>& leaves, int varno) {
  return std::ranges::any_of(leaves, [varno](const Node* leaf) {
    return IsA(leaf, Var) && reinterpret_cast<const Var*>(leaf)->varno == varno;
  });
}

Node* replace_leaves(Node* expr, const std::vector<LeafReplacement>& replacements) {
  ReplaceContext context{replacements.data(), replacements.size(), false};
  Node* replaced = call([expr, &context] { return leaf_mutator(expr, &context); });
  SLUICE_CHECK(!context.missing, "an expression of a lowered plan has an unknown leaf");
  return replaced;
}

bool is_run_constant(Node* expr, const Bitmapset* init_plan_params) {
  return call([expr, init_plan_params] {
    return !varies_walker(expr, const_cast<Bitmapset*>(init_plan_params)) &&
           !contain_volatile_functions(expr);
  });
}

bool reads_storage(Node* expr) { return storage_walker(expr, nullptr); }

bool reads_storage(const Query* query) {
  return storage_walker(reinterpret_cast<Node*>(const_cast<Query*>(query)), nullptr);
}

Bitmapset* init_plan_params_of(Node* run_constants) {
  return call([run_constants] {
    Bitmapset* params = nullptr;
    (void)init_plan_walker(run_constants, &params);
    return params;
  });
}

Bitmapset* add_init_plan_params(Bitmapset* params, Node* plan_tree) {
  return plan_tree == nullptr ? params : call([params, plan_tree] {
    return add_params_of(params, reinterpret_cast<const Plan*>(plan_tree));
  });
}

}  // namespace sluice::pg
