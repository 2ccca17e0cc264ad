// The running states of one aggregate call, one a group, in columns. Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/memory_budget.h"
#include "engine/budgeted_array.h"
#include "vector/batch.h"

namespace sluice::engine {

/// Rows of a batch that belong to one group; `rows` null means 0, 1, ..., count-1.
struct GroupRun {
  const vector::RowIndex* rows;
  std::uint32_t count;
  std::uint32_t group;
};

/// The rows of a batch by group: as runs, or, where `runs` is empty, rows[i] in groups[i].
struct RowsByGroup {
  std::span<const GroupRun> runs;
  const vector::RowIndex* rows = nullptr;
  const std::uint32_t* groups = nullptr;
  std::uint32_t count = 0;
};

/// What a group without rows, or with NULLs only, comes to.
enum class EmptyResult : std::uint8_t { kNull, kZero };

/// Errors:    kAbandon when the budget is gone or a sum outgrows its type; 22003 where a float8 sum
///            overflows.
/// Invariant: between calls of update() every array has groups() elements.
class AggregateState {
 public:
  struct Scratch {
    vector::RowIndex rows[vector::kBatchRowsMax];
    std::uint32_t groups[vector::kBatchRowsMax];
  };

  virtual ~AggregateState() = default;
  AggregateState(const AggregateState&) = delete;
  AggregateState& operator=(const AggregateState&) = delete;

  /// New groups have seen no row.
  virtual void grow(std::uint32_t groups) = 0;
  /// Forgets all groups.
  void clear() noexcept;
  /// Takes rows of `column`; null for count(*).
  void update(const vector::ColumnView* column, const RowsByGroup& rows, Scratch& scratch);
  /// Checks that every state is a valid result. Before view().
  virtual void finish() {}
  /// The states of `count` groups from `first`, a multiple of 64, on. Valid until the next call.
  [[nodiscard]] vector::ColumnView view(std::uint32_t first, std::uint32_t count) noexcept;

 protected:
  /// `grouped`: a group begins with a row.
  AggregateState(EmptyResult empty, bool grouped, base::MemoryBudget& budget);

  virtual void fold_run(const vector::ColumnView& column, const GroupRun& run) = 0;
  virtual void fold_rows(const vector::ColumnView& column, const RowsByGroup& rows) = 0;
  [[nodiscard]] virtual vector::ColumnView values(std::uint32_t first) noexcept = 0;
  virtual void clear_states() noexcept = 0;
  /// To be called by grow().
  void grow_presence(std::uint32_t groups);
  [[nodiscard]] std::uint32_t groups() const noexcept { return groups_; }

 private:
  void track_presence();
  void fold(const vector::ColumnView& column, const RowsByGroup& rows);

  EmptyResult empty_;
  // As long as no column had NULLs every group has a value, for a group begins with a row.
  bool tracks_presence_;
  std::uint32_t groups_ = 0;
  std::uint32_t settled_groups_ = 0;  // after the last update()
  BudgetedArray<std::uint8_t> present_;
  std::array<std::uint64_t, vector::kBatchRowsMax / 64> validity_{};
};

}  // namespace sluice::engine
