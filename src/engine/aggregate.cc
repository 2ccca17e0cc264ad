#include "engine/aggregate.h"

#include <algorithm>

#include "engine/aggregate_table.h"

namespace sluice::engine {

using vector::Batch;

namespace {

/// Hands out the groups of a finished table; borrows it.
class GroupSource final : public Source {
 public:
  GroupSource(AggregateTable& table, NodeCounters& counters) noexcept
      : table_(table), counters_(counters) {}

  SourceState next(Batch& out) override {
    if (next_group_ >= table_.groups()) {
      return SourceState::kEnd;
    }
    out = table_.read(next_group_);
    next_group_ += out.rows();
    counters_.rows += out.count();
    counters_.batches += 1;
    return SourceState::kBatch;
  }
  void close() override {}

 private:
  AggregateTable& table_;
  NodeCounters& counters_;
  std::uint32_t next_group_ = 0;
};

}  // namespace

AggregateSink::AggregateSink(const plan::AggregateSpec& spec,
                             const std::vector<plan::DataType>& input, base::MemoryBudget& budget,
                             NodeCounters& counters)
    : table_(std::make_unique<AggregateTable>(spec, input, budget)),
      budget_(budget),
      counters_(counters) {}

AggregateSink::~AggregateSink() = default;

SinkState AggregateSink::consume(const Batch& batch) {
  table_->consume(batch);
  return SinkState::kAccepted;
}

SinkState AggregateSink::finish() {
  table_->finish();
  counters_.groups += table_->groups();
  counters_.memory_bytes_peak =
      std::max<std::uint64_t>(counters_.memory_bytes_peak, budget_.peak_bytes());
  return SinkState::kAccepted;
}

void AggregateSink::close() { table_->close(); }

std::unique_ptr<Source> AggregateSink::results() {
  return std::make_unique<GroupSource>(*table_, counters_);
}

}  // namespace sluice::engine
