#include "engine/expr_compiler.h"

#include <algorithm>

#include "base/check.h"
#include "engine/expr_arithmetic.h"
#include "engine/expr_cast.h"
#include "engine/expr_compare.h"
#include "engine/expr_decimal.h"
#include "engine/expr_in.h"
#include "engine/expr_leaf.h"
#include "engine/expr_like.h"
#include "engine/expr_logic.h"
#include "engine/expr_substring.h"
#include "engine/foreign_function.h"
#include "engine/physical.h"

namespace sluice::engine {

using plan::DataType;
using plan::Expr;
using plan::ExprKind;
using plan::Op;
using plan::TypeKind;
using vector::ColumnView;

namespace {

bool is_null_constant(const Expr& expr) noexcept {
  return expr.kind == ExprKind::kConstant && expr.constant.is_null;
}

bool is_comparison(Op op) noexcept { return op >= Op::kEqual && op <= Op::kGreaterEqual; }

/// Whether evaluation can raise an error of PostgreSQL's (abandoning is none).
bool can_fail(const Expr& expr) noexcept {
  if (expr.kind != ExprKind::kCall) {
    return false;
  }
  switch (expr.op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kNegate:
      if (expr.type.kind != TypeKind::kDecimal) {
        return true;
      }
      break;
    case Op::kLike:
    case Op::kNotLike:
    case Op::kForeign:
      return true;
    case Op::kCast:
      if (expr.type.kind == TypeKind::kTimestamp) {
        return true;
      }
      break;
    case Op::kSubstring:
      if (plan::may_count_below_zero(expr)) {
        return true;
      }
      break;
    default:
      break;
  }
  return std::any_of(expr.args.begin(), expr.args.end(), can_fail);
}

/// Bool results are asked for as selections, which shared nodes do not remember; leaves cost
/// nothing.
bool is_worth_sharing(const Expr& expr) noexcept {
  return expr.kind == ExprKind::kCall && expr.type.kind != TypeKind::kBool;
}

}  // namespace

ExprCompiler::ExprCompiler(const std::vector<DataType>& input, base::MemoryBudget& budget)
    : input_(input), arena_(budget) {}

ExprNode& ExprCompiler::compile_root(const Expr& expr) { return compile(expr); }

ExprNode& ExprCompiler::compile_apart(const Expr& expr) {
  ++lazy_depth_;
  ExprNode& node = compile(expr);
  --lazy_depth_;
  return node;
}

ExprNode& ExprCompiler::keep(std::unique_ptr<ExprNode> node) {
  nodes_.push_back(std::move(node));
  return *nodes_.back();
}

ExprNode& ExprCompiler::compile(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kColumn:
      SLUICE_CHECK(expr.column < input_.size() &&
                       physical_type_of(input_[expr.column]) == physical_type_of(expr.type),
                   "expression reads a column that its input lacks");
      return keep(make_column(expr.column));
    case ExprKind::kConstant:
      return compile_constant(expr);
    case ExprKind::kParam:
      base::throw_internal("parameter without a value");
    case ExprKind::kCall:
      break;
  }
  if (lazy_depth_ != 0 || !is_worth_sharing(expr)) {
    return compile_call(expr);
  }
  for (const auto& [known, node] : shared_) {
    if (*known == expr) {
      return *node;
    }
  }
  ExprNode& node = keep(make_shared(compile_call(expr)));
  shared_.emplace_back(&expr, &node);
  return node;
}

ExprNode& ExprCompiler::compile_constant(const Expr& expr) {
  if (expr.constant.is_null) {
    return keep(make_null_column(physical_type_of(expr.type), arena_));
  }
  return keep(make_constant_column(make_constant(expr.constant, expr.type, arena_), arena_));
}

Operand ExprCompiler::operand(const Expr& expr) {
  if (expr.kind == ExprKind::kConstant && !expr.constant.is_null) {
    return Operand(make_constant(expr.constant, expr.type, arena_));
  }
  return Operand(compile(expr));
}

// Decimals of one scale may come in two widths; the wider one decides.
Operand ExprCompiler::operand(const Expr& expr, const DataType& widened) {
  if (physical_type_of(expr.type) == physical_type_of(widened)) {
    return operand(expr);
  }
  if (is_null_constant(expr)) {
    return Operand(keep(make_null_column(physical_type_of(widened), arena_)));
  }
  SLUICE_CHECK(expr.type.kind == TypeKind::kDecimal && widened.kind == TypeKind::kDecimal &&
                   expr.type.scale == widened.scale,
               "arguments of different types");
  if (expr.kind == ExprKind::kConstant && !expr.constant.is_null) {
    return Operand(make_constant(expr.constant, widened, arena_));
  }
  return Operand(keep(make_cast(expr.type, widened, compile(expr), arena_)));
}

