// For benchmarks: batches of integer columns, made by a rule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/physical.h"
#include "vector/batch_builder.h"

namespace sluice::engine {

/// `rows` rows of int8 or decimal64 columns, in full batches; the last one may be shorter.
/// Owns: the values.
class BenchRows {
 public:
  /// Shape: `value(row, column)` is the value of that row, counted over all batches.
  template <typename Value>
  BenchRows(const std::vector<plan::DataType>& types, std::uint64_t rows, Value value) {
    for (std::uint64_t first = 0; first < rows; first += vector::kBatchRowsMax) {
      auto builder = std::make_unique<vector::BatchBuilder>(physical_types_of(types), budget_);
      const auto count =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(rows - first, vector::kBatchRowsMax));
      for (std::size_t c = 0; c < types.size(); ++c) {
        auto* values = builder->column(c).as<std::int64_t>();
        for (std::uint32_t row = 0; row < count; ++row) {
          values[row] = static_cast<std::int64_t>(value(first + row, c));
        }
      }
      builder->set_rows(count);
      batches_.push_back(builder->view());
      builders_.push_back(std::move(builder));
    }
  }
  [[nodiscard]] const std::vector<vector::Batch>& batches() const noexcept { return batches_; }

 private:
  base::MemoryBudget budget_{std::size_t{1} << 32};
  std::vector<std::unique_ptr<vector::BatchBuilder>> builders_;
  std::vector<vector::Batch> batches_;
};

/// Spreads consecutive numbers evenly over all 64 bits. Source: SplitMix64.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t number) noexcept {
  number += 0x9E3779B97F4A7C15U;
  number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9U;
  number = (number ^ (number >> 27)) * 0x94D049BB133111EBU;
  return number ^ (number >> 31);
}

}  // namespace sluice::engine
