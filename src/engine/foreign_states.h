// The states of a foreign aggregate call as an aggregate table has them: rows by group go in,
// columns of results come out. Single-threaded.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/memory_budget.h"
#include "engine/aggregate_state.h"
#include "engine/budgeted_array.h"
#include "engine/foreign_aggregate.h"
#include "engine/row_store.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

namespace sluice::engine {

/// A call that keeps its rows, in an aggregate with group keys, gets them a group after the other
/// when all are there: it has the state of one group at a time. Others get them as they come.
/// Errors: kAbandon when the budget is gone; those of the ForeignAggregate.
/// Invariant: the budget is charged what the ForeignAggregate holds, as of the last batch.
class ForeignStates {
 public:
  ForeignStates(const plan::AggregateCall& call, const std::vector<plan::DataType>& input,
                bool grouped, base::MemoryBudget& budget);
  ForeignStates(const ForeignStates&) = delete;
  ForeignStates& operator=(const ForeignStates&) = delete;
  ~ForeignStates();

  void grow(std::uint32_t groups);
  void update(const vector::Batch& batch, const RowsByGroup& rows,
              AggregateState::Scratch& scratch);
  /// Computes all results. After the last update(); closes the aggregate.
  void finish();
  /// The results of groups from `first`, a multiple of 64, on. After finish().
  [[nodiscard]] vector::ColumnView view(std::uint32_t first) const noexcept;
  /// Where finish() did not come about. Idempotent.
  void close();

 private:
  /// Of a batch's rows: where they are, and their groups.
  struct Picked {
    const vector::RowIndex* rows;
    const std::uint32_t* groups;
    std::uint32_t count;
  };
  /// Rows that wait for the end of their group, as chains in the order of their arrival.
  class Waiting {
   public:
    Waiting(const std::vector<plan::DataType>& types, base::MemoryBudget& budget);
    void grow(std::uint32_t groups);
    void append(const vector::Batch& batch, std::span<const std::uint32_t> columns,
                const Picked& rows);
    /// The next rows of a group into `views`; how many there are. 0: no more.
    [[nodiscard]] std::uint32_t next(std::uint32_t group, std::vector<vector::ColumnView>& views);

   private:
    RowStore store_;
    BudgetedArray<std::uint32_t> heads_;  // by group: its first row that nobody has taken, or 0
    BudgetedArray<std::uint32_t> tails_;  // by group: its last row, or 0
    base::Arena arena_;
    std::span<std::uint32_t> numbers_;
    std::vector<LoadedColumn> columns_;
  };

  [[nodiscard]] Picked pick(const vector::Batch& batch, const RowsByGroup& rows,
                            AggregateState::Scratch& scratch) const noexcept;
  void charge();
  /// The results of `count` groups from `first` on, whose states are first_state and on.
  void take_results(std::uint32_t first_state, std::uint32_t first, std::uint32_t count);
  void finish_waiting();

  const plan::AggregateCall call_;
  base::MemoryBudget& budget_;
  std::unique_ptr<ForeignAggregate> aggregate_;
  std::unique_ptr<Waiting> waiting_;
  std::vector<vector::ColumnView> views_;
  std::size_t charged_bytes_ = 0;
  std::uint32_t groups_ = 0;
  bool closed_ = false;

  vector::PhysicalType result_type_;
  base::Arena arena_;  // results' strings, and the buffer that they come in
  BudgetedBytes values_;
  BudgetedArray<std::uint64_t> validity_;
};

}  // namespace sluice::engine
