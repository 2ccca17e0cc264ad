// The rows of one stream that go the same way: staged until they fill a record, then written to
// every ring of the lane.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/arena.h"
#include "base/memory_budget.h"
#include "engine/operator.h"
#include "exchange/stream_output.h"
#include "vector/batch.h"
#include "vector/batch_builder.h"

namespace sluice::engine {

/// Gather: one lane to the leader. Redistribute: one lane a consumer. Broadcast: one lane to all.
/// A batch that fills a record by itself goes straight into the rings, small ones are staged.
/// Bounded: at most one batch is staged; a destination without room stops the lane, not the others.
/// Runs in: the producer seat.
class ExchangeLane {
 public:
  /// Rows from which on a batch is not worth copying into the staging.
  static constexpr std::uint32_t kDirectRowsMin = 1024;

  /// `output` outlives the lane. `destinations` are consumers of it.
  ExchangeLane(exchange::StreamOutput& output, exchange::SeatSet destinations,
               std::span<const vector::PhysicalType> types, base::MemoryBudget& budget);

  /// As Sink::consume(): after kBlocked the same batch must be offered again.
  [[nodiscard]] SinkState offer(const vector::Batch& batch);
  /// Sends what is staged. Pre: no offer is pending.
  [[nodiscard]] SinkState flush();

 private:
  enum class Shipment : std::uint8_t { kNone, kStaged, kOffered };

  void begin(Shipment kind, const vector::Batch& batch);
  [[nodiscard]] bool ship();
  void cut_slice();
  void view_slice(std::uint32_t rows);
  [[nodiscard]] bool send(exchange::SeatIndex destination);
  [[nodiscard]] bool has_room(const vector::Batch& batch, std::size_t page_bytes) const noexcept;
  void stage(const vector::Batch& batch);

  exchange::StreamOutput& output_;
  exchange::SeatSet destinations_;  // those that have not closed
  std::vector<vector::PhysicalType> types_;
  base::MemoryBudget& budget_;
  std::size_t record_bytes_max_;
  std::size_t row_bytes_ = 0;  // of a staged row without its long strings

  std::unique_ptr<vector::BatchBuilder> staging_;

  // What is being sent: rows next_row_.. of shipped_, cut into slices that fit a record.
  Shipment shipment_ = Shipment::kNone;
  vector::Batch shipped_;
  std::uint32_t next_row_ = 0;
  vector::Batch slice_;
  std::size_t slice_bytes_ = 0;
  exchange::SeatSet pending_;  // destinations that have not taken the slice
  std::vector<vector::ColumnView> slice_columns_;
  std::vector<vector::RowIndex> all_rows_;
  base::Arena oversized_;  // the page of a row that is larger than a record, until it is sent
  std::span<std::byte> oversized_page_;
};

}  // namespace sluice::engine
