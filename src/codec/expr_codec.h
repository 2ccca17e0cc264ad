// Expressions and types as bytes.
#pragma once

#include <vector>

#include "codec/byte_reader.h"
#include "codec/byte_writer.h"
#include "plan/expr.h"

namespace sluice::codec {

/// The fewest bytes of an expression: kind, type and a NULL.
inline constexpr std::size_t kExprBytesMin = 5;

void encode_type(const plan::DataType& type, ByteWriter& out);
/// Errors: kCorrupt.
[[nodiscard]] plan::DataType decode_type(ByteReader& in);

/// Only what counts for the expression's kind and type.
void encode_exprs(const std::vector<plan::Expr>& exprs, ByteWriter& out);
/// Shape:  not validated yet, but no deeper than kExprDepthMax.
/// Errors: kCorrupt.
[[nodiscard]] std::vector<plan::Expr> decode_exprs(ByteReader& in);

}  // namespace sluice::codec
