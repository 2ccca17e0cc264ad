// The first k rows of an order: a sink that keeps them and a source that hands them out in order.
#pragma once

#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/node_counters.h"
#include "engine/operator.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

/// Errors: kAbandon when `budget` is gone.
class TopKSink final : public Sink {
 public:
  TopKSink(const plan::TopKSpec& spec, const std::vector<plan::DataType>& input,
           base::MemoryBudget& budget, NodeCounters& counters);
  ~TopKSink() override;
  [[nodiscard]] SinkState consume(const vector::Batch& batch) override;
  [[nodiscard]] SinkState finish() override;
  [[nodiscard]] std::unique_ptr<Source> results();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::engine
