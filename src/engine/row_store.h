// Rows that an operator keeps: a join's build side, an aggregate's group keys, top-K candidates.
// Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "base/arena.h"
#include "engine/budgeted_array.h"
#include "engine/row_layout.h"
#include "vector/batch.h"

namespace sluice::engine {

/// The rows 0, 1, ..., kBatchRowsMax-1, for batches without a selection.
[[nodiscard]] const vector::RowIndex* all_rows() noexcept;
[[nodiscard]] inline const vector::RowIndex* counted_rows(const vector::Batch& batch) noexcept {
  return batch.selection() == nullptr ? all_rows() : batch.selection();
}

/// One column of up to kBatchRowsMax values read back from a RowStore.
/// Invariant: every value is readable from the start, so that rows outside a selection are, too.
class LoadedColumn {
 public:
  LoadedColumn(vector::PhysicalType type, base::Arena& arena);

  /// Writes the value of row source_rows[p] of `source` to position p, for every p of `positions`.
  /// Strings are not copied.
  [[nodiscard]] vector::ColumnView gather(const vector::ColumnView& source,
                                          const vector::RowIndex* source_rows,
                                          std::span<const vector::RowIndex> positions) noexcept;

 private:
  friend class RowStore;
  vector::PhysicalType type_;
  std::span<std::byte> values_;
  std::span<std::uint64_t> validity_;
};

/// Copies of rows, numbered from 1 in the order of their arrival.
/// Shape:  row number 0 exists, is all zero (or NULL) and belongs to nobody: it means "none".
/// Errors: kAbandon when the budget is gone.
/// Owns:   the rows and the bytes of their long strings. Strings stay where they are as long as
///         the store lives; rows move when append() grows the store.
class RowStore {
 public:
  static constexpr std::uint32_t kRowsMax = (std::uint32_t{1} << 30) - 1;

  RowStore(std::span<const vector::PhysicalType> types, base::MemoryBudget& budget);
  RowStore(RowStore&&) noexcept = default;
  RowStore& operator=(RowStore&&) noexcept = default;

  [[nodiscard]] const RowLayout& layout() const noexcept { return layout_; }
  /// Rows held, without row 0: they are numbered 1..rows().
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  [[nodiscard]] const std::byte* row(std::uint32_t number) const noexcept {
    const std::size_t offset = std::size_t{number} * layout_.stride_bytes();
    return bytes_.data() + offset;
  }
  [[nodiscard]] std::uint32_t header(std::uint32_t number) const noexcept {
    std::uint32_t word;
    std::memcpy(&word, row(number), sizeof word);
    return word;
  }
  void set_header(std::uint32_t number, std::uint32_t word) noexcept {
    std::memcpy(bytes_.data() + std::size_t{number} * layout_.stride_bytes(), &word, sizeof word);
  }
  /// Inlined: as HashDirectory::prefetch().
  [[gnu::always_inline]] void prefetch(std::uint32_t number) const noexcept {
    const std::byte* start = row(number);
    __builtin_prefetch(start);
    __builtin_prefetch(start + layout_.stride_bytes() - 1);
  }

  /// Copies rows of a batch; the value of stored column c is taken from batch column columns[c].
  /// Returns the number of the first new row; the headers are 0.
  std::uint32_t append(const vector::Batch& batch, std::span<const std::uint32_t> columns,
                       std::span<const vector::RowIndex> source_rows);
  /// Copies one row of another store with the same layout, header included.
  void append_from(const RowStore& other, std::uint32_t number);

  template <typename T>
  [[nodiscard]] T value(std::uint32_t number, std::size_t column) const noexcept {
    T result;
    std::memcpy(static_cast<void*>(&result), row(number) + layout_.field(column).offset, sizeof(T));
    return result;
  }
  [[nodiscard]] bool is_null(std::uint32_t number, std::size_t column) const noexcept {
    const auto bits = std::to_integer<unsigned>(row(number)[layout_.null_offset() + column / 8]);
    return ((bits >> (column % 8)) & 1) != 0;
  }
  /// Whether any row ever stored has a NULL (a possible NaN) there.
  [[nodiscard]] bool may_hold_null(std::size_t column) const noexcept {
    return traits_[column].may_hold_null;
  }
  [[nodiscard]] bool may_hold_nan(std::size_t column) const noexcept {
    return traits_[column].may_hold_nan;
  }

  /// Writes the column's value of row numbers[p] to position p of `target`, for every position p of
  /// `positions`. Strings are not copied: they point into this store.
  [[nodiscard]] vector::ColumnView load(std::size_t column, const std::uint32_t* numbers,
                                        std::span<const vector::RowIndex> positions,
                                        LoadedColumn& target) const noexcept;

  /// Makes row 0 a row of NULLs, so that "none" can be loaded like any other.
  void make_none_null() noexcept;
  /// Forgets all rows and keeps the memory of their fixed parts.
  void clear() noexcept;
  /// Gives back memory that is reserved for more rows.
  void shrink() noexcept;

 private:
  struct ColumnTraits {
    bool may_hold_null = false;
    bool may_hold_nan = false;
  };
  void reserve_rows(std::size_t more);
  void store_strings(const vector::ColumnView& column, std::span<const vector::RowIndex> rows,
                     std::byte* target);
  void store_nulls(std::size_t column, const vector::ColumnView& view,
                   std::span<const vector::RowIndex> rows, std::byte* first);
  [[nodiscard]] const char* keep_bytes(const char* data, std::uint32_t size);

  RowLayout layout_;
  std::vector<ColumnTraits> traits_;
  BudgetedBytes bytes_;
  std::unique_ptr<base::Arena> heap_;
  std::uint32_t rows_ = 0;
};

}  // namespace sluice::engine
