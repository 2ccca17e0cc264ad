// Expressions compiled to vector programs: typed kernels over columns and selections.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/memory_budget.h"
#include "plan/expr.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Computes expressions for the counted rows of a batch; what they have in common is computed once.
/// Errors: query errors as PostgreSQL raises them (22003 "integer out of range", ...), and only for
///         rows that PostgreSQL would evaluate; kAbandon where a decimal outgrows its
///         representation.
class ExprPrograms {
 public:
  ExprPrograms(const std::vector<plan::Expr>& exprs, const std::vector<plan::DataType>& input,
               base::MemoryBudget& budget);
  ExprPrograms(ExprPrograms&&) noexcept;
  ExprPrograms& operator=(ExprPrograms&&) noexcept;
  ~ExprPrograms();

  /// One column an expression, with values at the batch's counted physical rows (other rows are
  /// unspecified but readable). Valid until the next evaluation; may alias input columns.
  /// Shape: their strings take little memory together.
  [[nodiscard]] std::span<const vector::ColumnView> evaluate(const vector::Batch& batch);
  /// The same from the `first` counted row on, for as many rows as their strings may take memory
  /// together, at least one. Writes how many those are. What is asked for next are the rows behind
  /// them, unless `first` is 0: that is another batch.
  [[nodiscard]] std::span<const vector::ColumnView> evaluate_from(const vector::Batch& batch,
                                                                  std::uint32_t first,
                                                                  std::uint32_t& count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Computes one expression; otherwise as ExprPrograms.
class ExprProgram {
 public:
  ExprProgram(const plan::Expr& expr, const std::vector<plan::DataType>& input,
              base::MemoryBudget& budget);

  [[nodiscard]] vector::ColumnView evaluate(const vector::Batch& batch);

 private:
  ExprPrograms programs_;
};

/// Conjuncts evaluated in order, each only for the rows that passed the ones before it.
class Predicate {
 public:
  Predicate(const std::vector<plan::Expr>& conjuncts, const std::vector<plan::DataType>& input,
            base::MemoryBudget& budget);
  Predicate(Predicate&&) noexcept;
  Predicate& operator=(Predicate&&) noexcept;
  ~Predicate();

  [[nodiscard]] bool empty() const noexcept;
  /// Writes the physical row numbers that pass (NULL does not), ascending, and returns how many.
  /// Shape: `passed` has room for kBatchRowsMax rows and is not the batch's selection; only the
  ///        columns the conjuncts read need values.
  [[nodiscard]] std::uint32_t filter(const vector::Batch& batch, vector::RowIndex* passed);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::engine
