// Gives every distinct key a number. Single-threaded.
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "engine/key_index.h"
#include "engine/packed_key_cache.h"
#include "engine/row_store.h"
#include "plan/data_type.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Groups 0, 1, ... in the order of their first rows. NULL keys are equal to each other; a group
/// keeps the key of its first row.
/// Errors: kAbandon when `budget` is gone, or a float8 key has zeros of both signs: they are equal,
///         and which one PostgreSQL shows depends on the order of its rows.
class GroupTable {
 public:
  GroupTable(const std::vector<std::uint32_t>& key_columns,
             const std::vector<plan::DataType>& input, base::MemoryBudget& budget);

  [[nodiscard]] std::uint32_t groups() const noexcept { return store_.rows(); }
  /// Forgets all groups and keeps most of their memory.
  void clear() noexcept;
  /// Writes the group of each counted row.
  void assign(const vector::Batch& batch, std::uint32_t* groups);
  /// Row g + 1 is the key of group g.
  [[nodiscard]] const RowStore& keys() const noexcept { return store_; }

 private:
  struct Scratch {
    FindScratch find;
    std::uint64_t hashes[vector::kBatchRowsMax];
    std::uint32_t numbers[vector::kBatchRowsMax];
    vector::RowIndex misses[vector::kBatchRowsMax];  // indexes of counted rows
    vector::RowIndex rows[vector::kBatchRowsMax];
    vector::RowIndex runs[vector::kBatchRowsMax];      // by counted row: its run
    vector::RowIndex run_rows[vector::kBatchRowsMax];  // the first row of each run
    std::uint32_t run_numbers[vector::kBatchRowsMax];  // what is found for it
  };
  // Finds out which counted rows repeat the key of the one before; returns how many runs there are.
  [[nodiscard]] std::uint32_t find_runs(const vector::Batch& batch) noexcept;
  [[nodiscard]] bool keys_equal(vector::RowIndex left, vector::RowIndex right) const noexcept;
  void note_zeros(const vector::Batch& batch);
  // Writes scratch_->numbers.
  void look_up(const vector::Batch& batch);
  [[nodiscard]] std::uint32_t enter(const vector::Batch& batch, vector::RowIndex row,
                                    std::uint32_t hash);

  std::vector<std::uint32_t> key_columns_;
  std::vector<vector::PhysicalType> key_types_;
  std::vector<vector::KeyEquality> equalities_;
  RowStore store_;
  KeyIndex index_;
  base::Arena arena_;
  Scratch* scratch_;
  PackedKeyCache cache_;
  std::vector<vector::ColumnView> key_views_;
  std::vector<std::uint8_t> zeros_;  // by key: the signs of those that were met, a bit each
};

}  // namespace sluice::engine
