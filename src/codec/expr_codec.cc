#include "codec/expr_codec.h"

#include "plan/limits.h"

namespace sluice::codec {

using plan::Constant;
using plan::DataType;
using plan::Expr;
using plan::ExprKind;
using plan::TypeKind;

namespace {

void encode_constant(const DataType& type, const Constant& constant, ByteWriter& out) {
  out.flag(constant.is_null);
  if (constant.is_null) {
    return;
  }
  if (type.kind == TypeKind::kFloat64) {
    out.f64(constant.float64);
  } else if (type.is_varlen()) {
    out.string(constant.bytes);
  } else {
    out.i128(constant.integer);
  }
}

Constant decode_constant(const DataType& type, ByteReader& in) {
  Constant constant;
  constant.is_null = in.flag();
  if (constant.is_null) {
    return constant;
  }
  if (type.kind == TypeKind::kFloat64) {
    constant.float64 = in.f64();
  } else if (type.is_varlen()) {
    constant.bytes = in.string();
  } else {
    constant.integer = in.i128();
  }
  return constant;
}

void encode_expr(const Expr& expr, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(expr.kind));
  encode_type(expr.type, out);
  switch (expr.kind) {
    case ExprKind::kColumn:
    case ExprKind::kParam:
      out.u32(expr.column);
      break;
    case ExprKind::kConstant:
      encode_constant(expr.type, expr.constant, out);
      break;
    case ExprKind::kCall:
      out.u8(static_cast<std::uint8_t>(expr.op));
      encode_exprs(expr.args, out);
      break;
  }
}

std::vector<Expr> decode_list(ByteReader& in, std::size_t depth);

Expr decode_expr(ByteReader& in, std::size_t depth) {
  SLUICE_CHECK_BYTES(depth <= plan::kExprDepthMax, "encoded plan: expression nested too deeply");
  Expr expr;
  expr.kind = in.enumerator(ExprKind::kCall);
  expr.type = decode_type(in);
  switch (expr.kind) {
    case ExprKind::kColumn:
    case ExprKind::kParam:
      expr.column = in.u32();
      break;
    case ExprKind::kConstant:
      expr.constant = decode_constant(expr.type, in);
      break;
    case ExprKind::kCall:
      // Numbers without an operator are validate_expr()'s to refuse.
      expr.op = in.enumerator(plan::Op::kForeign);
      expr.args = decode_list(in, depth + 1);
      break;
  }
  return expr;
}

// Without a reserve: nested counts that all claim the same bytes must not add up.
std::vector<Expr> decode_list(ByteReader& in, std::size_t depth) {
  const std::size_t count = in.count(kExprBytesMin);
  std::vector<Expr> exprs;
  for (std::size_t i = 0; i < count; ++i) {
    exprs.push_back(decode_expr(in, depth));
  }
  return exprs;
}

}  // namespace

void encode_type(const DataType& type, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(type.kind));
  out.u8(type.precision);
  out.u8(type.scale);
}

DataType decode_type(ByteReader& in) {
  DataType type;
  type.kind = in.enumerator(plan::kTypeKindLast);
  type.precision = in.u8();
  type.scale = in.u8();
  SLUICE_CHECK_BYTES(type.is_valid(), "encoded plan: type");
  return type;
}

void encode_exprs(const std::vector<Expr>& exprs, ByteWriter& out) {
  out.count(exprs.size());
  for (const Expr& expr : exprs) {
    encode_expr(expr, out);
  }
}

std::vector<Expr> decode_exprs(ByteReader& in) { return decode_list(in, 1); }

}  // namespace sluice::codec
