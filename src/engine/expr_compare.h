// Comparison kernels: = <> < <= > >= of two values of one physical type.
#pragma once

#include <memory>

#include "engine/expr_node.h"
#include "plan/expr.h"

namespace sluice::engine {

/// The comparison with its sides exchanged: < becomes >.
[[nodiscard]] plan::Op mirrored(plan::Op comparison) noexcept;
/// The comparison that is true where this one is false: < becomes >=.
[[nodiscard]] plan::Op negated(plan::Op comparison) noexcept;

/// Shape:  both operands have the physical type of `type`; only the right one may be constant.
/// Source: PostgreSQL's btree order: NaN is the largest float8 and equal to itself; text by its
///         bytes; bpchar without its trailing blanks.
[[nodiscard]] std::unique_ptr<ExprNode> make_compare(plan::Op comparison,
                                                     const plan::DataType& type, Operand left,
                                                     Operand right, base::Arena& arena);

}  // namespace sluice::engine
