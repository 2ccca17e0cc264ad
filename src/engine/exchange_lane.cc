#include "engine/exchange_lane.h"

#include <algorithm>
#include <numeric>

#include "vector/page.h"

namespace sluice::engine {

using exchange::DestinationState;
using exchange::PushResult;
using exchange::SeatIndex;
using exchange::SeatSet;
using vector::Batch;
using vector::kBatchRowsMax;
using vector::RowIndex;

namespace {

// A slice that starts at a multiple of this shares its column's validity words.
constexpr std::uint32_t kRowsPerValidityWord = 64;
// Upper bounds of what a page takes beside its values (docs/formats/page.md).
constexpr std::size_t kPageHeaderBytes = 16;
constexpr std::size_t kColumnOverheadBytes = 32 + 8 + 3 * 16;

}  // namespace

ExchangeLane::ExchangeLane(exchange::StreamOutput& output, SeatSet destinations,
                           std::span<const vector::PhysicalType> types, base::MemoryBudget& budget)
    : output_(output),
      destinations_(destinations),
      types_(types.begin(), types.end()),
      budget_(budget),
      record_bytes_max_(output.record_bytes_max()),
      slice_columns_(types.size()),
      all_rows_(kBatchRowsMax),
      oversized_(budget) {
  for (const vector::PhysicalType type : types_) {
    row_bytes_ += vector::width_bytes(type);
  }
  std::iota(all_rows_.begin(), all_rows_.end(), RowIndex{0});
}

SinkState ExchangeLane::offer(const Batch& batch) {
  const bool resumed = shipment_ == Shipment::kOffered;
  if (!ship()) {
    return SinkState::kBlocked;
  }
  if (destinations_.empty()) {
    return SinkState::kClosed;
  }
  if (resumed || batch.count() == 0) {
    return SinkState::kAccepted;
  }
  const std::size_t bytes = vector::page_bytes(batch);
  if (batch.count() >= kDirectRowsMin || bytes > record_bytes_max_ / 2) {
    begin(Shipment::kOffered, batch);
    return ship() ? SinkState::kAccepted : SinkState::kBlocked;
  }
  if (staging_ != nullptr && !has_room(batch, bytes)) {
    begin(Shipment::kStaged, staging_->view());
    if (!ship()) {
      return SinkState::kBlocked;
    }
  }
  stage(batch);
  return SinkState::kAccepted;
}

SinkState ExchangeLane::flush() {
  if (!ship()) {
    return SinkState::kBlocked;
  }
  if (staging_ != nullptr && !staging_->empty()) {
    begin(Shipment::kStaged, staging_->view());
    return ship() ? SinkState::kAccepted : SinkState::kBlocked;
  }
  return SinkState::kAccepted;
}

bool ExchangeLane::has_room(const Batch& batch, std::size_t page_bytes) const noexcept {
  if (batch.count() > staging_->free_rows()) {
    return false;
  }
  const std::size_t rows = std::size_t{staging_->rows()} + batch.count();
  const std::size_t strings_bytes = page_bytes - batch.count() * row_bytes_;
  const std::size_t validity_bytes = rows / 8 * types_.size();
  return kPageHeaderBytes + kColumnOverheadBytes * types_.size() + validity_bytes +
             rows * row_bytes_ + staging_->heap_bytes() + strings_bytes <=
         record_bytes_max_;
}

void ExchangeLane::stage(const Batch& batch) {
  if (staging_ == nullptr) {
    staging_ = std::make_unique<vector::BatchBuilder>(types_, budget_);
  }
  const RowIndex* rows = batch.selection() == nullptr ? all_rows_.data() : batch.selection();
  staging_->append(batch, {rows, batch.count()});
}

void ExchangeLane::begin(Shipment kind, const Batch& batch) {
  shipment_ = kind;
  shipped_ = batch;
  next_row_ = 0;
  pending_ = SeatSet();
}

/// Returns false while a destination has no room.
bool ExchangeLane::ship() {
  if (shipment_ == Shipment::kNone) {
    return true;
  }
  for (;;) {
    SeatSet rest;
    pending_.for_each([&](SeatIndex destination) {
      if (!send(destination)) {
        rest.insert(destination);
      }
    });
    pending_ = rest;
    if (!pending_.empty()) {
      return false;
    }
    // At once: other lanes meet their large rows too, and one budget is for all.
    oversized_page_ = {};
    oversized_.release();
    if (next_row_ == shipped_.count() || destinations_.empty()) {
      break;
    }
    cut_slice();
    pending_ = destinations_;
  }
  if (shipment_ == Shipment::kStaged) {
    staging_->reset();
  }
  shipment_ = Shipment::kNone;
  return true;
}

/// The next rows whose page fits a record; a single row that does not is serialized beside the
/// ring.
void ExchangeLane::cut_slice() {
  std::uint32_t rows = shipped_.count() - next_row_;
  view_slice(rows);
  slice_bytes_ = vector::page_bytes(slice_);
  while (slice_bytes_ > record_bytes_max_ && rows > 1) {
    const auto fitting =
        static_cast<std::uint32_t>(std::size_t{rows} * record_bytes_max_ / slice_bytes_);
    rows = std::clamp(fitting, 1U, rows - 1);
    if (rows > kRowsPerValidityWord) {
      rows -= rows % kRowsPerValidityWord;
    }
    view_slice(rows);
    slice_bytes_ = vector::page_bytes(slice_);
  }
  next_row_ += rows;
  if (slice_bytes_ > record_bytes_max_) {
    oversized_page_ = {oversized_.allocate(slice_bytes_, 16), slice_bytes_};
    vector::write_page(slice_, oversized_page_);
  }
}

void ExchangeLane::view_slice(std::uint32_t rows) {
  if (next_row_ == 0 && rows == shipped_.count()) {
    slice_ = shipped_;
    return;
  }
  if (shipped_.selection() != nullptr) {
    slice_ = Batch(shipped_.columns(), shipped_.rows(), shipped_.selection() + next_row_, rows);
    return;
  }
  if (next_row_ % kRowsPerValidityWord != 0) {
    slice_ = Batch(shipped_.columns(), shipped_.rows(), all_rows_.data() + next_row_, rows);
    return;
  }
  for (std::size_t c = 0; c < slice_columns_.size(); ++c) {
    vector::ColumnView& view = slice_columns_[c];
    view = shipped_.column(c);
    view.values =
        static_cast<const std::byte*>(view.values) + next_row_ * vector::width_bytes(view.type);
    if (view.validity != nullptr) {
      view.validity += next_row_ / kRowsPerValidityWord;
    }
  }
  slice_ = Batch(slice_columns_, rows);
}

/// Returns false while `destination` has no room for the slice; one that closed gets nothing more.
bool ExchangeLane::send(SeatIndex destination) {
  if (!oversized_page_.empty()) {
    switch (output_.push(destination, oversized_page_, slice_.count())) {
      case PushResult::kFull:
        return false;
      case PushResult::kClosed:
        destinations_.erase(destination);
        return true;
      case PushResult::kDone:
        return true;
    }
  }
  const std::span<std::byte> target = output_.reserve(destination, slice_bytes_);
  if (!target.empty()) {
    vector::write_page(slice_, target);
    output_.commit(destination, slice_.count());
    return true;
  }
  if (output_.state(destination) == DestinationState::kClosed) {
    destinations_.erase(destination);
    return true;
  }
  return false;
}

}  // namespace sluice::engine
