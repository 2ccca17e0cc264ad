#include "pg/source/filter_stages.h"

#include <algorithm>
#include <utility>

#include "plan/filter_order.h"

namespace sluice::pg {

FilterStages::FilterStages(const plan::ScanSpec& scan,
                           std::vector<engine::ScanFilter> runtime_filters)
    : first_stages_(scan.columns.size()) {
  const auto attribute = [&scan](const engine::ScanFilter& filter) {
    return scan.columns[filter.column()].attribute;
  };
  std::ranges::stable_sort(runtime_filters, {}, attribute);
  auto next = runtime_filters.begin();
  for (std::size_t place = 0; place <= scan.filters.size(); ++place) {
    for (; next != runtime_filters.end() && plan::place_of_test(scan, next->column()) == place;
         ++next) {
      std::vector<bool> read(scan.columns.size(), false);
      read[next->column()] = true;
      stage_of(read).runtime_filters.push_back(std::move(*next));
    }
    if (place < scan.filters.size()) {
      std::vector<bool> read(scan.columns.size(), false);
      plan::collect_columns(scan.filters[place], read);
      stage_of(read).conjuncts.push_back(scan.filters[place]);
    }
  }
}

/// The stage of the next condition, which reads these columns.
FilterStage& FilterStages::stage_of(const std::vector<bool>& read) {
  bool reads_more = stages_.empty();
  for (std::size_t i = 0; i < read.size(); ++i) {
    reads_more = reads_more || (read[i] && !first_stages_[i]);
  }
  if (reads_more && stages_.size() < kFilterStagesMax) {
    stages_.emplace_back();
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i] && !first_stages_[i]) {
      first_stages_[i] = static_cast<Stage>(stages_.size() - 1);
    }
  }
  return stages_.back();
}

}  // namespace sluice::pg
