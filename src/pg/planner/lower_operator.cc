// The part of ExprLowering for operators, functions and array tests.
#include <algorithm>
#include <array>
#include <cctype>

#include "pg/border/call.h"
#include "pg/planner/decimal_rules.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/port/types.h"
#include "plan/filter_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <datatype/timestamp.h>
#include <mb/pg_wchar.h>
#include <nodes/nodeFuncs.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/lsyscache.h>
#include <utils/timestamp.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::Op;
using plan::TypeKind;

constexpr int kExpandedTestsMax = 32;

bool is_integer(const DataType& type) {
  return type.kind == TypeKind::kInt16 || type.kind == TypeKind::kInt32 ||
         type.kind == TypeKind::kInt64;
}

DataType as_decimal(const DataType& type) {
  return is_integer(type) ? decimal_of_integer(type.kind) : type;
}

bool is_constant(const plan::Expr& expr) { return expr.kind == plan::ExprKind::kConstant; }

plan::Expr call_of(Op op, const DataType& type, plan::Expr a) {
  std::vector<plan::Expr> args;
  args.push_back(std::move(a));
  return plan::Expr::make_call(op, type, std::move(args));
}

plan::Expr call_of(Op op, const DataType& type, plan::Expr a, plan::Expr b) {
  std::vector<plan::Expr> args;
  args.push_back(std::move(a));
  args.push_back(std::move(b));
  return plan::Expr::make_call(op, type, std::move(args));
}

