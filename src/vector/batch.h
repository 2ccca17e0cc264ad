// A batch of rows in columns, as views: who passes a batch on keeps its memory alive until the
// receiver returns (push) or asks for the next one (pull).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/int128.h"
#include "vector/physical_type.h"
#include "vector/string_ref.h"

namespace sluice::vector {

/// Rows in one batch at most; row numbers fit 16 bits.
inline constexpr std::uint32_t kBatchRowsMax = 2048;
using RowIndex = std::uint16_t;

/// One column's values for the rows 0..Batch::rows()-1.
/// Shape:  `values` has rows() elements of width_bytes(type). `validity`, when not null, has one
///         bit a row, least significant first, 1 = not null; values of null rows are unspecified
///         but readable (a kVarlen null is an empty StringRef).
/// Source: Arrow columnar format, validity bitmaps.
struct ColumnView {
  PhysicalType type = PhysicalType::kInt8;
  bool may_hold_nan = false;  // decimals only, see kDecimalNan64
  const void* values = nullptr;
  const std::uint64_t* validity = nullptr;

  template <typename T>
  [[nodiscard]] const T* as() const noexcept {
    return static_cast<const T*>(values);
  }
  [[nodiscard]] bool is_null(std::size_t row) const noexcept {
    return validity != nullptr && ((validity[row / 64] >> (row % 64)) & 1) == 0;
  }
};

/// Columns of equal length and, optionally, the rows of them that count, in ascending order.
/// Invariants: rows() <= kBatchRowsMax; selected row numbers are < rows() and strictly ascending.
class Batch {
 public:
  Batch() noexcept = default;
  Batch(std::span<const ColumnView> columns, std::uint32_t rows) noexcept
      : columns_(columns), rows_(rows), count_(rows) {}
  Batch(std::span<const ColumnView> columns, std::uint32_t rows, const RowIndex* selection,
        std::uint32_t count) noexcept
      : columns_(columns), rows_(rows), count_(count), selection_(selection) {}

  [[nodiscard]] std::span<const ColumnView> columns() const noexcept { return columns_; }
  [[nodiscard]] const ColumnView& column(std::size_t i) const noexcept { return columns_[i]; }
  /// Physical length of the columns.
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  /// Rows that count.
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// Null when all rows count.
  [[nodiscard]] const RowIndex* selection() const noexcept { return selection_; }
  /// The i-th row that counts.
  [[nodiscard]] std::uint32_t row(std::uint32_t i) const noexcept {
    return selection_ == nullptr ? i : selection_[i];
  }

 private:
  std::span<const ColumnView> columns_;
  std::uint32_t rows_ = 0;
  std::uint32_t count_ = 0;
  const RowIndex* selection_ = nullptr;
};

}  // namespace sluice::vector