ExprNode& ExprCompiler::column_of(const Operand& operand) {
  return operand.is_constant() ? keep(make_constant_column(operand.constant(), arena_))
                               : operand.node();
}

ExprNode& ExprCompiler::compile_call(const Expr& expr) {
  if (is_comparison(expr.op)) {
    return compile_comparison(expr, expr.op);
  }
  SLUICE_CHECK(!expr.args.empty(), "call without arguments");
  switch (expr.op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kNegate:
      return compile_arithmetic(expr);
    case Op::kAnd:
    case Op::kOr:
      return compile_junction(expr);
    case Op::kNot:
      return compile_not(expr.args[0]);
    case Op::kIsNull:
    case Op::kIsNotNull:
      return keep(make_is_null(compile(expr.args[0]), expr.op == Op::kIsNotNull, arena_));
    case Op::kIn:
      return compile_in(expr, false);
    case Op::kLike:
    case Op::kNotLike:
      return compile_like(expr, expr.op == Op::kNotLike);
    case Op::kSubstring:
      return compile_substring(expr);
    case Op::kForeign:
      return compile_foreign(expr);
    case Op::kCase:
      return compile_case(expr);
    case Op::kExtractYear:
      return keep(make_extract_year(expr.args[0].type, expr.type, compile(expr.args[0]), arena_));
    case Op::kCast:
      return compile_cast(expr);
    default:
      base::throw_internal("operator that the engine lacks");
  }
}

ExprNode& ExprCompiler::compile_arithmetic(const Expr& expr) {
  if (expr.op == Op::kNegate) {
    // -x is 0 - x, but for float8, where that would lose the sign of zero.
    const DataType& type = expr.args[0].type;
    const bool is_float = type.kind == TypeKind::kFloat64;
    plan::Constant constant;
    constant.float64 = -1;
    const Operand factor(make_constant(constant, type, arena_));
    ExprNode& arg = compile(expr.args[0]);
    return keep(make_arithmetic(is_float ? Op::kMultiply : Op::kSubtract, {type, type, expr.type},
                                factor, Operand(arg), arena_));
  }
  SLUICE_CHECK(expr.args.size() == 2, "arithmetic wants two arguments");
  const Expr& left = expr.args[0];
  const Expr& right = expr.args[1];
  Operand left_operand = operand(left);
  const Operand right_operand = operand(right);
  if (left_operand.is_constant() && right_operand.is_constant()) {
    left_operand = Operand(column_of(left_operand));
  }
  return keep(make_arithmetic(expr.op, {left.type, right.type, expr.type}, left_operand,
                              right_operand, arena_));
}

ExprNode& ExprCompiler::compile_comparison(const Expr& expr, Op op) {
  SLUICE_CHECK(expr.args.size() == 2, "comparison wants two arguments");
  const Expr& left = expr.args[0];
  const Expr& right = expr.args[1];
  const bool left_wider =
      width_bytes(physical_type_of(left.type)) >= width_bytes(physical_type_of(right.type));
  const DataType& type = left_wider ? left.type : right.type;
  SLUICE_CHECK(left.type.kind == right.type.kind && left.type.scale == right.type.scale,
               "comparison of different types");
  Operand left_operand = operand(left, type);
  Operand right_operand = operand(right, type);
  if (left_operand.is_constant() && right_operand.is_constant()) {
    left_operand = Operand(column_of(left_operand));
  } else if (left_operand.is_constant()) {
    std::swap(left_operand, right_operand);
    op = mirrored(op);
  }
  return keep(make_compare(op, type, left_operand, right_operand, arena_));
}

ExprNode& ExprCompiler::compile_junction(const Expr& expr) {
  ++lazy_depth_;
  std::vector<ExprNode*> args;
  bool later_can_fail = false;
  for (std::size_t i = 0; i < expr.args.size(); ++i) {
    args.push_back(&compile(expr.args[i]));
    later_can_fail = later_can_fail || (i > 0 && can_fail(expr.args[i]));
  }
  --lazy_depth_;
  return keep(expr.op == Op::kAnd ? make_and(std::move(args), !later_can_fail, arena_)
                                  : make_or(std::move(args), arena_));
}

