// Expressions that somebody else evaluates, row by row: what the engine has no kernel for. The
// engine knows neither their text nor who it is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/expr_node.h"
#include "plan/expr.h"

namespace sluice::engine {

/// One expression of one operator. Single-threaded.
class ForeignFunction {
 public:
  ForeignFunction() = default;
  ForeignFunction(const ForeignFunction&) = delete;
  ForeignFunction& operator=(const ForeignFunction&) = delete;
  virtual ~ForeignFunction() = default;

  /// Computes the values at `rows` of the arguments, and whether each is valid, into `result`: of
  /// the first ones, until their strings take together what a slice of a batch may take. Returns
  /// how many rows it has computed. `forgets`: nobody needs the strings of earlier calls any more;
  /// then it is at least one row. Strings are valid until a call that forgets them.
  /// Errors: whatever the expression raises; kAbandon for a result that its type does not hold.
  [[nodiscard]] virtual std::uint32_t evaluate(std::span<const vector::ColumnView> args, Rows rows,
                                               bool forgets, const ValueBuffer& result) = 0;
};

/// `definition` is what the planner wrote into the expression.
using ForeignFunctionMaker = std::unique_ptr<ForeignFunction> (*)(
    std::string_view definition, std::span<const plan::DataType> args, const plan::DataType& type);

/// Sets who makes them in this process. Set once, before queries run.
void set_foreign_function_maker(ForeignFunctionMaker maker) noexcept;

/// The node of a plan::Op::kForeign over `args`, the arguments behind its definition.
/// Errors: those of the maker; kInternal where there is none.
[[nodiscard]] std::unique_ptr<ExprNode> make_foreign(const plan::Expr& expr,
                                                     std::vector<ExprNode*> args,
                                                     base::Arena& arena);

}  // namespace sluice::engine
