#include "pg/planner/lower_expr.h"

#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/plan_errors.h"
#include "pg/planner/user_code.h"
#include "pg/port/types.h"
#include "plan/limits.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <nodes/nodeFuncs.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::Op;
using plan::TypeKind;

constexpr std::size_t kCopiedExprsMax = 100'000;

std::size_t count_exprs(const plan::Expr& expr) {
  std::size_t count = 1;
  for (const plan::Expr& arg : expr.args) {
    count += count_exprs(arg);
  }
  return count;
}

struct TypeOfExpr {
  Oid type;
  std::int32_t typmod;
  Oid collation;
};

TypeOfExpr type_of_expr(Node* expr) {
  return call([expr] { return TypeOfExpr{exprType(expr), exprTypmod(expr), exprCollation(expr)}; });
}

std::string type_name(Oid type, std::int32_t typmod) {
  return call([type, typmod] { return format_type_with_typemod(type, typmod); });
}

}  // namespace

std::optional<DataType> data_type_of_expr(Node* expr) {
  const TypeOfExpr type = type_of_expr(expr);
  return data_type_of(type.type, type.typmod, type.collation);
}

std::optional<DataType> carried_type_of_expr(Node* expr) {
  const TypeOfExpr type = type_of_expr(expr);
  return column_type_of(type.type, type.typmod, type.collation);
}

std::string describe_expr(Node* expr) {
  const char* name = call([expr]() -> const char* {
    switch (nodeTag(expr)) {
      case T_OpExpr:
      case T_DistinctExpr:
      case T_NullIfExpr:
        return psprintf("operator %s", get_opname(reinterpret_cast<OpExpr*>(expr)->opno));
      case T_ScalarArrayOpExpr:
        return psprintf("operator %s with an array",
                        get_opname(reinterpret_cast<ScalarArrayOpExpr*>(expr)->opno));
      case T_FuncExpr:
        return psprintf("function %s", get_func_name(reinterpret_cast<FuncExpr*>(expr)->funcid));
      case T_Aggref:
        return psprintf("aggregate %s", get_func_name(reinterpret_cast<Aggref*>(expr)->aggfnoid));
      case T_SubPlan:
      case T_AlternativeSubPlan:
        return "subquery";
      case T_Param:
        return "parameter";
      case T_CoerceViaIO:
      case T_CoerceToDomain:
      case T_ArrayCoerceExpr:
      case T_ConvertRowtypeExpr:
        return psprintf("cast to %s", format_type_be(exprType(expr)));
      case T_Var:
        return "column";
      default:
        return psprintf("expression of type %s (node %d)", format_type_be(exprType(expr)),
                        static_cast<int>(nodeTag(expr)));
    }
  });
  return name;
}

void ExprLowering::note_abandon(const char* what) {
  if (lowering_.may_abandon.empty()) {
    lowering_.may_abandon = what;
  }
}

void ExprLowering::note_copy(const plan::Expr& expr) {
  copied_exprs_ += count_exprs(expr);
  if (copied_exprs_ > kCopiedExprsMax) {
    decline(Reason::kExpression, "CASE, COALESCE or ANY of an expression that is too large");
  }
}

void ExprLowering::check_called_once(std::size_t before) const {
  if (users_calls_ != before) {
    decline(Reason::kExpression, "users' function whose value is looked at more than once");
  }
}

Value ExprLowering::lower(Node* expr) {
  if (depth_ == plan::kExprDepthMax) {
    too_deep_ = true;
    decline(Reason::kExpression, "expression nested too deeply");
  }
  const std::size_t depth = depth_++;
  const int conditional_depth = conditional_depth_;
  TestValue* const test_value = test_value_;
  std::optional<Value> value;
  try {
    value = lower_any(expr);
  } catch (const Declined&) {
    depth_ = depth;
    conditional_depth_ = conditional_depth;
    test_value_ = test_value;
    // Each level would walk all that lies below, on top of this stack.
    if (!too_deep_) {
      value = lower_foreign(expr);
    }
    if (!value.has_value()) {
      throw;
    }
  }
  depth_ = depth;
  return std::move(*value);
}

