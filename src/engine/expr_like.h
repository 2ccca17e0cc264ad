// x LIKE constant, for text and bpchar (whose stored blanks count).
#pragma once

#include <memory>
#include <string_view>

#include "engine/expr_node.h"

namespace sluice::engine {

/// Errors: 22025 at evaluation, see LikePattern.
[[nodiscard]] std::unique_ptr<ExprNode> make_like(ExprNode& arg, std::string_view pattern,
                                                  bool negated, base::Arena& arena);

}  // namespace sluice::engine
