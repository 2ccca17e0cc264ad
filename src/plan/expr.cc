#include "plan/expr.h"

#include <bit>
#include <utility>

namespace sluice::plan {

namespace {

Expr make(ExprKind kind, DataType type) {
  Expr expr;
  expr.kind = kind;
  expr.type = type;
  return expr;
}

// Bit by bit: a float8 NaN is equal to itself, and -0 is another constant than 0.
bool same_constant(const DataType& type, const Constant& a, const Constant& b) noexcept {
  if (a.is_null || b.is_null) {
    return a.is_null == b.is_null;
  }
  if (type.kind == TypeKind::kFloat64) {
    return std::bit_cast<std::uint64_t>(a.float64) == std::bit_cast<std::uint64_t>(b.float64);
  }
  return type.is_varlen() ? a.bytes == b.bytes : a.integer == b.integer;
}

}  // namespace

Expr Expr::make_column(std::uint32_t column, DataType type) {
  Expr expr = make(ExprKind::kColumn, type);
  expr.column = column;
  return expr;
}

Expr Expr::make_param(std::uint32_t number, DataType type) {
  Expr expr = make(ExprKind::kParam, type);
  expr.column = number;
  return expr;
}

Expr Expr::make_null(DataType type) {
  Expr expr = make(ExprKind::kConstant, type);
  expr.constant.is_null = true;
  return expr;
}

Expr Expr::make_integer(base::Int128 value, DataType type) {
  Expr expr = make(ExprKind::kConstant, type);
  expr.constant.integer = value;
  return expr;
}

Expr Expr::make_float(double value) {
  Expr expr = make(ExprKind::kConstant, DataType::of(TypeKind::kFloat64));
  expr.constant.float64 = value;
  return expr;
}

Expr Expr::make_bytes(std::string value, DataType type) {
  Expr expr = make(ExprKind::kConstant, type);
  expr.constant.bytes = std::move(value);
  return expr;
}

Expr Expr::make_call(Op op, DataType type, std::vector<Expr> args) {
  Expr expr = make(ExprKind::kCall, type);
  expr.op = op;
  expr.args = std::move(args);
  return expr;
}

bool operator==(const Expr& a, const Expr& b) noexcept {
  if (a.kind != b.kind || a.type != b.type) {
    return false;
  }
  switch (a.kind) {
    case ExprKind::kColumn:
    case ExprKind::kParam:
      return a.column == b.column;
    case ExprKind::kConstant:
      return same_constant(a.type, a.constant, b.constant);
    case ExprKind::kCall:
      return a.op == b.op && a.args == b.args;
  }
  return false;
}

bool may_count_below_zero(const Expr& substring) noexcept {
  if (substring.args.size() < 3) {
    return false;
  }
  const Expr& count = substring.args[2];
  return count.kind != ExprKind::kConstant ||
         (!count.constant.is_null && count.constant.integer < 0);
}

void collect_columns(const Expr& expr, std::vector<bool>& used) {
  if (expr.kind == ExprKind::kColumn && expr.column < used.size()) {
    used[expr.column] = true;
  }
  if (expr.kind == ExprKind::kCall) {
    for (const Expr& arg : expr.args) {
      collect_columns(arg, used);
    }
  }
}

}  // namespace sluice::plan