Value ExprLowering::lower_any(Node* expr) {
  switch (nodeTag(expr)) {
    case T_Var:
    case T_Aggref:
      return lower_leaf(expr);
    case T_Const:
      return lower_constant(*reinterpret_cast<const Const*>(expr));
    case T_CaseTestExpr:
      if (test_value_ == nullptr) {
        decline(Reason::kExpression, describe_expr(expr));
      }
      note_copy(test_value_->value->expr);
      return *test_value_->value;
    default:
      break;
  }
  if (is_run_constant(expr, lowering_.statement.init_plan_params)) {
    return lower_parameter(expr);
  }
  switch (nodeTag(expr)) {
    case T_OpExpr: {
      const auto* op = reinterpret_cast<const OpExpr*>(expr);
      return lower_function(expr, op->opfuncid, op->args, op->inputcollid);
    }
    case T_FuncExpr: {
      const auto* function = reinterpret_cast<const FuncExpr*>(expr);
      return lower_function(expr, function->funcid, function->args, function->inputcollid);
    }
    case T_ScalarArrayOpExpr:
      return lower_array_test(*reinterpret_cast<const ScalarArrayOpExpr*>(expr));
    case T_BoolExpr:
      return lower_bool(*reinterpret_cast<const BoolExpr*>(expr));
    case T_NullTest:
      return lower_null_test(*reinterpret_cast<const NullTest*>(expr));
    case T_BooleanTest:
      return lower_boolean_test(*reinterpret_cast<const BooleanTest*>(expr));
    case T_CaseExpr:
      return lower_case(*reinterpret_cast<const CaseExpr*>(expr));
    case T_CoalesceExpr:
      return lower_coalesce(*reinterpret_cast<const CoalesceExpr*>(expr));
    case T_RelabelType:
      return lower_relabel(*reinterpret_cast<const RelabelType*>(expr));
    default:
      decline(Reason::kExpression, describe_expr(expr));
  }
}

plan::Expr ExprLowering::lower_fixed(Node* expr) {
  Value value = lower(expr);
  if (value.scale.has_value()) {
    decline(Reason::kExpression, "numeric whose scale differs from row to row");
  }
  return std::move(value.expr);
}

std::vector<plan::Expr> ExprLowering::lower_conjuncts(List* quals) {
  std::vector<plan::Expr> conjuncts;
  for (int i = 0; i < list_length(quals); ++i) {
    conjuncts.push_back(lower(static_cast<Node*>(list_nth(quals, i))).expr);
  }
  return conjuncts;
}

Value ExprLowering::lower_leaf(Node* leaf) {
  const ScopeColumn* column = scope_.find(leaf);
  if (column == nullptr) {
    decline(Reason::kExpression, describe_expr(leaf));
  }
  if (column->kind != OutputKind::kColumn) {
    decline(Reason::kAggregate, "avg is not yet a value inside the engine");
  }
  Value value{plan::Expr::make_column(column->column, column->type), column->not_null,
              std::nullopt};
  if (column->scale_column.has_value()) {
    value.scale = plan::Expr::make_column(*column->scale_column, DataType::of(TypeKind::kInt32));
  }
  return value;
}

Value ExprLowering::lower_constant(const Const& constant) {
  std::optional<DataType> type;
  if (constant.consttype == NUMERICOID) {
    type = constant.constisnull ? DataType::decimal(1, 0) : decimal_type_of(constant.constvalue);
  } else {
    type = column_type_of(constant.consttype, constant.consttypmod, constant.constcollid);
  }
  if (!type.has_value()) {
    decline(Reason::kType,
            "constant of type " + type_name(constant.consttype, constant.consttypmod));
  }
  auto expr = constant_of(constant.constvalue, constant.constisnull, *type,
                          {static_cast<std::int16_t>(constant.constlen), constant.constbyval});
  if (!expr.has_value()) {
    decline(Reason::kType,
            "constant of type " + type_name(constant.consttype, constant.consttypmod));
  }
  return {std::move(*expr), !constant.constisnull, std::nullopt};
}

