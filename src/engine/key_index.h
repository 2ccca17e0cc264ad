// Finds stored rows by their key columns: the hash table of joins and aggregates. Single-threaded.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/hash_directory.h"
#include "engine/key_match.h"
#include "engine/row_store.h"

namespace sluice::engine {

struct StoredKey {
  std::size_t column;  // of the store
  vector::KeyEquality equality;
};

/// Keys of a batch that are looked up together.
/// Shape: columns[k] belongs to the k-th StoredKey; key i is row rows[i] with hash hashes[i].
struct KeyBatch {
  std::span<const vector::ColumnView> columns;
  const vector::RowIndex* rows;
  const std::uint64_t* hashes;
  std::uint32_t count;
};

/// Room for the intermediate results of one find(); trivially destructible, allocated once.
struct FindScratch {
  std::uint32_t slots[vector::kBatchRowsMax];
  std::uint32_t numbers[vector::kBatchRowsMax];
  vector::RowIndex keys[vector::kBatchRowsMax];  // index into the KeyBatch
  vector::RowIndex rows[vector::kBatchRowsMax];
  std::uint8_t equal[vector::kBatchRowsMax];
};

/// A directory over the rows of a RowStore. At most one row of each key is entered.
class KeyIndex {
 public:
  /// `store` is borrowed and outlives the index.
  KeyIndex(const RowStore& store, std::vector<StoredKey> keys, base::MemoryBudget& budget);

  [[nodiscard]] HashDirectory& directory() noexcept { return directory_; }
  [[nodiscard]] const HashDirectory& directory() const noexcept { return directory_; }

  /// Writes each key's row number, 0 where it has none. NULL equals NULL.
  void find(const KeyBatch& keys, std::uint32_t* numbers, FindScratch& scratch) const noexcept;

  struct Place {
    std::size_t slot;      // of the entry, or the empty slot where it belongs
    std::uint32_t number;  // 0 when there is none
  };
  /// The same for row `row` of these columns alone.
  [[nodiscard]] Place find_one(std::span<const vector::ColumnView> columns, vector::RowIndex row,
                               std::uint32_t hash) const noexcept;
  /// The same for a row of the store that may not be entered yet.
  [[nodiscard]] Place find_stored(std::uint32_t number, std::uint32_t hash) const noexcept;

 private:
  [[nodiscard]] bool stored_rows_equal(std::uint32_t left, std::uint32_t right) const noexcept;

  const RowStore& store_;
  std::vector<StoredKey> keys_;
  HashDirectory directory_;
};

}  // namespace sluice::engine
