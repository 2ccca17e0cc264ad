// The part of ExprLowering for CASE, COALESCE and IS TRUE.
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::Op;
using plan::TypeKind;

constexpr DataType kScaleType = DataType::of(TypeKind::kInt32);

bool is_null_constant(const Value& value) {
  return value.expr.kind == plan::ExprKind::kConstant && value.expr.constant.is_null;
}

plan::Expr test_of(Op op, const plan::Expr& operand) {
  return plan::Expr::make_call(op, kBoolType, {operand});
}

plan::Expr truth(bool value) { return plan::Expr::make_integer(value ? 1 : 0, kBoolType); }

/// The scale of a value, NULL where the value is.
plan::Expr scale_of(const Value& value) {
  if (value.scale.has_value()) {
    return *value.scale;
  }
  if (is_null_constant(value)) {
    return plan::Expr::make_null(kScaleType);
  }
  plan::Expr scale = plan::Expr::make_integer(value.expr.type.scale, kScaleType);
  if (value.not_null) {
    return scale;
  }
  return plan::Expr::make_call(
      Op::kCase, kScaleType,
      {test_of(Op::kIsNull, value.expr), plan::Expr::make_null(kScaleType), std::move(scale)});
}

}  // namespace

Value ExprLowering::lower_case(const CaseExpr& expr) {
  Value operand;
  TestValue frame{&operand, test_value_};
  const std::size_t users_before = users_calls_;
  if (expr.arg != nullptr) {
    operand = lower(reinterpret_cast<Node*>(expr.arg));
    check_called_once(users_before);
  }
  std::vector<Branch> branches;
  for (int i = 0; i < list_length(expr.args); ++i) {
    const auto* when = static_cast<const CaseWhen*>(list_nth(expr.args, i));
    conditional_depth_ += i > 0 ? 1 : 0;
    test_value_ = expr.arg != nullptr ? &frame : test_value_;
    plan::Expr condition = lower(reinterpret_cast<Node*>(when->expr)).expr;
    test_value_ = frame.outer;
    conditional_depth_ += i > 0 ? 0 : 1;
    branches.push_back({std::move(condition), lower(reinterpret_cast<Node*>(when->result))});
    --conditional_depth_;
  }
  Value otherwise{plan::Expr::make_null(branches.front().result.expr.type), false, std::nullopt};
  if (expr.defresult != nullptr) {
    ++conditional_depth_;
    otherwise = lower(reinterpret_cast<Node*>(expr.defresult));
    --conditional_depth_;
  }
  return choose(std::move(branches), std::move(otherwise), users_before);
}

Value ExprLowering::lower_coalesce(const CoalesceExpr& expr) {
  std::vector<Branch> branches;
  Value otherwise;
  const std::size_t users_before = users_calls_;
  for (int i = 0; i < list_length(expr.args); ++i) {
    conditional_depth_ += i > 0 ? 1 : 0;
    Value value = lower(static_cast<Node*>(list_nth(expr.args, i)));
    conditional_depth_ -= i > 0 ? 1 : 0;
    if (i + 1 == list_length(expr.args)) {
      otherwise = std::move(value);
    } else {
      note_copy(value.expr);
      check_called_once(users_before);
      plan::Expr condition = test_of(Op::kIsNotNull, value.expr);
      value.not_null = true;  // in this branch
      branches.push_back({std::move(condition), std::move(value)});
    }
  }
  if (branches.empty()) {
    return otherwise;
  }
  return choose(std::move(branches), std::move(otherwise), users_before);
}

Value ExprLowering::lower_boolean_test(const BooleanTest& test) {
  Value arg = lower(reinterpret_cast<Node*>(test.arg));
  const auto when = [](plan::Expr condition, bool then) {
    return Value{plan::Expr::make_call(Op::kCase, kBoolType,
                                       {std::move(condition), truth(then), truth(!then)}),
                 true, std::nullopt};
  };
  switch (test.booltesttype) {
    case IS_TRUE:
      return when(std::move(arg.expr), true);
    case IS_NOT_TRUE:
      return when(std::move(arg.expr), false);
    case IS_FALSE:
      return when(test_of(Op::kNot, arg.expr), true);
    case IS_NOT_FALSE:
      return when(test_of(Op::kNot, arg.expr), false);
    case IS_UNKNOWN:
      return {test_of(Op::kIsNull, arg.expr), true, std::nullopt};
    case IS_NOT_UNKNOWN:
      return {test_of(Op::kIsNotNull, arg.expr), true, std::nullopt};
  }
  decline(Reason::kExpression, "boolean test");
}

/// CASE over lowered branches. PostgreSQL's numeric result keeps the scale of the branch taken;
/// where branches differ in scale, Value::scale says which it was.
Value ExprLowering::choose(std::vector<Branch> branches, Value otherwise,
                           std::size_t users_before) {
  std::vector<Value*> results;
  for (Branch& branch : branches) {
    results.push_back(&branch.result);
  }
  results.push_back(&otherwise);
  std::optional<DataType> type;
  bool one_scale = true;
  bool not_null = true;
  for (const Value* result : results) {
    not_null = not_null && result->not_null;
    if (is_null_constant(*result)) {
      continue;
    }
    if (!type.has_value()) {
      type = result->expr.type;
    }
    const auto common = common_type(*type, result->expr.type);
    if (!common.has_value()) {
      decline(Reason::kType, "CASE with branches of several types");
    }
    if (common->may_overflow) {
      note_abandon("numeric CASE beyond 38 digits");
    }
    one_scale = one_scale && !result->scale.has_value() && type->scale == result->expr.type.scale;
    type = common->type;
  }
  if (!type.has_value()) {
    type = otherwise.expr.type;
  }
  Value chosen{{}, not_null, std::nullopt};
  std::vector<plan::Expr> args;
  std::vector<plan::Expr> scale_args;
  note_copy(otherwise.expr);
  for (Branch& branch : branches) {
    note_copy(branch.condition);
    note_copy(branch.result.expr);
    scale_args.push_back(branch.condition);
    scale_args.push_back(scale_of(branch.result));
    args.push_back(std::move(branch.condition));
    args.push_back(cast_to(std::move(branch.result.expr), *type));
  }
  scale_args.push_back(scale_of(otherwise));
  args.push_back(cast_to(std::move(otherwise.expr), *type));
  chosen.expr = plan::Expr::make_call(Op::kCase, *type, std::move(args));
  if (!one_scale) {
    check_called_once(users_before);
    chosen.scale = plan::Expr::make_call(Op::kCase, kScaleType, std::move(scale_args));
  }
  return chosen;
}

}  // namespace sluice::pg
