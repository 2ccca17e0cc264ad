// The part of ExprLowering for what the engine has no kernel for: PostgreSQL evaluates it, row by
// row, inside the engine.
#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/leaves.h"
#include "pg/planner/lower_expr.h"
#include "pg/port/foreign_function.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::TypeKind;

/// True as soon as a part needs more than the values of its leaves: a parameter, a subquery, a
/// plan's state. `context` counts the CASEs around that have a value of their own. Runs in: call().
bool needs_more_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  // Declared without a prototype; calls back with (Node*, void*).
  auto* walker = reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(needs_more_walker));
  auto* cases = static_cast<int*>(context);
  switch (nodeTag(node)) {
    case T_Var:
    case T_Aggref:
    case T_Const:
      return false;
    case T_CaseTestExpr:
      return *cases == 0;
    case T_CaseExpr: {
      auto* choice = reinterpret_cast<CaseExpr*>(node);
      if (needs_more_walker(reinterpret_cast<Node*>(choice->arg), context)) {
        return true;
      }
      *cases += choice->arg != nullptr ? 1 : 0;
      const bool more = needs_more_walker(reinterpret_cast<Node*>(choice->args), context) ||
                        needs_more_walker(reinterpret_cast<Node*>(choice->defresult), context);
      *cases -= choice->arg != nullptr ? 1 : 0;
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
      return expression_tree_walker(node, walker, context);
    default:
      return true;
  }
}

/// Whether any seat can evaluate `expr` from the values of its leaves alone.
bool can_be_foreign(Node* expr) {
  const bool plain = call([expr] {
    int cases = 0;
    return !IsA(expr, Var) && !IsA(expr, Aggref) && !IsA(expr, Const) &&
           !needs_more_walker(expr, &cases) && !contain_volatile_functions(expr) &&
           !expression_returns_set(expr);
  });
  return plain && calls_built_ins_only(expr);
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

Node* param_for(Node* leaf, int number) {
  return call([leaf, number] {
    auto* param = makeNode(Param);
    param->paramkind = PARAM_EXTERN;
    param->paramid = number;
    param->paramtype = exprType(leaf);
    param->paramtypmod = exprTypmod(leaf);
    param->paramcollid = exprCollation(leaf);
    param->location = -1;
    return reinterpret_cast<Node*>(param);
  });
}

}  // namespace

/// `expr` as a call into PostgreSQL; nothing where it needs more than values that columns can hold.
/// Functions that are not built in may run statements of their own in the middle of the run.
std::optional<Value> ExprLowering::lower_foreign(Node* expr) {
  if (!can_be_foreign(expr)) {
    return std::nullopt;
  }
  const auto type = data_type_of_expr(expr);
  std::vector<Node*> leaves;
  collect_leaves(expr, leaves);
  if (!type.has_value() || leaves.empty()) {
    return std::nullopt;
  }
  std::vector<plan::Expr> args(1);
  std::vector<LeafReplacement> replacements;
  try {
    for (Node* leaf : leaves) {
      args.push_back(lower_fixed(leaf));
      replacements.push_back({leaf, param_for(leaf, static_cast<int>(args.size()) - 1)});
    }
  } catch (const Declined&) {
    return std::nullopt;
  }
  args.front() =
      plan::Expr::make_bytes(foreign_definition(name_of(expr), replace_leaves(expr, replacements)),
                             DataType::of(TypeKind::kText));
  if (type->kind == TypeKind::kDecimal) {
    note_abandon("numeric computed by PostgreSQL");
  }
  return Value{plan::Expr::make_call(plan::Op::kForeign, *type, std::move(args)), false,
               std::nullopt};
}

}  // namespace sluice::pg
