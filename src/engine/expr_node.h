// The parts of a compiled expression: nodes that compute a column for chosen rows of a batch.
// Single-threaded. A node's buffers have a value for each of kBatchRowsMax rows, charged at compile
// time; results lie at the rows' physical numbers, so that nothing is moved between nodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "base/arena.h"
#include "plan/expr.h"
#include "vector/batch.h"

namespace sluice::engine {

/// The rows to work on: `count` physical row numbers, ascending, or 0..count when there is no
/// `selection`.
struct Rows {
  const vector::RowIndex* selection = nullptr;
  std::uint32_t count = 0;
};

/// What one evaluation reads: a batch's columns and its physical length.
struct Frame {
  std::span<const vector::ColumnView> columns;
  std::uint32_t rows = 0;
  std::uint64_t number = 0;  // of the evaluation; shared nodes compute once a number
  std::uint64_t batch = 0;   // from 1 on; a batch is evaluated more than once after a RowsCut
};

/// A node's results for the rows from end() on would take too much memory together with those
/// before it. Whoever evaluates the batch asks again for the rows before, and for the others after
/// that.
class RowsCut final : public std::exception {
 public:
  explicit RowsCut(std::uint32_t end) noexcept : end_(end) {}
  [[nodiscard]] const char* what() const noexcept override { return "results are too large"; }
  /// Shape: behind the first of the rows that the node was asked for, not behind the last.
  [[nodiscard]] std::uint32_t end() const noexcept { return end_; }

 private:
  std::uint32_t end_;
};

/// Owned by the program's pool.
class ExprNode {
 public:
  ExprNode() = default;
  ExprNode(const ExprNode&) = delete;
  ExprNode& operator=(const ExprNode&) = delete;
  virtual ~ExprNode() = default;

  /// Values at `rows`; other rows are unspecified but readable. Valid until the next evaluate().
  /// Errors: RowsCut.
  [[nodiscard]] virtual vector::ColumnView evaluate(const Frame& frame, Rows rows) = 0;

  /// Of a bool expression: writes those of `rows` for which it is true (neither false nor NULL),
  /// and returns how many.
  /// Shape:  `passed` has room for rows.count rows; it may be rows.selection itself.
  [[nodiscard]] virtual std::uint32_t select(const Frame& frame, Rows rows,
                                             vector::RowIndex* passed);
};

/// A result: values and validity of, where it is a node's, kBatchRowsMax rows. Values begin as
/// zeros.
/// Owns: nothing; the arena does.
struct ValueBuffer {
  ValueBuffer(vector::PhysicalType type, base::Arena& arena);
  /// Over memory of somebody else's.
  ValueBuffer(vector::PhysicalType value_type, std::byte* at, std::uint64_t* valid) noexcept
      : type(value_type), values(at), validity(valid) {}

  template <typename T>
  [[nodiscard]] T* as() const noexcept {
    return reinterpret_cast<T*>(values);
  }
  [[nodiscard]] vector::ColumnView view(const std::uint64_t* valid,
                                        bool may_hold_nan = false) const noexcept {
    return {type, may_hold_nan, values, valid};
  }

  vector::PhysicalType type;
  std::byte* values;
  std::uint64_t* validity;
};

/// An argument: a node, or a constant that is not NULL and has its one value at row 0.
class Operand {
 public:
  explicit Operand(ExprNode& node) noexcept : node_(&node) {}
  explicit Operand(const vector::ColumnView& constant) noexcept : constant_(constant) {}

  [[nodiscard]] bool is_constant() const noexcept { return node_ == nullptr; }
  [[nodiscard]] vector::ColumnView evaluate(const Frame& frame, Rows rows) const {
    return node_ == nullptr ? constant_ : node_->evaluate(frame, rows);
  }
  [[nodiscard]] const vector::ColumnView& constant() const noexcept { return constant_; }
  [[nodiscard]] ExprNode& node() const noexcept { return *node_; }

 private:
  ExprNode* node_ = nullptr;
  vector::ColumnView constant_;
};

/// One value of `constant`, which is not NULL, in the arena.
[[nodiscard]] vector::ColumnView make_constant(const plan::Constant& constant,
                                               const plan::DataType& type, base::Arena& arena);

[[nodiscard]] inline bool is_valid(const std::uint64_t* validity, std::uint32_t row) noexcept {
  return ((validity[row / 64] >> (row % 64)) & 1) != 0;
}

/// Valid where both are; null when all rows are. Uses `buffer` only where both have nulls.
[[nodiscard]] const std::uint64_t* both_valid(const Frame& frame, const std::uint64_t* left,
                                              const std::uint64_t* right,
                                              std::uint64_t* buffer) noexcept;

/// Those of `rows` that are valid, in `target` where some are not.
[[nodiscard]] Rows valid_rows(Rows rows, const std::uint64_t* validity,
                              vector::RowIndex* target) noexcept;

/// Those of `rows` that are not in `taken`, a subsequence of them. `target` may be rows.selection,
/// not taken.selection. `taken` is a list.
[[nodiscard]] Rows rows_without(Rows rows, Rows taken, vector::RowIndex* target) noexcept;

/// visit(row) for each row; a loop of its own for rows that are all.
template <typename Visit>
inline void for_each_row(Rows rows, Visit visit) {
  if (rows.selection == nullptr) {
    for (std::uint32_t row = 0; row < rows.count; ++row) {
      visit(row);
    }
    return;
  }
  for (std::uint32_t i = 0; i < rows.count; ++i) {
    visit(static_cast<std::uint32_t>(rows.selection[i]));
  }
}

/// Writes the rows for which test(row) holds, without a branch on its outcome.
template <typename Test>
inline std::uint32_t select_rows(Rows rows, vector::RowIndex* passed, Test test) {
  std::uint32_t count = 0;
  if (rows.selection == nullptr) {
    for (std::uint32_t row = 0; row < rows.count; ++row) {
      passed[count] = static_cast<vector::RowIndex>(row);
      count += test(row) ? 1 : 0;
    }
    return count;
  }
  for (std::uint32_t i = 0; i < rows.count; ++i) {
    const vector::RowIndex row = rows.selection[i];
    passed[count] = row;
    count += test(static_cast<std::uint32_t>(row)) ? 1 : 0;
  }
  return count;
}

}  // namespace sluice::engine
