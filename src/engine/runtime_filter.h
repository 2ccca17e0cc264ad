// What a finished build side tells the scans of its probe side: which values can find a match.
// Single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/budgeted_array.h"
#include "engine/integer_range.h"
#include "engine/node_counters.h"
#include "exchange/shared_filter.h"
#include "vector/batch.h"
#include "vector/hash.h"

namespace sluice::engine {

class JoinTable;  // join_table.h

/// The values of one key column of build sides, as a set that may hold more than those. NULL is in
/// no set.
class KeySet {
 public:
  virtual ~KeySet() = default;
  /// Whether all values are in it. Once true it stays so.
  [[nodiscard]] virtual bool ready() const noexcept = 0;
  /// Leaves of `rows` those whose value may be in the set, in order; returns how many. `hashes` is
  /// room for `count`.
  /// Shape: ready(); the column is of the key's type; `rows` are among its rows.
  [[nodiscard]] virtual std::uint32_t keep(const vector::ColumnView& column, vector::RowIndex* rows,
                                           std::uint32_t count,
                                           std::uint64_t* hashes) const noexcept = 0;
};

/// The values in one seat's table: exact, one bit a value of their range, for integers that lie
/// near enough together; else a Bloom filter.
/// Source: docs/decisions/0009-runtime-filters.md
class RuntimeFilter final : public KeySet {
 public:
  /// Null where the budget does not allow it, or where there are too many rows to be worth it.
  /// Shape: `table` is finished; `key` is one of its key columns.
  [[nodiscard]] static std::unique_ptr<RuntimeFilter> make(const JoinTable& table, std::size_t key,
                                                           base::MemoryBudget& budget);

  [[nodiscard]] vector::PhysicalType type() const noexcept { return type_; }
  [[nodiscard]] bool is_exact() const noexcept { return exact_; }
  [[nodiscard]] bool ready() const noexcept override { return true; }
  [[nodiscard]] std::uint32_t keep(const vector::ColumnView& column, vector::RowIndex* rows,
                                   std::uint32_t count,
                                   std::uint64_t* hashes) const noexcept override;

 private:
  RuntimeFilter(vector::PhysicalType type, vector::KeyEquality equality, base::MemoryBudget& budget)
      : type_(type), equality_(equality), words_(budget) {}

  [[nodiscard]] bool fill(const JoinTable& table, std::size_t key, base::MemoryBudget& budget);
  [[nodiscard]] bool make_words(std::size_t count, base::MemoryBudget& budget);
  template <typename T>
  void fill_exact(const JoinTable& table, std::size_t column);
  void fill_bloom(const JoinTable& table, std::size_t column);
  template <typename T>
  [[nodiscard]] std::uint32_t keep_in_range(const vector::ColumnView& column,
                                            vector::RowIndex* rows,
                                            std::uint32_t count) const noexcept;
  [[nodiscard]] std::uint32_t keep_integers(const vector::ColumnView& column,
                                            vector::RowIndex* rows,
                                            std::uint32_t count) const noexcept;
  [[nodiscard]] std::uint32_t keep_hashed(const vector::ColumnView& column, vector::RowIndex* rows,
                                          std::uint32_t count,
                                          std::uint64_t* hashes) const noexcept;

  vector::PhysicalType type_;
  vector::KeyEquality equality_;
  bool exact_ = false;
  bool has_range_ = false;  // integers
  IntegerRange range_;
  BudgetedArray<std::uint64_t> words_;
};

/// The values in all seats' tables, gathered in shared memory. Ready once every seat has added its
/// own.
/// Source: docs/decisions/0015-runtime-filters-across-exchanges.md
class SharedKeySet final : public KeySet {
 public:
  SharedKeySet(exchange::SharedFilter filter, vector::KeyEquality equality, base::Epoch epoch,
               std::size_t seats)
      : filter_(filter), equality_(equality), epoch_(epoch), seats_(seats) {}

  /// This seat's share, once an epoch: the values of a key of `table`, none where there is no
  /// table. A table that is too large for the filter is held back, and the set is never ready then.
  void add(const JoinTable* table, std::size_t key);

  [[nodiscard]] bool ready() const noexcept override { return filter_.complete(epoch_, seats_); }
  [[nodiscard]] std::uint32_t keep(const vector::ColumnView& column, vector::RowIndex* rows,
                                   std::uint32_t count,
                                   std::uint64_t* hashes) const noexcept override;

 private:
  exchange::SharedFilter filter_;
  vector::KeyEquality equality_;
  base::Epoch epoch_;
  std::size_t seats_;
};

/// One scan's use of a set on one of its columns. Rows pass untested until the set is ready. A set
/// that removes too little rests, and is tried again after ever more rows.
class ScanFilter {
 public:
  ScanFilter(std::uint32_t column, const KeySet& keys, NodeCounters& counters);

  /// Of the scan's columns.
  [[nodiscard]] std::uint32_t column() const noexcept { return column_; }
  /// As KeySet::keep(), or nothing while it rests.
  [[nodiscard]] std::uint32_t keep(const vector::ColumnView& column, vector::RowIndex* rows,
                                   std::uint32_t count) noexcept;

 private:
  void judge() noexcept;

  std::uint32_t column_;
  const KeySet* keys_;
  bool ready_;
  NodeCounters* counters_;
  std::unique_ptr<std::uint64_t[]> hashes_;
  std::uint64_t tested_ = 0;  // since it was judged last
  std::uint64_t removed_ = 0;
  std::uint64_t rest_rows_ = 0;  // that pass untested
  std::uint64_t next_rest_rows_;
};

}  // namespace sluice::engine