/// Multiplies by a power of ten; nothing where 128 bits do not hold the product.
std::optional<base::Int128> scaled_up(base::Int128 value, int digits) {
  for (; digits > 0; --digits) {
    if (__builtin_mul_overflow(value, base::Int128{10}, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

/// A constant as another type; nothing where it does not fit or the engine has to do it.
std::optional<plan::Expr> constant_as(const plan::Expr& expr, const DataType& type) {
  if (expr.constant.is_null) {
    return plan::Expr::make_null(type);
  }
  const base::Int128 value = expr.constant.integer;
  if (is_integer(expr.type) && is_integer(type)) {
    return plan::Expr::make_integer(value, type);
  }
  if (is_integer(expr.type) && type.kind == TypeKind::kFloat64) {
    return plan::Expr::make_float(static_cast<double>(static_cast<std::int64_t>(value)));
  }
  if (type.kind != TypeKind::kDecimal) {
    return std::nullopt;
  }
  if (expr.type.kind == TypeKind::kDecimal && value == base::kInt128Max) {
    return plan::Expr::make_integer(value, type);  // NaN has no scale
  }
  const auto scaled = scaled_up(value, type.scale - expr.type.scale);
  if (!scaled.has_value()) {
    return std::nullopt;
  }
  return plan::Expr::make_integer(*scaled, type);
}

/// Drops the zeros at the end of a decimal constant that is only compared.
void shrink_constant(Value& value) {
  plan::Expr& expr = value.expr;
  if (!is_constant(expr) || expr.type.kind != TypeKind::kDecimal || expr.constant.is_null ||
      expr.constant.integer == base::kInt128Max) {
    return;
  }
  while (expr.type.scale > 0 && expr.constant.integer % 10 == 0) {
    expr.constant.integer /= 10;
    expr.type = DataType::decimal(std::max(expr.type.precision - 1, 1), expr.type.scale - 1);
  }
}

/// The elements of a constant array. Owns: nothing; palloc'd.
struct Elements {
  Datum* values = nullptr;
  bool* nulls = nullptr;
  int count = 0;
  Oid type = InvalidOid;
  std::int16_t length = 0;
  bool by_value = false;
};

Elements elements_of(Datum array) {
  return call([array] {
    Elements elements;
    ArrayType* value = DatumGetArrayTypeP(array);
    elements.type = ARR_ELEMTYPE(value);
    char alignment;
    get_typlenbyvalalign(elements.type, &elements.length, &elements.by_value, &alignment);
    deconstruct_array(value, elements.type, elements.length, elements.by_value, alignment,
                      &elements.values, &elements.nulls, &elements.count);
    return elements;
  });
}

Const element_constant(const Elements& elements, int i, Oid collation) {
  Const constant{};
  constant.xpr.type = T_Const;
  constant.consttype = elements.type;
  constant.consttypmod = -1;
  constant.constlen = elements.length;
  constant.constbyval = elements.by_value;
  constant.constcollid = collation;
  constant.constvalue = elements.values[i];
  constant.constisnull = elements.nulls[i];
  return constant;
}

}  // namespace

plan::Expr cast_to(plan::Expr expr, const DataType& type) {
  if (expr.type == type) {
    return expr;
  }
  if (!is_constant(expr) && plan::same_representation(expr.type, type)) {
    return expr;  // a narrower bound is no other value
  }
  if (is_constant(expr)) {
    auto constant = constant_as(expr, type);
    if (!constant.has_value()) {
      decline(Reason::kOverflow, "constant does not fit " + plan::to_string(type));
    }
    return std::move(*constant);
  }
  return call_of(Op::kCast, type, std::move(expr));
}

std::optional<CommonType> common_type(const DataType& a, const DataType& b) {
  if (a == b) {
    return CommonType{a};
  }
  if (is_integer(a) && is_integer(b)) {
    return CommonType{std::max(a.kind, b.kind) == a.kind ? a : b};
  }
  const DataType left = as_decimal(a);
  const DataType right = as_decimal(b);
  if (left.kind == TypeKind::kDecimal && right.kind == TypeKind::kDecimal) {
    const DecimalBound bound = common_decimal(left, right);
    return CommonType{bound.type, bound.may_overflow};
  }
  return std::nullopt;
}

std::optional<CommonType> comparable_type(const DataType& a, const DataType& b) {
  return a.has_equality() && b.has_equality() ? common_type(a, b) : std::nullopt;
}

Value ExprLowering::lower_function(Node* expr, Oid function, List* args, Oid collation) {
  const auto entry = find_operator(function);
  if (!entry.has_value()) {
    decline(Reason::kExpression, describe_expr(expr));
  }
  auto* first = static_cast<Node*>(linitial(args));
  auto* second = list_length(args) > 1 ? static_cast<Node*>(lsecond(args)) : nullptr;
  switch (entry->shape) {
    case OperatorShape::kArithmetic: {
      Value left = lower_number(first);
      return lower_arithmetic(*entry, expr, std::move(left), lower_number(second));
    }
    case OperatorShape::kNegate:
      return lower_negate(expr, lower_number(first));
    case OperatorShape::kComparison: {
      if (auto bounded = lower_bounded_comparison(entry->op, first, second)) {
        return std::move(*bounded);
      }
      Value left = lower(first);
      return lower_comparison(entry->op, std::move(left), lower(second), collation);
    }
    case OperatorShape::kDateTimestamp:
      return lower_date_comparison(entry->op, first, second);
    case OperatorShape::kTimestampDate:
      return lower_date_comparison(swapped(entry->op), second, first);
    case OperatorShape::kLike:
      return lower_like(entry->op, lower(first), second);
    case OperatorShape::kSubstring:
      return lower_substring(expr, args);
    case OperatorShape::kCast:
      return lower_cast(expr, lower_number(first));
    case OperatorShape::kExtract:
      return lower_extract(args);
  }
  decline(Reason::kExpression, describe_expr(expr));
}

/// What the engine can compute with: no numeric without a scale.
Value ExprLowering::lower_number(Node* expr) {
  Value value = lower(expr);
  if (value.expr.type.kind == TypeKind::kOpaque) {
    decline(Reason::kType, "arithmetic on a type that only PostgreSQL has");
  }
  return value;
}

Value ExprLowering::lower_arithmetic(const OperatorEntry& entry, Node* expr, Value left,
                                     Value right) {
  const bool not_null = left.not_null && right.not_null;
  if (left.scale.has_value() || right.scale.has_value()) {
    decline(Reason::kExpression, "arithmetic on a numeric whose scale differs from row to row");
  }
  if (call([expr] { return exprType(expr); }) != NUMERICOID) {
    const auto type = data_type_of_expr(expr);
    if (!type.has_value()) {
      decline(Reason::kExpression, describe_expr(expr));
    }
    return {call_of(entry.op, *type, cast_to(std::move(left.expr), *type),
                    cast_to(std::move(right.expr), *type)),
            not_null, std::nullopt};
  }
  std::optional<DecimalBound> bound = sum_decimal(left.expr.type, right.expr.type);
  if (entry.op == Op::kMultiply) {
    bound = product_decimal(left.expr.type, right.expr.type);
  }
  if (!bound.has_value()) {
    decline(Reason::kOverflow, "numeric product with more than 38 digits after the point");
  }
  if (bound->may_overflow) {
    note_abandon("numeric arithmetic beyond 38 digits");
  }
  if (entry.op != Op::kMultiply) {
    for (Value* operand : {&left, &right}) {
      const DataType& type = operand->expr.type;
      const auto aligned =
          DataType::decimal(type.precision - type.scale + bound->type.scale, bound->type.scale);
      operand->expr = cast_to(std::move(operand->expr), aligned);
    }
  }
  return {call_of(entry.op, bound->type, std::move(left.expr), std::move(right.expr)), not_null,
          std::nullopt};
}

Value ExprLowering::lower_negate(Node* expr, Value operand) {
  if (operand.scale.has_value() || is_constant(operand.expr)) {
    decline(Reason::kExpression, describe_expr(expr));
  }
  const DataType type = operand.expr.type;
  return {call_of(Op::kNegate, type, std::move(operand.expr)), operand.not_null, std::nullopt};
}

Value ExprLowering::lower_cast(Node* expr, Value operand) {
  std::optional<DataType> type;
  if (call([expr] { return exprType(expr); }) == NUMERICOID) {
    type = decimal_of_integer(operand.expr.type.kind);
  } else {
    type = data_type_of_expr(expr);
  }
  if (!type.has_value()) {
    decline(Reason::kExpression, describe_expr(expr));
  }
  return {cast_to(std::move(operand.expr), *type), operand.not_null, std::nullopt};
}

Value ExprLowering::lower_extract(List* args) {
  auto* field = static_cast<Node*>(linitial(args));
  if (!IsA(field, Const) || reinterpret_cast<Const*>(field)->constisnull) {
    decline(Reason::kExpression, "extract of a field that is not constant");
  }
  Value name = lower_constant(*reinterpret_cast<Const*>(field));
  std::string lowered = name.expr.constant.bytes;
  std::transform(lowered.begin(), lowered.end(), lowered.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lowered != "year") {
    decline(Reason::kExpression, "extract(" + lowered + ")");
  }
  Value source = lower(static_cast<Node*>(lsecond(args)));
  note_abandon("extract of a date that may be infinite");
  return {call_of(Op::kExtractYear, DataType::decimal(10, 0), std::move(source.expr)),
          source.not_null, std::nullopt};
}

Value ExprLowering::lower_comparison(Op op, Value left, Value right, Oid collation) {
  shrink_constant(left);
  shrink_constant(right);
  const auto common = comparable_type(left.expr.type, right.expr.type);
  if (!common.has_value()) {
    decline(Reason::kType,
            plan::to_string(left.expr.type) + " compared with " + plan::to_string(right.expr.type));
  }
  if (common->type.is_string()) {
    if (!data_type_of(TEXTOID, -1, collation).has_value()) {
      decline(Reason::kExpression, "comparison in a nondeterministic collation");
    }
    if (needs_order(op) && !is_byte_order(collation)) {
      decline(Reason::kOrder, "text ordered by a collation other than C");
    }
  }
  if (common->may_overflow) {
    note_abandon("numeric comparison beyond 38 digits");
  }
  return {call_of(op, kBoolType, cast_to(std::move(left.expr), common->type),
                  cast_to(std::move(right.expr), common->type)),
          left.not_null && right.not_null, std::nullopt};
}

/// Compares a date with a constant timestamp as a date, which is cheaper and knows no overflow.
Value ExprLowering::lower_date_comparison(Op op, Node* date, Node* timestamp) {
  if (!IsA(timestamp, Const)) {
    decline(Reason::kExpression, "date compared with a timestamp that is not constant");
  }
  const auto* constant = reinterpret_cast<const Const*>(timestamp);
  if (constant->constisnull) {
    return {plan::Expr::make_null(kBoolType), false, std::nullopt};
  }
  const Timestamp moment = DatumGetTimestamp(constant->constvalue);
  std::int64_t day = 0;
  if (TIMESTAMP_IS_NOBEGIN(moment)) {
    day = DATEVAL_NOBEGIN;
  } else if (TIMESTAMP_IS_NOEND(moment)) {
    day = DATEVAL_NOEND;
  } else {
    day = moment / USECS_PER_DAY;
    const std::int64_t rest = moment % USECS_PER_DAY;
    day -= rest < 0 ? 1 : 0;
    if (rest != 0) {
      if (op == Op::kEqual || op == Op::kNotEqual) {
        decline(Reason::kExpression, "date compared for equality with a time of day");
      }
      op = op == Op::kLess || op == Op::kLessEqual ? Op::kLessEqual : Op::kGreater;
    }
  }
  Value left = lower(date);
  return {call_of(op, kBoolType, std::move(left.expr),
                  plan::Expr::make_integer(day, DataType::of(TypeKind::kDate))),
          left.not_null, std::nullopt};
}

Value ExprLowering::lower_like(Op op, Value string, Node* pattern) {
  if (!IsA(pattern, Const) || reinterpret_cast<Const*>(pattern)->constisnull) {
    decline(Reason::kExpression, "LIKE with a pattern that is not constant");
  }
  Value bytes = lower_constant(*reinterpret_cast<Const*>(pattern));
  if (!string.expr.type.is_string() || bytes.expr.type.kind != TypeKind::kText) {
    decline(Reason::kExpression, "LIKE of " + plan::to_string(string.expr.type));
  }
  const std::string& text = bytes.expr.constant.bytes;
  const std::size_t last = text.find_last_not_of('\\');
  const std::size_t backslashes = text.size() - (last == std::string::npos ? 0 : last + 1);
  if (backslashes % 2 != 0) {
    decline(Reason::kExpression, "LIKE with a pattern that ends in its escape character");
  }
  // The engine steps over characters as UTF-8 does.
  const bool whole_characters = text.find('_') != std::string::npos;
  const int encoding = GetDatabaseEncoding();
  if (encoding != PG_UTF8 && (whole_characters || pg_database_encoding_max_length() > 1)) {
    decline(Reason::kExpression, "LIKE in this database encoding");
  }
  return {call_of(op, kBoolType, std::move(string.expr), std::move(bytes.expr)), string.not_null,
          std::nullopt};
}

Value ExprLowering::lower_substring(Node* expr, List* args) {
  // The engine counts characters as UTF-8 has them.
  const auto type = data_type_of_expr(expr);
  if (GetDatabaseEncoding() != PG_UTF8 || !type.has_value()) {
    decline(Reason::kExpression, describe_expr(expr));
  }
  std::vector<plan::Expr> lowered;
  bool not_null = true;
  for (int i = 0; i < list_length(args); ++i) {
    Value arg = lower(static_cast<Node*>(list_nth(args, i)));
    not_null = not_null && arg.not_null;
    lowered.push_back(std::move(arg.expr));
  }
  return {plan::Expr::make_call(Op::kSubstring, *type, std::move(lowered)), not_null, std::nullopt};
}

/// Whether `expr` is a numeric of a scale that is known only when a run begins.
bool ExprLowering::is_open_numeric(Node* expr) const {
  return !IsA(expr, Const) && call([expr] { return exprType(expr); }) == NUMERICOID &&
         !data_type_of_expr(expr).has_value() &&
         is_run_constant(expr, lowering_.statement.init_plan_params);
}

/// A comparison of a decimal with a numeric of a scale that is known only when a run begins, which
/// is brought to the decimal's scale then: x < 1.25 is x < 1.3 where x has one digit after the
/// point.
std::optional<Value> ExprLowering::lower_bounded_comparison(Op op, Node* left, Node* right) {
  if (is_open_numeric(left)) {
    std::swap(left, right);
    op = swapped(op);
  }
  if (!is_open_numeric(right) || is_open_numeric(left)) {
    return std::nullopt;
  }
  ParamFit fit = ParamFit::kSame;
  if (op == Op::kLess || op == Op::kGreaterEqual) {
    fit = ParamFit::kCeiling;
  } else if (op == Op::kLessEqual || op == Op::kGreater) {
    fit = ParamFit::kFloor;
  }
  Value value = lower(left);
  if (value.expr.type.kind != TypeKind::kDecimal) {
    return std::nullopt;
  }
  Value bound = add_parameter(right, {value.expr.type, fit});
  return Value{call_of(op, kBoolType, std::move(value.expr), std::move(bound.expr)), false,
               std::nullopt};
}

Value ExprLowering::lower_array_test(const ScalarArrayOpExpr& test) {
  auto* expr = reinterpret_cast<Node*>(const_cast<ScalarArrayOpExpr*>(&test));
  const auto entry = find_operator(test.opfuncid);
  auto* array = static_cast<Node*>(lsecond(test.args));
  if (!entry.has_value() || !IsA(array, Const) || reinterpret_cast<Const*>(array)->constisnull ||
      (entry->shape != OperatorShape::kComparison && entry->shape != OperatorShape::kLike)) {
    decline(Reason::kExpression, describe_expr(expr));
  }
  const std::size_t users_before = users_calls_;
  Value left = lower(static_cast<Node*>(linitial(test.args)));
  const Elements elements = elements_of(reinterpret_cast<Const*>(array)->constvalue);
  if (elements.count == 0) {
    // PostgreSQL evaluates the left side all the same.
    if (plan::may_raise(left.expr) || users_calls_ != users_before) {
      decline(Reason::kExpression, describe_expr(expr));
    }
    return {plan::Expr::make_integer(test.useOr ? 0 : 1, kBoolType), true, std::nullopt};
  }
  const bool membership = test.useOr ? entry->op == Op::kEqual : entry->op == Op::kNotEqual;
  if (membership ? !left.expr.type.has_equality() : elements.count > kExpandedTestsMax) {
    decline(Reason::kExpression, describe_expr(expr));
  }
  std::vector<plan::Expr> args;
  bool not_null = left.not_null;
  CommonType common{left.expr.type};
  for (int i = 0; i < elements.count; ++i) {
    Const constant = element_constant(elements, i, test.inputcollid);
    if (!membership) {
      note_copy(left.expr);
      check_called_once(users_before);
      Value one =
          entry->shape == OperatorShape::kLike
              ? lower_like(entry->op, left, reinterpret_cast<Node*>(&constant))
              : lower_comparison(entry->op, left, lower_constant(constant), test.inputcollid);
      not_null = not_null && one.not_null;
      args.push_back(std::move(one.expr));
      continue;
    }
    Value element = lower_constant(constant);
    shrink_constant(element);
    not_null = not_null && element.not_null;
    const auto wider = element.not_null ? comparable_type(common.type, element.expr.type)
                                        : std::optional<CommonType>(common);
    if (!wider.has_value()) {
      decline(Reason::kExpression, describe_expr(expr));
    }
    common = {wider->type, common.may_overflow || wider->may_overflow};
    args.push_back(std::move(element.expr));
  }
  if (!membership) {
    return {plan::Expr::make_call(test.useOr ? Op::kOr : Op::kAnd, kBoolType, std::move(args)),
            not_null, std::nullopt};
  }
  if (common.may_overflow) {
    note_abandon("numeric comparison beyond 38 digits");
  }
  if (common.type.is_string() && !data_type_of(TEXTOID, -1, test.inputcollid).has_value()) {
    decline(Reason::kExpression, "comparison in a nondeterministic collation");
  }
  for (plan::Expr& arg : args) {
    arg = cast_to(std::move(arg), common.type);
  }
  args.insert(args.begin(), cast_to(std::move(left.expr), common.type));
  plan::Expr in = plan::Expr::make_call(Op::kIn, kBoolType, std::move(args));
  if (!test.useOr) {
    in = call_of(Op::kNot, kBoolType, std::move(in));
  }
  return {std::move(in), not_null, std::nullopt};
}

}  // namespace sluice::pg
