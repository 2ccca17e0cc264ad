// A row-by-row evaluator of plan expressions, written for clarity alone: what the vector programs
// are compared with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/expr.h"
#include "vector/batch_builder.h"

namespace sluice::engine::naive {

/// A value or NULL; `type.kind` says which member counts. A decimal NaN is base::kInt128Max.
struct Value {
  bool is_null = false;
  base::Int128 integer = 0;
  double float64 = 0;
  std::string bytes;
};

using Row = std::vector<Value>;

/// Errors: as the programs', in PostgreSQL's order of evaluation.
[[nodiscard]] Value evaluate(const plan::Expr& expr, const Row& row);

/// Equal as results: NULLs alike, NaNs alike, zeros by their sign.
[[nodiscard]] bool same(const Value& a, const Value& b, const plan::DataType& type);

[[nodiscard]] bool like(std::string_view text, std::string_view pattern);

/// The value of `column` at `row`.
[[nodiscard]] Value read(const vector::ColumnView& column, std::uint32_t row,
                         const plan::DataType& type);

/// Stores `rows` in a builder of the physical types of `types`.
void fill(vector::BatchBuilder& builder, const std::vector<plan::DataType>& types,
          const std::vector<Row>& rows);

[[nodiscard]] std::string describe(const Value& value, const plan::DataType& type);

}  // namespace sluice::engine::naive
