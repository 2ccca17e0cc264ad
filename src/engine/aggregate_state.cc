#include "engine/aggregate_state.h"

#include <algorithm>

namespace sluice::engine {

using vector::ColumnView;
using vector::RowIndex;

AggregateState::AggregateState(EmptyResult empty, bool grouped, base::MemoryBudget& budget)
    : empty_(empty), tracks_presence_(empty == EmptyResult::kNull && !grouped), present_(budget) {}

void AggregateState::grow_presence(std::uint32_t groups) {
  groups_ = std::max(groups_, groups);
  if (tracks_presence_) {
    present_.grow(groups_, 0);
  }
}

void AggregateState::clear() noexcept {
  groups_ = 0;
  settled_groups_ = 0;
  present_.clear();
  clear_states();
}

void AggregateState::track_presence() {
  tracks_presence_ = true;
  present_.grow(settled_groups_, 1);
  present_.grow(groups_, 0);
}

void AggregateState::update(const ColumnView* column, const RowsByGroup& rows, Scratch& scratch) {
  static constexpr ColumnView kNoColumn{};
  if (column == nullptr || column->validity == nullptr) {
    fold(column == nullptr ? kNoColumn : *column, rows);
    settled_groups_ = groups_;
    return;
  }
  if (empty_ == EmptyResult::kNull && !tracks_presence_) {
    track_presence();
  }
  const ColumnView& nullable = *column;
  for (const GroupRun& run : rows.runs) {
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const auto row = run.rows == nullptr ? static_cast<RowIndex>(i) : run.rows[i];
      scratch.rows[kept] = row;
      kept += nullable.is_null(row) ? 0 : 1;
    }
    const GroupRun valid{scratch.rows, kept, run.group};
    fold(nullable, {{&valid, 1}});
  }
  if (rows.runs.empty()) {
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      scratch.rows[kept] = rows.rows[i];
      scratch.groups[kept] = rows.groups[i];
      kept += nullable.is_null(rows.rows[i]) ? 0 : 1;
    }
    fold(nullable, {{}, scratch.rows, scratch.groups, kept});
  }
  settled_groups_ = groups_;
}

void AggregateState::fold(const ColumnView& column, const RowsByGroup& rows) {
  for (const GroupRun& run : rows.runs) {
    if (run.count != 0) {
      fold_run(column, run);
      if (tracks_presence_) {
        present_[run.group] = 1;
      }
    }
  }
  if (rows.runs.empty() && rows.count != 0) {
    fold_rows(column, rows);
    for (std::uint32_t i = 0; tracks_presence_ && i < rows.count; ++i) {
      present_[rows.groups[i]] = 1;
    }
  }
}

ColumnView AggregateState::view(std::uint32_t first, std::uint32_t count) noexcept {
  ColumnView result = values(first);
  if (tracks_presence_) {
    validity_.fill(0);
    for (std::uint32_t i = 0; i < count; ++i) {
      validity_[i / 64] |= std::uint64_t{present_[first + i]} << (i % 64);
    }
    result.validity = validity_.data();
  }
  return result;
}

}  // namespace sluice::engine
