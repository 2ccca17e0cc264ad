// Remembers the groups of recent short keys, so that most rows need no hash. Single-threaded.
#pragma once

#include <cstdint>
#include <vector>

#include "base/arena.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Packs all key columns of a row into one word, where they fit, and looks that up in a small
/// direct-mapped cache. Equal words mean equal keys (not the reverse: blanks, -0), so a hit needs
/// no comparison. Which widths strings get is decided by the first batch; rows that do not fit, and
/// rows with a NULL, are misses. A cache that rarely hits turns itself off.
class PackedKeyCache {
 public:
  PackedKeyCache(const std::vector<vector::PhysicalType>& key_types, base::Arena& arena);

  [[nodiscard]] bool enabled() const noexcept { return enabled_; }

  /// Forgets all groups.
  void clear() noexcept;

  /// Writes groups[i] of the i-th counted row where the cache knows it, and the indexes i of the
  /// other rows to `misses`; returns how many those are.
  [[nodiscard]] std::uint32_t find(const vector::Batch& batch,
                                   const std::vector<std::uint32_t>& key_columns,
                                   std::uint32_t* groups, vector::RowIndex* misses) noexcept;
  /// The group of the i-th counted row of the batch last given to find().
  void learn(std::uint32_t index, std::uint32_t group) noexcept;

 private:
  static constexpr std::uint32_t kEntryBits = 10;
  struct Field {
    vector::PhysicalType type;
    std::uint32_t shift = 0;
    std::uint32_t string_bytes_max = 0;
  };
  struct Scratch {
    std::uint64_t words[vector::kBatchRowsMax];
    std::uint8_t unfit[vector::kBatchRowsMax];
    std::uint64_t cached_words[std::size_t{1} << kEntryBits];
    std::uint32_t cached_groups[std::size_t{1} << kEntryBits];  // group + 1; 0: empty
  };

  void plan_fields(const vector::Batch& batch, const std::vector<std::uint32_t>& key_columns);
  void pack(const vector::Batch& batch, const vector::ColumnView& column,
            const Field& field) noexcept;
  [[nodiscard]] static std::uint64_t entry_of(std::uint64_t word) noexcept {
    return (word * 0x9e3779b97f4a7c15ULL) >> (64 - kEntryBits);
  }

  std::vector<Field> fields_;
  Scratch* scratch_;
  bool planned_ = false;
  bool enabled_ = true;
  std::uint32_t poor_batches_ = 0;
};

}  // namespace sluice::engine
