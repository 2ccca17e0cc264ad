// Which rows of a page group a loop runs over.
#pragma once

#include <cstdint>

#include "vector/batch.h"

namespace sluice::pg {

/// `count` consecutive rows from `first`, or, where `selection` is set, the `count` rows it names.
struct RowSet {
  const vector::RowIndex* selection = nullptr;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct DenseRows {
  std::uint32_t first;
  std::uint32_t count;
  [[nodiscard]] std::size_t operator[](std::size_t i) const noexcept { return first + i; }
  [[nodiscard]] DenseRows part(std::uint32_t from, std::uint32_t part_count) const noexcept {
    return {first + from, part_count};
  }
};

struct SelectedRows {
  const vector::RowIndex* rows;
  std::uint32_t count;
  [[nodiscard]] std::size_t operator[](std::size_t i) const noexcept { return rows[i]; }
  [[nodiscard]] SelectedRows part(std::uint32_t from, std::uint32_t part_count) const noexcept {
    return {rows + from, part_count};
  }
};

/// Calls `loop` with the rows in the form that it can be compiled for. Inlined, so that what the
/// loop captures stays in registers: its stores could otherwise change the captures.
template <typename Loop>
[[gnu::always_inline]] inline void with_rows(const RowSet& rows, Loop&& loop) {
  if (rows.selection == nullptr) {
    loop(DenseRows{rows.first, rows.count});
  } else {
    loop(SelectedRows{rows.selection, rows.count});
  }
}

}  // namespace sluice::pg
