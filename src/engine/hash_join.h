// Hash join in two pipelines: the build sink fills a table, the probe operator reads it.
// Single-threaded; one table a seat.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/node_counters.h"
#include "engine/operator.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

class JoinTable;      // join_table.h
class RuntimeFilter;  // runtime_filter.h

/// Consumes the build side. After finish() the table's rows and keys are immutable.
/// Errors: kAbandon when `budget` is gone.
class HashBuildSink final : public Sink {
 public:
  HashBuildSink(const plan::HashJoinSpec& spec, const std::vector<plan::DataType>& build_types,
                base::MemoryBudget& budget, NodeCounters& counters);
  ~HashBuildSink() override;
  [[nodiscard]] SinkState consume(const vector::Batch& batch) override;
  [[nodiscard]] SinkState finish() override;
  [[nodiscard]] JoinTable& table() noexcept;
  /// No row can come out of the join: the probe side need not run.
  [[nodiscard]] bool joins_nothing() const noexcept;
  /// The values of a key of the finished table, made when first asked for; null where it cannot be.
  [[nodiscard]] const RuntimeFilter* runtime_filter(std::size_t key);

 private:
  void note_memory() noexcept;

  bool needs_rows_;
  std::unique_ptr<JoinTable> table_;
  base::MemoryBudget& budget_;
  NodeCounters& counters_;
  std::vector<std::unique_ptr<RuntimeFilter>> filters_;  // by key
};

/// Probes a finished table; hands out spec.outputs of the matches and of what the join's type adds
/// or makes of them, up to kBatchRowsMax a batch, without dropping any when one probe row has more
/// matches than that.
/// Pre: the table is finished when the operator is made, and probed by no other: where only the
///      build side's rows are tested, those with a match leave their chains.
class HashProbeOperator final : public Operator {
 public:
  HashProbeOperator(const plan::HashJoinSpec& spec, const std::vector<plan::DataType>& probe_types,
                    const std::vector<plan::DataType>& build_types, JoinTable& table,
                    base::MemoryBudget& budget, NodeCounters& counters);
  ~HashProbeOperator() override;
  [[nodiscard]] OperatorState process(const vector::Batch& in, vector::Batch& out) override;
  [[nodiscard]] OperatorState flush(vector::Batch& out) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::engine
