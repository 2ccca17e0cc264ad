// The part of ExprLowering for what the engine has no kernel for: PostgreSQL evaluates it, row by
// row, inside the engine.
#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/leaves.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/node_walk.h"
#include "pg/planner/user_code.h"
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
  int conditions = 0;        // > 0: PostgreSQL might not evaluate that
};

bool needs_more_walker(Node* node, void* context);

bool needs_more(void* node, Inputs& inputs) {
  return needs_more_walker(static_cast<Node*>(node), &inputs);
}

/// Of what is evaluated only on a condition.
[[gnu::noinline]] bool needs_more_if_evaluated(void* node, Inputs& inputs) {
  ++inputs.conditions;
  const bool more = needs_more(node, inputs);
  --inputs.conditions;
  return more;
}

/// Of a list of which the first is always evaluated.
[[gnu::noinline]] bool needs_more_in_turn(const List* list, Inputs& inputs) {
  bool more = false;
  for (int i = 0; i < list_length(list) && !more; ++i) {
    more = i == 0 ? needs_more(list_nth(list, i), inputs)
                  : needs_more_if_evaluated(list_nth(list, i), inputs);
  }
  return more;
}

/// The conditions and results of a CASE; the first condition is always evaluated.
[[gnu::noinline]] bool needs_more_in_case(const CaseExpr& choice, Inputs& inputs) {
  inputs.cases_with_value += choice.arg != nullptr ? 1 : 0;
  bool more = needs_more_if_evaluated(choice.defresult, inputs);
  for (int i = 0; i < list_length(choice.args) && !more; ++i) {
    const auto* when = static_cast<const CaseWhen*>(list_nth(choice.args, i));
    more =
        (i == 0 ? needs_more(when->expr, inputs) : needs_more_if_evaluated(when->expr, inputs)) ||
        needs_more_if_evaluated(when->result, inputs);
  }
  inputs.cases_with_value -= choice.arg != nullptr ? 1 : 0;
  return more;
}

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
      // Init plans run before the run.
      return param->paramkind != PARAM_EXTERN &&
             (param->paramkind != PARAM_EXEC || inputs->conditions > 0 ||
              !bms_is_member(param->paramid, inputs->init_plan_params));
    }
    case T_CaseTestExpr:
      return inputs->cases_with_value == 0;
    case T_CaseExpr: {
      const auto* choice = reinterpret_cast<const CaseExpr*>(node);
      return needs_more(choice->arg, *inputs) || needs_more_in_case(*choice, *inputs);
    }
    case T_CoalesceExpr:
      return needs_more_in_turn(reinterpret_cast<const CoalesceExpr*>(node)->args, *inputs);
    case T_BoolExpr:
      return needs_more_in_turn(reinterpret_cast<const BoolExpr*>(node)->args, *inputs);
    case T_RowCompareExpr: {
      const auto* rows = reinterpret_cast<const RowCompareExpr*>(node);
      return needs_more_in_turn(rows->largs, *inputs) || needs_more_in_turn(rows->rargs, *inputs);
    }
    case T_SubscriptingRef: {
      const auto* part = reinterpret_cast<const SubscriptingRef*>(node);
      return needs_more(part->refexpr, *inputs) ||
             needs_more_if_evaluated(part->refupperindexpr, *inputs) ||
             needs_more_if_evaluated(part->reflowerindexpr, *inputs) ||
             needs_more_if_evaluated(part->refassgnexpr, *inputs);
    }
    case T_ArrayCoerceExpr: {
      const auto* cast = reinterpret_cast<const ArrayCoerceExpr*>(node);
      if (needs_more(cast->arg, *inputs)) {
        return true;
      }
      ++inputs->cases_with_value;  // that of an element
      const bool more = needs_more_if_evaluated(cast->elemexpr, *inputs);
      --inputs->cases_with_value;
      return more;
    }
    case T_List:
    case T_FuncExpr:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_ScalarArrayOpExpr:
    case T_BooleanTest:
    case T_NullTest:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_MinMaxExpr:
    case T_ArrayExpr:
    case T_RowExpr:
    case T_FieldSelect:
    case T_SQLValueFunction:
    case T_XmlExpr:
      return expression_tree_walker(node, unprototyped(needs_more_walker), context);
    default:
      return true;
  }
}

/// Leaf i of the list in `context` becomes PARAM_EXEC i + 1: functions may keep what they make of a
/// PARAM_EXTERN, which has one value for the whole query. Runs in: call(); a C callback of
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
  param->paramkind = PARAM_EXEC;
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

/// What a seat needs to evaluate an expression.
struct Needs {
  bool can_have;  // values alone
  bool built_in;  // no function of users' is called
  List* leaves;
};

/// What has one value for the whole run is the leader's to evaluate, before the run, but for users'
/// functions: an error of theirs is PostgreSQL's only where it comes to them.
Needs needs_of(Node* expr, const Bitmapset* init_plan_params) {
  if (IsA(expr, Var) || IsA(expr, Aggref) || IsA(expr, Param) || IsA(expr, Const)) {
    return {false, true, NIL};
  }
  const bool built_in = calls_built_ins_only(expr);
  return call([expr, init_plan_params, built_in] {
    Inputs inputs{init_plan_params};
    const bool plain = !needs_more_walker(expr, &inputs) && (inputs.reads_rows || !built_in) &&
                       !contain_volatile_functions(expr) && !may_call_unseen(expr) &&
                       !expression_returns_set(expr);
    return Needs{plain, built_in, inputs.leaves};
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
std::optional<Value> ExprLowering::lower_foreign(Node* expr) {
  const Needs needs = needs_of(expr, lowering_.statement.init_plan_params);
  const auto type = carried_type_of_expr(expr);
  if (!needs.can_have || !type.has_value()) {
    return std::nullopt;
  }
  List* const leaves = needs.leaves;
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
  users_calls_ += needs.built_in ? 0 : 1;
  lowering_.calls_users = lowering_.calls_users || !needs.built_in;
  Node* const body = call([expr, leaves] { return as_params(expr, leaves); });
  args.front() = plan::Expr::make_bytes(foreign_definition(name_of(expr), body),
                                        DataType::of(TypeKind::kText));
  lowering_.forbids_workers = lowering_.forbids_workers || forbids_workers(expr);
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
