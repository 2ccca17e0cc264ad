// Columns of our own that rows are appended to: staging for senders, join results, tests.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "vector/batch.h"

namespace sluice::vector {

/// One owned column of up to kBatchRowsMax values with its validity and its strings' bytes.
/// Errors: construction throws kAbandon when the budget is gone.
class ColumnBuffer {
 public:
  ColumnBuffer(PhysicalType type, base::MemoryBudget& budget);

  [[nodiscard]] PhysicalType type() const noexcept { return type_; }
  template <typename T>
  [[nodiscard]] T* as() noexcept {
    return reinterpret_cast<T*>(values_.data());
  }
  /// All valid until set_null() is first called.
  void set_null(std::uint32_t row) noexcept;
  void set_may_hold_nan() noexcept { may_hold_nan_ = true; }
  /// Copies the bytes of a long string into the column's arena.
  void set_string(std::uint32_t row, std::string_view bytes);
  /// Copies rows `source_rows[0..count)` of `source`, which may repeat and come in any order, to
  /// rows target..target+count. Errors: kAbandon when the budget is gone. Strings are copied.
  void gather(const ColumnView& source, std::span<const RowIndex> source_rows,
              std::uint32_t target);
  [[nodiscard]] ColumnView view() const noexcept;
  /// Units: bytes of long strings held.
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return heap_bytes_; }
  /// Forgets values, nulls and strings; may_hold_nan stays, as who writes values sets it once.
  void reset() noexcept;

 private:
  void gather_strings(const ColumnView& source, std::span<const RowIndex> source_rows,
                      std::uint32_t target);
  void gather_validity(const ColumnView& source, std::span<const RowIndex> source_rows,
                       std::uint32_t target) noexcept;

  PhysicalType type_;
  bool may_hold_nan_ = false;
  bool has_nulls_ = false;
  std::span<std::byte> values_;
  std::span<std::uint64_t> validity_;
  std::unique_ptr<base::Arena> storage_;
  std::unique_ptr<base::Arena> heap_;
  std::size_t heap_bytes_ = 0;
};

/// A batch under construction.
/// Invariant: rows() <= kBatchRowsMax.
class BatchBuilder {
 public:
  BatchBuilder(std::span<const PhysicalType> types, base::MemoryBudget& budget);

  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint32_t free_rows() const noexcept { return kBatchRowsMax - rows_; }
  [[nodiscard]] bool empty() const noexcept { return rows_ == 0; }
  [[nodiscard]] std::size_t column_count() const noexcept { return columns_.size(); }
  [[nodiscard]] ColumnBuffer& column(std::size_t i) noexcept { return columns_[i]; }
  /// Appends these rows (physical row numbers) of `batch`; at most free_rows() of them.
  void append(const Batch& batch, std::span<const RowIndex> source_rows);
  /// After columns were written directly.
  void set_rows(std::uint32_t rows) noexcept { rows_ = rows; }
  [[nodiscard]] std::size_t heap_bytes() const noexcept;
  /// Valid until the next change.
  [[nodiscard]] Batch view();
  void reset() noexcept;

 private:
  std::vector<ColumnBuffer> columns_;
  std::vector<ColumnView> views_;
  std::uint32_t rows_ = 0;
};

}  // namespace sluice::vector
