// x IN (constants).
#pragma once

#include <memory>
#include <span>

#include "engine/expr_node.h"
#include "plan/expr.h"

namespace sluice::engine {

/// Shape:  the constants have the physical type of `type`; none may be NULL, a NULL among them is
///         told by `null_in_list`. `negated` is NOT IN, and only without a NULL in the list.
/// Result: as SQL's: true where one equals; else NULL with a NULL in the list; else false. An empty
///         list is the caller's business (false even for NULL).
[[nodiscard]] std::unique_ptr<ExprNode> make_in(const plan::DataType& type, ExprNode& arg,
                                                std::span<const vector::ColumnView> constants,
                                                bool null_in_list, bool negated,
                                                base::Arena& arena);

}  // namespace sluice::engine
