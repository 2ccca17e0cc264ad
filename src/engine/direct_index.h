// Finds a join's rows by an integer key without hashing: an array over the range of the keys.
// Single-threaded.
#pragma once

#include <cstdint>

#include "engine/budgeted_array.h"
#include "engine/integer_range.h"
#include "engine/row_store.h"
#include "vector/batch.h"

namespace sluice::engine {

/// One slot a value of the keys' range, holding the first row of that key. Keys that a sequence has
/// handed out lie so dense that the array is as small as a hash table, and rows in the order of
/// their keys are found without a cache miss.
/// Source: docs/decisions/0013-what-profiles-showed.md
class DirectIndex {
 public:
  explicit DirectIndex(base::MemoryBudget& budget) noexcept : budget_(budget), slots_(budget) {}

  /// Makes room for the column's values, unless they are no integers, lie too far apart or the
  /// budget has no room; then the index stays closed and false comes back.
  [[nodiscard]] bool try_open(const RowStore& store, std::size_t column);
  [[nodiscard]] bool is_open() const noexcept { return open_; }

  /// Enters all rows with a value. Where a key has a row already, the row becomes the next one of
  /// its header chain. Returns whether there was such a key.
  /// Shape: headers are overwritten, of rows without a value, too.
  [[nodiscard]] bool enter_all(RowStore& store);

  /// Writes the first row of each key, 0 where there is none.
  /// Shape: no key is NULL; the column's type is the one it was opened for.
  void find(const vector::ColumnView& keys, const vector::RowIndex* rows, std::uint32_t count,
            std::uint32_t* numbers) const noexcept;

 private:
  [[nodiscard]] std::uint32_t* slots() const noexcept {
    return reinterpret_cast<std::uint32_t*>(slots_.data());
  }

  base::MemoryBudget& budget_;
  BudgetedBytes slots_;
  std::size_t column_ = 0;
  vector::PhysicalType type_ = vector::PhysicalType::kInt8;
  IntegerRange range_;
  bool open_ = false;
};

}  // namespace sluice::engine
