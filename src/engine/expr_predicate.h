// What comparisons, IN and LIKE have in common: NULL where an argument is NULL, and a test
// elsewhere.
#pragma once

#include <cstdint>

#include "engine/expr_node.h"

namespace sluice::engine {

/// A strict predicate: evaluates its operands for all rows, then tests the rows without a NULL.
class StrictPredicate : public ExprNode {
 public:
  explicit StrictPredicate(base::Arena& arena);
  [[nodiscard]] vector::ColumnView evaluate(const Frame& frame, Rows rows) final;
  [[nodiscard]] std::uint32_t select(const Frame& frame, Rows rows, vector::RowIndex* passed) final;

 protected:
  /// Evaluates the operands and keeps them for test().
  /// Returns: where all of them are not NULL; null when everywhere.
  [[nodiscard]] virtual const std::uint64_t* prepare(const Frame& frame, Rows rows) = 0;
  /// As ExprNode::select(), for rows whose operands are not NULL.
  [[nodiscard]] virtual std::uint32_t test(Rows rows, vector::RowIndex* passed) = 0;
  /// Whether the test's "no" means NULL (IN with a NULL among the constants).
  [[nodiscard]] virtual bool no_is_null() const noexcept { return false; }

  [[nodiscard]] const ValueBuffer& buffer() const noexcept { return buffer_; }

 private:
  ValueBuffer buffer_;
  std::span<vector::RowIndex> passed_;
};

}  // namespace sluice::engine
