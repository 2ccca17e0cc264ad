// The leaves of a compiled expression, and the node that lets several parents share one result.
#pragma once

#include <memory>

#include "engine/expr_node.h"

namespace sluice::engine {

/// A column of the input, as it is.
[[nodiscard]] std::unique_ptr<ExprNode> make_column(std::uint32_t column);
/// A constant as a column, for the places that have no kernel for constants.
[[nodiscard]] std::unique_ptr<ExprNode> make_constant_column(const vector::ColumnView& constant,
                                                             base::Arena& arena);
/// NULL in every row.
[[nodiscard]] std::unique_ptr<ExprNode> make_null_column(vector::PhysicalType type,
                                                         base::Arena& arena);
/// Computes `node` once per Frame::number.
/// Shape:  all parents ask for the same rows.
[[nodiscard]] std::unique_ptr<ExprNode> make_shared(ExprNode& node);

}  // namespace sluice::engine
