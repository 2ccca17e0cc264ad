// A DsmExchange as producer: what leaves a fragment for the rings of its consumers.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/memory_budget.h"
#include "engine/exchange_lane.h"
#include "engine/fragment_output.h"
#include "exchange/stream_output.h"
#include "plan/plan_spec.h"
#include "vector/hash.h"

namespace sluice::engine {

/// Gather sends every row to the leader, broadcast to every consumer, redistribute to the seat of
/// its partition: partition = hash of the keys scaled to `partition_count`, seat = the n-th
/// consumer with n = partition mod consumers. The own seat is a consumer like any other. A consumer
/// that has no room delays only its own rows until the next batch.
/// Runs in: the producer seat.   Owns: the stream's end; destroyed before finish() or cancel() it
/// fails the stream.
class ExchangeSink final : public FragmentOutput {
 public:
  /// `node` holds an ExchangeSpec.
  ExchangeSink(const plan::PlanNode& node, std::uint16_t partition_count, exchange::Mesh& mesh,
               exchange::SeatSet consumers, exchange::Epoch epoch, base::MemoryBudget& budget);

  [[nodiscard]] SinkState consume(const vector::Batch& batch) override;
  [[nodiscard]] SinkState finish() override;
  [[nodiscard]] bool wanted() noexcept override { return !output_.all_closed(); }
  void settle() noexcept override { output_.settle(); }
  void cancel() noexcept override;

 private:
  /// The rows of the batch at hand that one lane takes.
  struct Share {
    std::vector<vector::RowIndex> rows;
    std::uint32_t count = 0;
    bool sent = true;
  };

  [[nodiscard]] SinkState redistribute(const vector::Batch& batch);
  void scatter(const vector::Batch& batch);
  void end_stream() noexcept;

  exchange::StreamOutput output_;
  std::deque<ExchangeLane> lanes_;
  // kRedistribute with several consumers only:
  std::vector<std::uint32_t> keys_;
  std::vector<vector::KeyEquality> equalities_;
  std::vector<std::uint8_t> lane_of_partition_;
  std::vector<Share> shares_;  // by lane
  std::vector<std::uint64_t> hashes_;
  bool scattered_ = false;  // shares_ are of a batch that not all lanes have taken
  bool ended_ = false;
};

}  // namespace sluice::engine
