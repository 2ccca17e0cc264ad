// Compares keys of a batch with keys of stored rows, a column at a time.
#pragma once

#include <cstdint>

#include "engine/row_store.h"
#include "vector/hash.h"

namespace sluice::engine {

/// Pairs to compare: batch row rows[i] with stored row numbers[i].
struct RowPairs {
  const vector::RowIndex* rows;
  const std::uint32_t* numbers;
  std::uint32_t count;
};

/// Clears equal[i] where pair i differs in the column; NULL equals NULL here.
/// Shape: `key` has the stored column's physical type; its values need no alignment.
void match_key(const vector::ColumnView& key, const RowStore& store, std::size_t column,
               vector::KeyEquality equality, const RowPairs& pairs, std::uint8_t* equal) noexcept;

/// A stored value as a column of one row, to be compared with other stored rows.
[[nodiscard]] vector::ColumnView stored_value_view(const RowStore& store, std::uint32_t number,
                                                   std::size_t column,
                                                   std::uint64_t& validity) noexcept;

}  // namespace sluice::engine