// Where the argument has an opposite, that is computed at once; both are NULL for the same rows.
ExprNode& ExprCompiler::compile_not(const Expr& arg) {
  if (arg.kind == ExprKind::kCall) {
    if (is_comparison(arg.op)) {
      return compile_comparison(arg, negated(arg.op));
    }
    switch (arg.op) {
      case Op::kIsNull:
      case Op::kIsNotNull:
        return keep(make_is_null(compile(arg.args.at(0)), arg.op == Op::kIsNull, arena_));
      case Op::kLike:
      case Op::kNotLike:
        return compile_like(arg, arg.op == Op::kLike);
      case Op::kIn:
        return compile_in(arg, true);
      default:
        break;
    }
  }
  return keep(make_not(compile(arg), arena_));
}

ExprNode& ExprCompiler::compile_in(const Expr& expr, bool negated) {
  SLUICE_CHECK(!expr.args.empty(), "IN without an argument");
  const Expr& arg = expr.args[0];
  ExprNode& values = compile(arg);
  std::vector<ColumnView> constants;
  bool null_in_list = false;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    const Expr& constant = expr.args[i];
    SLUICE_CHECK(constant.kind == ExprKind::kConstant && constant.type.kind == arg.type.kind &&
                     constant.type.scale == arg.type.scale,
                 "IN wants constants of its argument's type");
    if (constant.constant.is_null) {
      null_in_list = true;
    } else if (arg.type.is_decimal64() && !fits_int64(constant.constant.integer) &&
               constant.constant.integer != vector::kDecimalNan128) {
      continue;  // equals nothing so narrow
    } else {
      constants.push_back(make_constant(constant.constant, arg.type, arena_));
    }
  }
  if (expr.args.size() == 1) {
    // An empty array: false for every row, NULL ones included.
    ExprNode& never = keep(make_and(
        {&keep(make_is_null(values, false, arena_)), &keep(make_is_null(values, true, arena_))},
        true, arena_));
    return negated ? keep(make_not(never, arena_)) : never;
  }
  const bool as_negated = negated && !null_in_list;
  ExprNode& node = keep(make_in(arg.type, values, constants, null_in_list, as_negated, arena_));
  return negated && !as_negated ? keep(make_not(node, arena_)) : node;
}

ExprNode& ExprCompiler::compile_like(const Expr& expr, bool negated) {
  SLUICE_CHECK(expr.args.size() == 2 && expr.args[0].type.is_string() &&
                   expr.args[1].kind == ExprKind::kConstant,
               "LIKE wants a string and a constant pattern");
  if (is_null_constant(expr.args[1])) {
    return keep(make_null_column(vector::PhysicalType::kInt8, arena_));
  }
  return keep(make_like(compile(expr.args[0]), expr.args[1].constant.bytes, negated, arena_));
}

ExprNode& ExprCompiler::compile_substring(const Expr& expr) {
  SLUICE_CHECK(expr.args.size() == 2 || expr.args.size() == 3,
               "SUBSTRING wants two or three arguments");
  std::optional<Operand> length;
  if (expr.args.size() == 3) {
    length = operand(expr.args[2]);
  }
  return keep(make_substring(operand(expr.args[0]), operand(expr.args[1]), length, arena_));
}

ExprNode& ExprCompiler::compile_foreign(const Expr& expr) {
  std::vector<ExprNode*> args;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    args.push_back(&compile_apart(expr.args[i]));  // it asks for rows that it has not computed yet
  }
  return keep(make_foreign(expr, std::move(args), arena_));
}

ExprNode& ExprCompiler::compile_case(const Expr& expr) {
  SLUICE_CHECK(expr.args.size() % 2 == 1, "CASE wants pairs and an ELSE");
  ++lazy_depth_;
  std::vector<CaseBranch> branches;
  for (std::size_t i = 0; i + 1 < expr.args.size(); i += 2) {
    ExprNode& when = compile(expr.args[i]);
    branches.push_back({&when, operand(expr.args[i + 1], expr.type)});
  }
  const Operand otherwise = operand(expr.args.back(), expr.type);
  --lazy_depth_;
  return keep(make_case(physical_type_of(expr.type), std::move(branches), otherwise, arena_));
}

ExprNode& ExprCompiler::compile_cast(const Expr& expr) {
  const DataType& from = expr.args[0].type;
  ExprNode& arg = compile(expr.args[0]);
  return is_relabeling(from, expr.type) ? arg : keep(make_cast(from, expr.type, arg, arena_));
}

}  // namespace sluice::engine
