// In which steps a scan decodes and tests: the conditions of the plan and the runtime filters.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "engine/runtime_filter.h"
#include "pg/source/decode/column_decode.h"
#include "plan/plan_spec.h"

namespace sluice::pg {

/// Conditions that are tested once the columns of their stage are decoded, in this order.
struct FilterStage {
  std::vector<plan::Expr> conjuncts;
  std::vector<engine::ScanFilter> runtime_filters;
};

/// Begins a new stage wherever a condition reads a column that the ones before it did not. Runtime
/// filters stand where plan::place_of_test() says.
/// Shape: up to kFilterStagesMax stages; more conditions than that share the last one.
class FilterStages {
 public:
  static constexpr std::size_t kFilterStagesMax = 16;

  FilterStages(const plan::ScanSpec& scan, std::vector<engine::ScanFilter> runtime_filters);

  /// When each scan column is wanted first; nothing where no condition reads it.
  [[nodiscard]] const std::vector<std::optional<Stage>>& first_stages() const noexcept {
    return first_stages_;
  }
  [[nodiscard]] std::vector<FilterStage> take() && { return std::move(stages_); }

 private:
  FilterStage& stage_of(const std::vector<bool>& read);

  std::vector<std::optional<Stage>> first_stages_;
  std::vector<FilterStage> stages_;
};

}  // namespace sluice::pg
