// Plain and hash aggregation: a sink that takes rows (or states) and a source of the groups.
#pragma once

#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/node_counters.h"
#include "engine/operator.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

class AggregateTable;  // aggregate_table.h

/// Errors: kAbandon when `budget` is gone or a sum outgrows 128 bits.
class AggregateSink final : public Sink {
 public:
  AggregateSink(const plan::AggregateSpec& spec, const std::vector<plan::DataType>& input,
                base::MemoryBudget& budget, NodeCounters& counters);
  ~AggregateSink() override;
  [[nodiscard]] SinkState consume(const vector::Batch& batch) override;
  [[nodiscard]] SinkState finish() override;
  /// Gives back what lies outside of the engine, whether it was finished or not. Idempotent.
  /// Errors: those of foreign aggregates.
  void close();
  /// The groups, once finished; the sink outlives the source.
  [[nodiscard]] std::unique_ptr<Source> results();

 private:
  std::unique_ptr<AggregateTable> table_;
  base::MemoryBudget& budget_;
  NodeCounters& counters_;
};

}  // namespace sluice::engine
