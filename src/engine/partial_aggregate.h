// Partial aggregation by keys while rows stream through.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/node_counters.h"
#include "engine/operator.h"
#include "engine/partial_table_limit.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

class AggregateTable;  // aggregate_table.h

/// Rows in, states out: several of one group, which the final phase adds up. The table has a
/// bounded number of groups and of bytes: whenever it is full its groups are handed out.
/// Errors: kAbandon when one batch's groups do not fit `budget`, or a sum outgrows 128 bits.
class PartialAggregateOperator final : public Operator {
 public:
  /// Shape: `spec` is of AggregatePhase::kPartial and has keys.
  PartialAggregateOperator(const plan::AggregateSpec& spec,
                           const std::vector<plan::DataType>& input, base::MemoryBudget& budget,
                           NodeCounters& counters, const PartialTableLimit::Sizes& sizes = {});
  ~PartialAggregateOperator() override;

  [[nodiscard]] OperatorState process(const vector::Batch& in, vector::Batch& out) override;
  [[nodiscard]] OperatorState flush(vector::Batch& out) override;

 private:
  enum class Mode : std::uint8_t { kCollecting, kHandingOut, kPassing };

  void collect(const vector::Batch& in);
  [[nodiscard]] bool is_short_of_memory() const noexcept;
  void begin_handing_out() noexcept;
  [[nodiscard]] OperatorState hand_out(vector::Batch& out);
  void begin_again();
  void account(const vector::Batch& out) noexcept;

  const plan::AggregateSpec spec_;
  const std::vector<plan::DataType> input_;
  base::MemoryBudget& budget_;
  NodeCounters& counters_;
  std::unique_ptr<AggregateTable> table_;
  PartialTableLimit limit_;
  Mode mode_ = Mode::kCollecting;
  Mode next_mode_ = Mode::kCollecting;  // after the groups are handed out
  std::uint32_t handed_out_ = 0;        // groups
  std::uint64_t rows_ = 0;              // collected in the table, or passed
};

}  // namespace sluice::engine
