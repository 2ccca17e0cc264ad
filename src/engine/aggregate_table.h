// The groups of an aggregate and their states. Single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/arena.h"
#include "engine/aggregate_state.h"
#include "engine/foreign_states.h"
#include "engine/group_table.h"
#include "engine/row_store.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Each batch is first divided into groups, then every call folds its column. Where groups are few
/// the rows are brought into group order first, so that a call sums a run of rows in a register;
/// where they are many each row finds its state.
/// Errors:    kAbandon when the budget is gone or a sum outgrows its type; 22003 as PostgreSQL's.
/// Invariant: without keys there is exactly one group, from the start.
class AggregateTable {
 public:
  AggregateTable(const plan::AggregateSpec& spec, const std::vector<plan::DataType>& input,
                 base::MemoryBudget& budget);

  void consume(const vector::Batch& batch);
  /// The states of each row by itself, as if it were the only one of its group. Valid as long as
  /// `batch`, until the next call. Shape: with keys, without foreign calls; after clear(), and
  /// clear() comes after it.
  [[nodiscard]] vector::Batch states_of(const vector::Batch& batch);
  /// Checks all states. Before read().
  void finish();
  /// Forgets all groups and keeps most of their memory. Shape: with keys; no foreign call.
  void clear() noexcept;
  /// Has foreign aggregates give back what they hold; finish() does it, too.
  void close();
  [[nodiscard]] std::uint32_t groups() const noexcept {
    return keys_.has_value() ? keys_->groups() : 1;
  }
  /// The groups from `first`, a multiple of kBatchRowsMax, on; the keys, then the states.
  /// Valid until the next call.
  [[nodiscard]] vector::Batch read(std::uint32_t first);

 private:
  static constexpr std::uint32_t kRunGroupsMax = 64;
  struct Scratch {
    std::uint32_t groups[vector::kBatchRowsMax];
    vector::RowIndex rows[vector::kBatchRowsMax];
    GroupRun runs[kRunGroupsMax];
    AggregateState::Scratch state;
  };
  [[nodiscard]] RowsByGroup divide(const vector::Batch& batch);
  void update(const vector::Batch& batch, const RowsByGroup& rows, std::uint32_t groups);
  [[nodiscard]] RowsByGroup sort_into_runs(const vector::Batch& batch) noexcept;

  const plan::AggregateSpec spec_;
  std::optional<GroupTable> keys_;
  // By call; one of the two is null.
  std::vector<std::unique_ptr<AggregateState>> states_;
  std::vector<std::unique_ptr<ForeignStates>> foreign_;
  base::Arena arena_;
  Scratch* scratch_;
  std::vector<LoadedColumn> key_columns_;
  std::vector<vector::ColumnView> views_;
};

}  // namespace sluice::engine
