// The operand rules that plan/expr.h states beside each operator.
#include <limits>

#include "base/error.h"
#include "plan/expr.h"
#include "plan/limits.h"

namespace sluice::plan {

namespace {

using Args = std::vector<Expr>;

/// Breaks off unless `rule` holds; `name` says which.
void require_valid(bool rule, const char* name) {
  if (!rule) [[unlikely]] {
    base::throw_corrupt(std::string("expression: ") + name);
  }
}

bool is_bool(const DataType& type) noexcept { return type.kind == TypeKind::kBool; }

bool is_moment(const DataType& type) noexcept {
  return type.kind == TypeKind::kDate || type.kind == TypeKind::kTimestamp;
}

template <typename Integer>
bool fits(base::Int128 value) noexcept {
  return value >= std::numeric_limits<Integer>::min() &&
         value <= std::numeric_limits<Integer>::max();
}

bool fits_representation(const DataType& type, base::Int128 value) noexcept {
  switch (type.kind) {
    case TypeKind::kBool:
      return value == 0 || value == 1;
    case TypeKind::kInt16:
      return fits<std::int16_t>(value);
    case TypeKind::kInt32:
    case TypeKind::kDate:
    case TypeKind::kHandle:
      return fits<std::int32_t>(value);
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kTime:
      return fits<std::int64_t>(value);
    case TypeKind::kDecimal:
      // The largest of each width means NaN; a constant says NaN by the 128-bit one.
      return !type.is_decimal64() || value == base::kInt128Max ||
             (fits<std::int64_t>(value) && value != std::numeric_limits<std::int64_t>::max());
    case TypeKind::kFloat64:
    case TypeKind::kText:
    case TypeKind::kBpchar:
    case TypeKind::kBytea:
    case TypeKind::kUuid:
    case TypeKind::kOpaque:
      return true;
  }
  return false;
}

void validate_arithmetic(Op op, const DataType& type, const Args& args) {
  require_valid(args.size() == 2, "arithmetic takes two arguments");
  const DataType& left = args[0].type;
  const DataType& right = args[1].type;
  require_valid(left.kind == right.kind && left.kind == type.kind,
                "arithmetic mixes kinds of numbers");
  if (type.kind == TypeKind::kDecimal) {
    const bool multiplies = op == Op::kMultiply;
    require_valid(multiplies || left.scale == right.scale, "decimal sum of different scales");
    require_valid(type.scale == (multiplies ? left.scale + right.scale : left.scale),
                  "scale of a decimal result");
    return;
  }
  require_valid(type.is_integer() || type.kind == TypeKind::kFloat64,
                "arithmetic on what is no number");
}

void validate_negate(const DataType& type, const Args& args) {
  require_valid(args.size() == 1, "negation takes one argument");
  require_valid(same_representation(type, args[0].type), "negation changes the type");
  require_valid(
      type.is_integer() || type.kind == TypeKind::kFloat64 || type.kind == TypeKind::kDecimal,
      "negation of what is no number");
}

void validate_comparison(Op op, const DataType& type, const Args& args) {
  require_valid(args.size() == 2, "a comparison takes two arguments");
  require_valid(is_bool(type), "a comparison is a bool");
  require_valid(same_representation(args[0].type, args[1].type), "comparison of different types");
  const bool by_equality = op == Op::kEqual || op == Op::kNotEqual;
  require_valid(by_equality ? args[0].type.has_equality() : args[0].type.has_order(),
                "comparison of what has no order here");
}

void validate_logic(Op op, const DataType& type, const Args& args) {
  require_valid(op == Op::kNot ? args.size() == 1 : !args.empty(),
                "number of arguments of AND, OR, NOT");
  require_valid(is_bool(type), "AND, OR and NOT are bools");
  for (const Expr& arg : args) {
    require_valid(is_bool(arg.type), "AND, OR and NOT take bools");
  }
}

void validate_in(const DataType& type, const Args& args) {
  require_valid(args.size() >= 2, "IN takes a value and constants");
  require_valid(args[0].type.has_equality(), "IN compares what has no equality here");
  require_valid(is_bool(type), "IN is a bool");
  for (std::size_t i = 1; i < args.size(); ++i) {
    require_valid(args[i].kind == ExprKind::kConstant, "IN takes constants");
    require_valid(same_representation(args[0].type, args[i].type), "IN compares different types");
  }
}

void validate_like(const DataType& type, const Args& args) {
  require_valid(args.size() == 2, "LIKE takes a string and a pattern");
  require_valid(is_bool(type), "LIKE is a bool");
  require_valid(args[0].type.is_string(), "LIKE of what is no string");
  require_valid(args[1].kind == ExprKind::kConstant && args[1].type.kind == TypeKind::kText &&
                    !args[1].constant.is_null,
                "LIKE takes a constant text pattern");
}

void validate_substring(const DataType& type, const Args& args) {
  require_valid(args.size() == 2 || args.size() == 3, "number of arguments of SUBSTRING");
  require_valid(type.kind == TypeKind::kText && args[0].type.kind == TypeKind::kText,
                "SUBSTRING of what is no text");
  for (std::size_t i = 1; i < args.size(); ++i) {
    require_valid(args[i].type.kind == TypeKind::kInt32, "SUBSTRING counts by int4");
  }
}

void validate_foreign(const Args& args) {
  require_valid(!args.empty() && args[0].kind == ExprKind::kConstant &&
                    args[0].type.kind == TypeKind::kText && !args[0].constant.is_null,
                "foreign expression without its text");
}

void validate_case(const DataType& type, const Args& args) {
  require_valid(args.size() >= 3 && args.size() % 2 == 1, "CASE takes pairs and an else");
  for (std::size_t i = 0; i + 1 < args.size(); i += 2) {
    require_valid(is_bool(args[i].type), "a condition of CASE is a bool");
    require_valid(same_representation(type, args[i + 1].type),
                  "branches of CASE of different types");
  }
  require_valid(same_representation(type, args.back().type), "branches of CASE of different types");
}

bool is_cast(const DataType& from, const DataType& to) noexcept {
  if (from.is_integer()) {
    const bool widens = to.is_integer() && to.kind > from.kind;
    return widens || to.kind == TypeKind::kDecimal || to.kind == TypeKind::kFloat64;
  }
  switch (from.kind) {
    case TypeKind::kDecimal:
      return to.kind == TypeKind::kDecimal && to.scale >= from.scale;
    case TypeKind::kDate:
      return to.kind == TypeKind::kTimestamp;
    case TypeKind::kBpchar:
      return to.kind == TypeKind::kText;
    default:
      return false;
  }
}

void validate_one_argument(Op op, const DataType& type, const Args& args) {
  require_valid(args.size() == 1, "number of arguments");
  const DataType& arg = args[0].type;
  if (op == Op::kCast) {
    require_valid(is_cast(arg, type), "unknown cast");
  } else if (op == Op::kExtractYear) {
    require_valid(is_moment(arg), "extract from what is no date");
    require_valid(type.kind == TypeKind::kDecimal && type.scale == 0, "extract is a whole decimal");
  } else {
    require_valid(is_bool(type), "IS NULL is a bool");
  }
}

void validate_call(const Expr& expr) {
  switch (expr.op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
      return validate_arithmetic(expr.op, expr.type, expr.args);
    case Op::kNegate:
      return validate_negate(expr.type, expr.args);
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
      return validate_comparison(expr.op, expr.type, expr.args);
    case Op::kAnd:
    case Op::kOr:
    case Op::kNot:
      return validate_logic(expr.op, expr.type, expr.args);
    case Op::kIn:
      return validate_in(expr.type, expr.args);
    case Op::kLike:
    case Op::kNotLike:
      return validate_like(expr.type, expr.args);
    case Op::kSubstring:
      return validate_substring(expr.type, expr.args);
    case Op::kForeign:
      return validate_foreign(expr.args);
    case Op::kCase:
      return validate_case(expr.type, expr.args);
    case Op::kIsNull:
    case Op::kIsNotNull:
    case Op::kExtractYear:
    case Op::kCast:
      return validate_one_argument(expr.op, expr.type, expr.args);
  }
  require_valid(false, "unknown operator");
}

void validate(const Expr& expr, const std::vector<DataType>& input, std::size_t depth) {
  require_valid(depth <= kExprDepthMax, "nested too deeply");
  require_valid(expr.type.is_valid(), "unknown type");
  switch (expr.kind) {
    case ExprKind::kColumn:
      require_valid(expr.column < input.size(), "column out of range");
      require_valid(expr.type == input[expr.column], "type of a column");
      return;
    case ExprKind::kConstant:
      require_valid(expr.constant.is_null || fits_representation(expr.type, expr.constant.integer),
                    "constant out of range");
      return;
    case ExprKind::kParam:
      return;
    case ExprKind::kCall:
      for (const Expr& arg : expr.args) {
        validate(arg, input, depth + 1);
      }
      return validate_call(expr);
  }
  require_valid(false, "unknown kind");
}

}  // namespace

void validate_expr(const Expr& expr, const std::vector<DataType>& input) {
  validate(expr, input, 1);
}

}  // namespace sluice::plan
