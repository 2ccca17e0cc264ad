#include "engine/expr_predicate.h"

#include <algorithm>

namespace sluice::engine {

using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::RowIndex;

StrictPredicate::StrictPredicate(base::Arena& arena)
    : buffer_(vector::PhysicalType::kInt8, arena),
      passed_(arena.allocate_array<RowIndex>(kBatchRowsMax)) {}

std::uint32_t StrictPredicate::select(const Frame& frame, Rows rows, RowIndex* passed) {
  const std::uint64_t* validity = prepare(frame, rows);
  return test(valid_rows(rows, validity, passed), passed);
}

ColumnView StrictPredicate::evaluate(const Frame& frame, Rows rows) {
  const std::uint64_t* validity = prepare(frame, rows);
  const std::uint32_t count = test(valid_rows(rows, validity, passed_.data()), passed_.data());
  const Rows passed{passed_.data(), count};
  auto* values = buffer_.as<std::uint8_t>();
  for_each_row(rows, [=](std::uint32_t row) { values[row] = 0; });
  for_each_row(passed, [=](std::uint32_t row) { values[row] = 1; });
  if (!no_is_null()) {
    return buffer_.view(validity);
  }
  std::fill_n(buffer_.validity, kBatchRowsMax / 64, 0);
  std::uint64_t* valid = buffer_.validity;
  for_each_row(passed,
               [=](std::uint32_t row) { valid[row / 64] |= std::uint64_t{1} << (row % 64); });
  return buffer_.view(valid);
}

}  // namespace sluice::engine
