// Evaluating a batch in slices of its rows, where the results of all take too much memory together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/expr_node.h"
#include "engine/row_store.h"

namespace sluice::engine {

[[nodiscard]] inline std::uint32_t row_at(Rows rows, std::uint32_t i) noexcept {
  return rows.selection == nullptr ? i : rows.selection[i];
}

/// The first of `rows`: those before row `end`.
[[nodiscard]] inline Rows rows_before(Rows rows, std::uint32_t end) noexcept {
  if (rows.selection == nullptr) {
    return {nullptr, std::min(rows.count, end)};
  }
  const auto* behind = std::lower_bound(rows.selection, rows.selection + rows.count, end);
  return {rows.selection, static_cast<std::uint32_t>(behind - rows.selection)};
}

/// Without the first `count`.
[[nodiscard]] inline Rows rows_behind(Rows rows, std::uint32_t count) noexcept {
  if (count == 0) {
    return rows;
  }
  return {(rows.selection == nullptr ? all_rows() : rows.selection) + count, rows.count - count};
}

/// Calls evaluate(rows) for as many of `rows`, from the first on, as no node cuts off; returns
/// those.
template <typename Evaluate>
[[nodiscard]] Rows evaluate_first(Rows rows, Evaluate evaluate) {
  while (true) {
    try {
      evaluate(rows);
      return rows;
    } catch (const RowsCut& cut) {
      rows = rows_before(rows, cut.end());
    }
  }
}

}  // namespace sluice::engine
