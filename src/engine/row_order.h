// The order of rows by sort keys, between stored rows and rows of a batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/row_store.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Text is compared by bytes, bpchar without its trailing blanks, float8 as PostgreSQL does.
/// Shape: key columns are the same in the batch and in the store.
class RowOrder {
 public:
  RowOrder(const std::vector<plan::SortKey>& keys, const std::vector<plan::DataType>& types);

  /// Negative when `left` comes first, 0 when neither has to.
  [[nodiscard]] int compare(const RowStore& store, std::uint32_t left,
                            std::uint32_t right) const noexcept;

  /// Writes those of `rows` that come before the stored row, and returns how many.
  [[nodiscard]] std::uint32_t select_before(const vector::Batch& batch,
                                            std::span<const vector::RowIndex> rows,
                                            const RowStore& store, std::uint32_t bound,
                                            vector::RowIndex* selected) const noexcept;

 private:
  struct Key {
    plan::SortKey spec;
    vector::PhysicalType type;
    bool blank_padded;
  };
  [[nodiscard]] static int compare_key(const Key& key, const std::byte* left, bool left_null,
                                       const std::byte* right, bool right_null) noexcept;
  [[nodiscard]] int compare_row(const vector::Batch& batch, vector::RowIndex row,
                                const RowStore& store, std::uint32_t right) const noexcept;

  std::vector<Key> keys_;
};

}  // namespace sluice::engine
