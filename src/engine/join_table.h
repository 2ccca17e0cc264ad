// The build side of a hash join: rows by key, those of one key as a chain. Single-threaded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/arena.h"
#include "engine/direct_index.h"
#include "engine/key_index.h"
#include "engine/row_store.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Phases:
///   append()  rows are copied; a row's header holds its hash. Rows with a NULL key are left out,
///             or kept but never found where the join hands out build rows without a match.
///   finish()  the index is made; a row's header now holds the next row of its key, 0 at the end.
///   find()    read only, but that skip() shortens chains.
/// Without keys all rows form one chain. Row 0 is a row of NULLs where the join extends probe rows.
/// Errors: kAbandon when `budget` is gone.
class JoinTable {
 public:
  JoinTable(const plan::HashJoinSpec& spec, const std::vector<plan::DataType>& build_types,
            base::MemoryBudget& budget);

  void append(const vector::Batch& batch);
  void finish();

  [[nodiscard]] const RowStore& store() const noexcept { return store_; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return store_.rows(); }
  /// Some key has several rows.
  [[nodiscard]] bool has_duplicates() const noexcept { return has_duplicates_; }
  /// Of the build side's columns.
  [[nodiscard]] std::span<const std::uint32_t> key_columns() const noexcept { return key_columns_; }
  [[nodiscard]] std::span<const vector::KeyEquality> equalities() const noexcept {
    return equalities_;
  }

  /// Whether find() looks at the keys' hashes.
  [[nodiscard]] bool needs_hashes() const noexcept { return !direct_.is_open(); }
  /// Writes the first row of each key's chain, 0 where none matches. Shape: no key is NULL.
  void find(const KeyBatch& keys, std::uint32_t* numbers, FindScratch& scratch) const noexcept;
  [[nodiscard]] std::uint32_t next(std::uint32_t number) const noexcept {
    return store_.header(number);
  }
  /// The first row behind `number` in its chain whose bit is not set, 0 where there is none. It
  /// becomes the next one of all rows before it, so that whoever leaves rows with a bit out passes
  /// each once; a chain's first row stays, for the index has it.
  /// Shape: a bit for each row; that of `number` is set.
  [[nodiscard]] std::uint32_t skip(std::uint32_t number,
                                   std::span<const std::uint64_t> bits) noexcept;

 private:
  struct AppendScratch {
    std::uint64_t hashes[vector::kBatchRowsMax];
    vector::RowIndex rows[vector::kBatchRowsMax];
  };
  [[nodiscard]] bool has_null_key(std::uint32_t number) const noexcept;
  void chain_all() noexcept;
  void enter_all();

  std::vector<std::uint32_t> key_columns_;
  std::vector<vector::KeyEquality> equalities_;
  std::vector<std::uint32_t> all_columns_;
  RowStore store_;
  KeyIndex index_;
  DirectIndex direct_;  // where it is open, the other one is not
  base::Arena arena_;
  AppendScratch* scratch_;
  bool keeps_null_keys_;
  bool has_duplicates_ = false;
};

/// Leaves out the keys with a NULL in any of these columns. Returns how many are left.
/// Shape: `rows` and `hashes` have `count` elements and are compacted in place.
[[nodiscard]] std::uint32_t drop_null_keys(const vector::Batch& batch,
                                           std::span<const std::uint32_t> key_columns,
                                           vector::RowIndex* rows, std::uint64_t* hashes,
                                           std::uint32_t count) noexcept;

}  // namespace sluice::engine
