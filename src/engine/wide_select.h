// Loops over rows that pick some of them, eight rows at a time where the processor can.
#pragma once

#include <cstdint>

#include "engine/expr_node.h"
#include "engine/integer_range.h"
#include "plan/expr.h"
#include "vector/batch.h"

namespace sluice::engine::wide {

/// Whether this processor has the instructions (AVX2) that everything below needs.
[[nodiscard]] bool is_supported() noexcept;

/// Those of `rows` whose value compares so with `constant`. Returns how many.
/// Shape: `comparison` is one of the six; `passed` has room for all of `rows`, however many pass,
///        and may be rows.selection.
[[nodiscard]] std::uint32_t select(plan::Op comparison, const std::int32_t* values,
                                   std::int32_t constant, Rows rows,
                                   vector::RowIndex* passed) noexcept;
[[nodiscard]] std::uint32_t select(plan::Op comparison, const std::int64_t* values,
                                   std::int64_t constant, Rows rows,
                                   vector::RowIndex* passed) noexcept;

/// Leaves of `rows`, ascending, those whose value's offset in `range` is the number of a bit that
/// is set in `words`. Returns how many.
/// Shape: `words` has a bit for every value of the range, which has fewer than 2^32.
[[nodiscard]] std::uint32_t keep_set(const std::int32_t* values, const IntegerRange& range,
                                     const std::uint64_t* words, vector::RowIndex* rows,
                                     std::uint32_t count) noexcept;

}  // namespace sluice::engine::wide