/// A numeric of any scale is for whoever knows a scale for it: is_open_numeric().
Value ExprLowering::lower_parameter(Node* expr) {
  const auto type = is_open_numeric(expr) ? std::nullopt : carried_type_of_expr(expr);
  if (!type.has_value()) {
    const auto oid = call([expr] { return exprType(expr); });
    decline(Reason::kParameter, "run-time value of type " + type_name(oid, -1));
  }
  return add_parameter(expr, {*type, ParamFit::kExact});
}

Value ExprLowering::add_parameter(Node* expr, const ParamType& type) {
  // The leader evaluates run-time values before the run, where PostgreSQL might never have come to
  // this one. If that raises an error, PostgreSQL's own plan decides: see LeaderScan. Built-in
  // functions hold nothing that the error would leave behind; others may.
  if (!IsA(expr, Param) && !calls_built_ins_only(expr)) {
    decline(Reason::kParameter, "run-time value of a function that is not built in");
  }
  if (conditional_depth_ > 0 && init_plan_params_of(expr) != nullptr) {
    decline(Reason::kParameter, "subquery in a part that is evaluated only on a condition");
  }
  // Init plans run before the run, too, their errors first; their effects must not.
  if (reads_volatile_subquery(lowering_.statement, expr)) {
    decline(Reason::kParameter, "subquery with a volatile function");
  }
  std::size_t number = 0;
  while (number < lowering_.param_exprs.size()) {
    Node* other = lowering_.param_exprs[number];
    if (lowering_.param_types[number] == type &&
        call([other, expr] { return equal(other, expr); })) {
      break;
    }
    ++number;
  }
  if (number == lowering_.param_exprs.size()) {
    lowering_.param_exprs.push_back(expr);
    lowering_.param_types.push_back(type);
  }
  return {plan::Expr::make_param(static_cast<std::uint32_t>(number), type.type), false,
          std::nullopt};
}

/// Only relabelings that leave the engine's type alone: varchar as text, a domain as its base type,
/// numeric as unconstrained numeric, another deterministic collation.
Value ExprLowering::lower_relabel(const RelabelType& relabel) {
  Value value = lower(reinterpret_cast<Node*>(relabel.arg));
  const bool numeric = value.expr.type.kind == TypeKind::kDecimal &&
                       relabel.resulttype == NUMERICOID && relabel.resulttypmod == -1;
  const auto type = data_type_of(relabel.resulttype, -1, relabel.resultcollid);
  if (!numeric && (!type.has_value() || type->kind == TypeKind::kDecimal ||
                   type->kind != value.expr.type.kind)) {
    decline(Reason::kExpression, "cast to " + type_name(relabel.resulttype, relabel.resulttypmod));
  }
  return value;
}

Value ExprLowering::lower_bool(const BoolExpr& expr) {
  std::vector<plan::Expr> args;
  bool not_null = true;
  for (int i = 0; i < list_length(expr.args); ++i) {
    conditional_depth_ += i > 0 ? 1 : 0;
    Value arg = lower(static_cast<Node*>(list_nth(expr.args, i)));
    conditional_depth_ -= i > 0 ? 1 : 0;
    not_null = not_null && arg.not_null;
    args.push_back(std::move(arg.expr));
  }
  Op op = Op::kNot;
  if (expr.boolop != NOT_EXPR) {
    op = expr.boolop == AND_EXPR ? Op::kAnd : Op::kOr;
  }
  return {plan::Expr::make_call(op, DataType::of(TypeKind::kBool), std::move(args)), not_null,
          std::nullopt};
}

Value ExprLowering::lower_null_test(const NullTest& test) {
  if (test.argisrow) {
    decline(Reason::kExpression, "IS NULL of a row");
  }
  Value arg = lower(reinterpret_cast<Node*>(test.arg));
  std::vector<plan::Expr> args;
  args.push_back(std::move(arg.expr));
  const Op op = test.nulltesttype == IS_NULL ? Op::kIsNull : Op::kIsNotNull;
  return {plan::Expr::make_call(op, DataType::of(TypeKind::kBool), std::move(args)), true,
          std::nullopt};
}

}  // namespace sluice::pg
