// AND, OR, NOT, IS NULL and CASE: the nodes that decide which rows their arguments are evaluated
// for.
#pragma once

#include <memory>
#include <vector>

#include "engine/expr_node.h"

namespace sluice::engine {

/// AND of bool nodes, left to right; an argument sees only the rows that no earlier one made false.
/// `null_decides`: select() may drop a row at the first NULL. That is right only where no later
/// argument can raise an error, for PostgreSQL evaluates on after a NULL.
[[nodiscard]] std::unique_ptr<ExprNode> make_and(std::vector<ExprNode*> args, bool null_decides,
                                                 base::Arena& arena);
/// OR of bool nodes; an argument sees only the rows that no earlier one made true.
[[nodiscard]] std::unique_ptr<ExprNode> make_or(std::vector<ExprNode*> args, base::Arena& arena);
[[nodiscard]] std::unique_ptr<ExprNode> make_not(ExprNode& arg, base::Arena& arena);
/// IS NULL, or IS NOT NULL when `negated`.
[[nodiscard]] std::unique_ptr<ExprNode> make_is_null(ExprNode& arg, bool negated,
                                                     base::Arena& arena);

/// One WHEN with its THEN.
struct CaseBranch {
  ExprNode* when;
  Operand then;
};

/// A branch is evaluated only for the rows that take it; `otherwise` for those that take none.
[[nodiscard]] std::unique_ptr<ExprNode> make_case(vector::PhysicalType type,
                                                  std::vector<CaseBranch> branches,
                                                  Operand otherwise, base::Arena& arena);

}  // namespace sluice::engine
