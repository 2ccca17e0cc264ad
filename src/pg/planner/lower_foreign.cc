// The part of ExprLowering for what the engine has no kernel for: PostgreSQL evaluates it, row by
// row, inside the engine.
#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/leaves.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/node_walk.h"
#include "pg/port/foreign_definition.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::TypeKind;

/// What an expression takes from outside of it.
struct Inputs {
  const Bitmapset* init_plan_params;
  List* leaves = NIL;  // Vars, Aggrefs and Params, each once
  bool reads_rows = false;
  int cases_with_value = 0;  // around the part at hand
};

/// Gathers the leaves; true as soon as a part needs more than values: a subquery, a plan's state.
/// Runs in: call(); a C callback of expression_tree_walker.
bool needs_more_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  auto* inputs = static_cast<Inputs*>(context);
  switch (nodeTag(node)) {
    case T_Const:
      return false;
    case T_Var:
    case T_Aggref:
      inputs->leaves = list_append_unique(inputs->leaves, node);
      inputs->reads_rows = true;
      return false;
    case T_Param: {
      const auto* param = reinterpret_cast<const Param*>(node);
      inputs->leaves = list_append_unique(inputs->leaves, node);
      return param->paramkind != PARAM_EXTERN &&
             (param->paramkind != PARAM_EXEC ||
              !bms_is_member(param->paramid, inputs->init_plan_params));
    }
    case T_CaseTestExpr:
      return inputs->cases_with_value == 0;
    case T_CaseExpr: {
      auto* choice = reinterpret_cast<CaseExpr*>(node);
      if (needs_more_walker(reinterpret_cast<Node*>(choice->arg), context)) {
        return true;
      }
      inputs->cases_with_value += choice->arg != nullptr ? 1 : 0;
      const bool more = needs_more_walker(reinterpret_cast<Node*>(choice->args), context) ||
                        needs_more_walker(reinterpret_cast<Node*>(choice->defresult), context);
      inputs->cases_with_value -= choice->arg != nullptr ? 1 : 0;
      return more;
    }
    case T_CaseWhen: {
      auto* when = reinterpret_cast<CaseWhen*>(node);
      return needs_more_walker(reinterpret_cast<Node*>(when->expr), context) ||
             needs_more_walker(reinterpret_cast<Node*>(when->result), context);
    }
    case T_List:
    case T_FuncExpr:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_ScalarArrayOpExpr:
    case T_BoolExpr:
    case T_BooleanTest:
    case T_NullTest:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_ArrayExpr:
    case T_SubscriptingRef:
      return expression_tree_walker(node, unprototyped(needs_more_walker), context);
    default:
      return true;
  }
}

/// Leaf i of the list in `context` becomes PARAM_EXTERN i + 1. Runs in: call(); a C callback of
/// expression_tree_mutator.
Node* as_params(Node* node, void* context) {
  if (node == nullptr) {
    return nullptr;
  }
  if (!IsA(node, Var) && !IsA(node, Aggref) && !IsA(node, Param)) {
    return expression_tree_mutator(node, unprototyped(as_params), context);
  }
  const auto* leaves = static_cast<const List*>(context);
  auto* param = makeNode(Param);
  param->paramkind = PARAM_EXTERN;
  for (int i = 0; i < list_length(leaves); ++i) {
    if (equal(list_nth(leaves, i), node)) {
      param->paramid = i + 1;
    }
  }
  param->paramtype = exprType(node);
  param->paramtypmod = exprTypmod(node);
  param->paramcollid = exprCollation(node);
  param->location = -1;
  return reinterpret_cast<Node*>(param);
}

/// The leaves of `expr`, if any seat can evaluate it from their values alone and it reads rows;
/// else NIL.
List* leaves_of_foreign(Node* expr, const Bitmapset* init_plan_params) {
  if (IsA(expr, Var) || IsA(expr, Aggref) || !calls_built_ins_only(expr)) {
    return NIL;
  }
  return call([expr, init_plan_params] {
    Inputs inputs{init_plan_params};
    const bool plain = !needs_more_walker(expr, &inputs) && inputs.reads_rows &&
                       !contain_volatile_functions(expr) && !expression_returns_set(expr);
    return plain ? inputs.leaves : NIL;
  });
}

/// For EXPLAIN.
std::string name_of(Node* expr) {
  const char* name = call([expr]() -> const char* {
    switch (nodeTag(expr)) {
      case T_FuncExpr:
        return get_func_name(reinterpret_cast<FuncExpr*>(expr)->funcid);
      case T_OpExpr:
        return psprintf("operator %s", get_opname(reinterpret_cast<OpExpr*>(expr)->opno));
      default:
        return "expression";
    }
  });
  return name == nullptr ? "function" : name;
}

}  // namespace

/// `expr` as a call into PostgreSQL; nothing where it needs more than values that columns can hold.
/// Functions that are not built in may run statements of their own in the middle of the run.
std::optional<Value> ExprLowering::lower_foreign(Node* expr) {
  List* const leaves = leaves_of_foreign(expr, lowering_.statement.init_plan_params);
  const auto type = carried_type_of_expr(expr);
  if (leaves == NIL || !type.has_value()) {
    return std::nullopt;
  }
  std::vector<plan::Expr> args(1);
  try {
    for (int i = 0; i < list_length(leaves); ++i) {
      auto* leaf = static_cast<Node*>(list_nth(leaves, i));
      args.push_back(is_open_numeric(leaf)
                         ? add_parameter(leaf, {DataType::of(TypeKind::kOpaque)}).expr
                         : lower_fixed(leaf));
    }
  } catch (const Declined&) {
    return std::nullopt;
  }
  Node* const body = call([expr, leaves] { return as_params(expr, leaves); });
  args.front() = plan::Expr::make_bytes(foreign_definition(name_of(expr), body),
                                        DataType::of(TypeKind::kText));
  if (type->kind == TypeKind::kDecimal) {
    note_abandon("numeric computed by PostgreSQL");
  }
  return Value{plan::Expr::make_call(plan::Op::kForeign, *type, std::move(args)), false,
               std::nullopt};
}

/// What the engine computes comes in one type; an integer for a numeric would print as another.
plan::Expr ExprLowering::lower_exact(Node* expr) {
  Value value = lower(expr);
  const auto type = carried_type_of_expr(expr);
  const bool is_decimal = value.expr.type.kind == TypeKind::kDecimal &&
                          call([expr] { return getBaseType(exprType(expr)) == NUMERICOID; });
  if (!value.scale.has_value() &&
      (is_decimal || (type.has_value() && type->kind == value.expr.type.kind))) {
    return std::move(value.expr);
  }
  std::optional<Value> exact = lower_foreign(expr);
  if (!exact.has_value()) {
    decline(Reason::kExpression, "numeric whose scale differs from row to row");
  }
  return std::move(exact->expr);
}

}  // namespace sluice::pg
