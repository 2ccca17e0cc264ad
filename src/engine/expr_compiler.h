// From a plan's expression to nodes that compute it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "engine/expr_node.h"
#include "plan/expr.h"

namespace sluice::engine {

/// Compiles expressions over one input and owns their nodes and buffers.
/// Errors: kAbandon when the budget is gone; kInternal for an expression that plan::Expr's rules
///         forbid.
class ExprCompiler {
 public:
  ExprCompiler(const std::vector<plan::DataType>& input, base::MemoryBudget& budget);

  /// The nodes live as long as the compiler. Roots that are evaluated together, for the same rows
  /// and with the same Frame::number, share what they have in common; `expr` outlives the
  /// compilation of all.
  [[nodiscard]] ExprNode& compile_root(const plan::Expr& expr);
  /// A root that is evaluated for rows of its own, and shares nothing.
  [[nodiscard]] ExprNode& compile_apart(const plan::Expr& expr);

 private:
  ExprNode& compile(const plan::Expr& expr);
  ExprNode& compile_call(const plan::Expr& expr);
  ExprNode& compile_constant(const plan::Expr& expr);
  ExprNode& compile_arithmetic(const plan::Expr& expr);
  ExprNode& compile_comparison(const plan::Expr& expr, plan::Op op);
  ExprNode& compile_junction(const plan::Expr& expr);
  ExprNode& compile_not(const plan::Expr& arg);
  ExprNode& compile_in(const plan::Expr& expr, bool negated);
  ExprNode& compile_like(const plan::Expr& expr, bool negated);
  ExprNode& compile_substring(const plan::Expr& expr);
  ExprNode& compile_foreign(const plan::Expr& expr);
  ExprNode& compile_case(const plan::Expr& expr);
  ExprNode& compile_cast(const plan::Expr& expr);
  /// An argument that keeps a constant a constant.
  Operand operand(const plan::Expr& expr);
  Operand operand(const plan::Expr& expr, const plan::DataType& widened);
  ExprNode& column_of(const Operand& operand);
  ExprNode& keep(std::unique_ptr<ExprNode> node);

  std::vector<plan::DataType> input_;
  base::Arena arena_;
  std::vector<std::unique_ptr<ExprNode>> nodes_;
  std::vector<std::pair<const plan::Expr*, ExprNode*>> shared_;
  unsigned lazy_depth_ = 0;  // inside arguments that not every row needs; nothing there is shared
};

}  // namespace sluice::engine
