#include "engine/exchange_sink.h"

#include "base/check.h"
#include "engine/physical.h"

namespace sluice::engine {

using exchange::SeatIndex;
using exchange::SeatSet;
using vector::Batch;
using vector::kBatchRowsMax;

ExchangeSink::ExchangeSink(const plan::PlanNode& node, std::uint16_t partition_count,
                           exchange::Mesh& mesh, SeatSet consumers, exchange::Epoch epoch,
                           base::MemoryBudget& budget)
    : output_(mesh, node.as<plan::ExchangeSpec>()->stream, consumers, epoch) {
  const plan::ExchangeSpec& spec = *node.as<plan::ExchangeSpec>();
  const std::vector<vector::PhysicalType> types = physical_types_of(node.output);
  if (spec.kind != plan::ExchangeKind::kRedistribute || consumers.size() == 1) {
    lanes_.emplace_back(output_, consumers, types, budget);
    return;
  }
  SLUICE_CHECK(partition_count != 0, "redistribute without partitions");
  consumers.for_each([&](SeatIndex consumer) {
    lanes_.emplace_back(output_, SeatSet::of(consumer), types, budget);
  });
  keys_ = spec.keys;
  for (const std::uint32_t key : keys_) {
    equalities_.push_back(key_equality_of(node.output.at(key)));
  }
  for (std::size_t partition = 0; partition < partition_count; ++partition) {
    lane_of_partition_.push_back(static_cast<std::uint8_t>(partition % lanes_.size()));
  }
  shares_.resize(lanes_.size());
  for (Share& share : shares_) {
    share.rows.resize(kBatchRowsMax);
  }
  hashes_.resize(kBatchRowsMax);
}

SinkState ExchangeSink::consume(const Batch& batch) {
  if (!wanted()) {
    return SinkState::kClosed;
  }
  return shares_.empty() ? lanes_.front().offer(batch) : redistribute(batch);
}

SinkState ExchangeSink::redistribute(const Batch& batch) {
  if (!scattered_) {
    scatter(batch);
    scattered_ = true;
  }
  bool all_sent = true;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Share& share = shares_[i];
    if (!share.sent) {
      const Batch rows(batch.columns(), batch.rows(), share.rows.data(), share.count);
      share.sent = lanes_[i].offer(rows) != SinkState::kBlocked;
    }
    all_sent = all_sent && share.sent;
  }
  scattered_ = !all_sent;
  return all_sent ? SinkState::kAccepted : SinkState::kBlocked;
}

void ExchangeSink::scatter(const Batch& batch) {
  vector::hash_keys(batch, keys_, equalities_, hashes_.data());
  for (Share& share : shares_) {
    share.count = 0;
  }
  const std::uint64_t partitions = lane_of_partition_.size();
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    const std::uint64_t partition = ((hashes_[i] >> 32) * partitions) >> 32;
    Share& share = shares_[lane_of_partition_[partition]];
    share.rows[share.count++] = static_cast<vector::RowIndex>(batch.row(i));
  }
  for (Share& share : shares_) {
    share.sent = share.count == 0;
  }
}

SinkState ExchangeSink::finish() {
  // A batch that a lane still holds after kClosed may be gone with its source: nothing is cut from
  // it any more.
  bool all_sent = true;
  if (wanted()) {
    for (ExchangeLane& lane : lanes_) {
      all_sent = lane.flush() != SinkState::kBlocked && all_sent;
    }
  }
  if (!all_sent && wanted()) {
    return SinkState::kBlocked;
  }
  end_stream();
  return SinkState::kAccepted;
}

void ExchangeSink::cancel() noexcept { end_stream(); }

void ExchangeSink::end_stream() noexcept {
  if (!ended_) {
    ended_ = true;
    output_.finish();
  }
}

}  // namespace sluice::engine
