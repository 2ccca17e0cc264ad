#include "exchange/mesh_state.h"

#include <cassert>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/fault_point.h"

namespace sluice::exchange {

namespace {

constexpr std::uint64_t line_aligned(std::uint64_t bytes) noexcept {
  return (bytes + kLineBytes - 1) & ~std::uint64_t{kLineBytes - 1};
}

constexpr std::uint64_t rings_of(StreamAudience audience, std::uint16_t seats) noexcept {
  return audience == StreamAudience::kLeader ? seats : std::uint64_t{seats} * seats;
}

template <typename T>
T* at(std::span<std::byte> region, std::uint64_t offset) noexcept {
  return std::launder(reinterpret_cast<T*>(region.data() + offset));
}

}  // namespace

MeshLayout lay_out(std::uint16_t seats, std::span<const StreamAudience> streams,
                   std::uint32_t ring_bytes) noexcept {
  MeshLayout layout;
  for (const StreamAudience audience : streams) {
    layout.physical_count += rings_of(audience, seats);
  }
  layout.bells_offset = kBellsOffset;
  layout.physical_offset = layout.bells_offset + seats * sizeof(BellLine);
  layout.audiences_offset = layout.physical_offset + layout.physical_count * sizeof(PhysicalStream);
  layout.rings_offset = line_aligned(layout.audiences_offset + streams.size());
  layout.region_bytes = layout.rings_offset + layout.physical_count * ring_bytes;
  return layout;
}

std::span<std::byte> aligned_region(std::span<std::byte> region) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(region.data());
  const std::size_t skip = line_aligned(address) - address;
  return region.size() < skip ? std::span<std::byte>() : region.subspan(skip);
}

MeshState::MeshState(std::span<std::byte> region, SeatIndex self, Waker& waker)
    : region_(aligned_region(region)), self_(self), doorbell_({}, self, waker) {
  SLUICE_CHECK_BYTES(region_.size() >= kBellsOffset, "the exchange's region is too small");
  const RegionHeader header = *at<RegionHeader>(region_, 0);  // a copy: what was checked is used
  check_header(header, region_.size());
  seats_ = header.seats;
  ring_bytes_ = header.ring_bytes;
  std::vector<StreamAudience> audiences(header.stream_count);
  std::size_t first = 0;
  for (std::size_t i = 0; i < audiences.size(); ++i) {
    const auto code = static_cast<std::uint8_t>(region_[header.audiences_offset + i]);
    SLUICE_CHECK_BYTES(code <= static_cast<std::uint8_t>(StreamAudience::kSeats),
                       "a stream's audience is unknown");
    audiences[i] = StreamAudience{code};
    streams_.push_back({audiences[i], first});
    first += rings_of(audiences[i], seats_);
  }
  const MeshLayout layout = lay_out(seats_, audiences, ring_bytes_);
  SLUICE_CHECK_BYTES(layout.physical_count == header.physical_count &&
                         layout.bells_offset == header.bells_offset &&
                         layout.physical_offset == header.physical_offset &&
                         layout.audiences_offset == header.audiences_offset &&
                         layout.rings_offset == header.rings_offset &&
                         layout.region_bytes == header.region_bytes,
                     "the exchange's region is laid out differently");
  rings_offset_ = layout.rings_offset;
  physicals_ = {at<PhysicalStream>(region_, layout.physical_offset), layout.physical_count};
  query_ = at<QueryLine>(region_, kQueryLineOffset);
  first_error_ = at<FirstErrorSlot>(region_, kFirstErrorOffset);
  doorbell_ = Doorbell({at<BellLine>(region_, layout.bells_offset), seats_}, self, waker);
}

void MeshState::check_header(const RegionHeader& header, std::size_t region_bytes) const {
  SLUICE_CHECK_BYTES(header.magic == kRegionMagic, "the exchange's region has no header");
  SLUICE_CHECK_BYTES(header.version == kRegionVersion,
                     "the exchange's region is of another version");
  SLUICE_CHECK_BYTES(header.seats != 0 && header.seats <= kSeatsMax, "the seats are impossible");
  SLUICE_CHECK_BYTES(self_.value() < header.seats, "this seat is not one of the region's");
  SLUICE_CHECK_BYTES(header.ring_bytes >= kRingBytesLeast && header.ring_bytes <= kRingBytesMax &&
                         std::has_single_bit(header.ring_bytes),
                     "the rings' size is impossible");
  SLUICE_CHECK_BYTES(header.region_bytes <= region_bytes, "the exchange's region is cut off");
  SLUICE_CHECK_BYTES(header.audiences_offset <= region_bytes &&
                         header.stream_count <= region_bytes - header.audiences_offset,
                     "the exchange's streams lie outside its region");
}

StreamAudience MeshState::audience(StreamId stream) const noexcept {
  assert(stream.index() < streams_.size());
  return streams_[stream.index()].audience;
}

SeatSet MeshState::all_seats() const noexcept {
  return SeatSet(~std::uint64_t{0} >> (64 - seats_));
}

SeatSet MeshState::consumers(StreamId stream) const noexcept {
  return audience(stream) == StreamAudience::kLeader ? SeatSet::of(kLeaderSeat) : all_seats();
}

bool MeshState::contains(StreamId stream, SeatIndex producer, SeatIndex consumer) const noexcept {
  return stream.index() < streams_.size() && producer.value() < seats_ &&
         consumer.value() < seats_ && consumers(stream).contains(consumer);
}

PhysicalStream& MeshState::physical(StreamId stream, SeatIndex producer,
                                    SeatIndex consumer) const noexcept {
  assert(contains(stream, producer, consumer));
  const Stream& entry = streams_[stream.index()];
  const std::size_t within = entry.audience == StreamAudience::kLeader
                                 ? producer.index()
                                 : producer.index() * seats_ + consumer.index();
  return physicals_[entry.first + within];
}

Epoch MeshState::epoch() const noexcept {
  // Pairs with the release in Mesh::advance_epoch.
  return Epoch(query_->epoch.load(std::memory_order_acquire));
}

bool MeshState::provide_ring(PhysicalStream& stream) noexcept {
  // Relaxed: written by this seat only.
  if (stream.consumer_control.ring_offset.load(std::memory_order_relaxed) != 0) {
    return true;
  }
  // Relaxed: the number alone is shared; the ring's bytes are published by START.
  const std::uint64_t taken = query_->rings_taken.fetch_add(1, std::memory_order_relaxed);
  if (taken >= physicals_.size()) {
    return false;
  }
  // Relaxed: pairs with the load in ring_of, ordered by START's release and its reader's acquire.
  stream.consumer_control.ring_offset.store(rings_offset_ + taken * ring_bytes_,
                                            std::memory_order_relaxed);
  return true;
}

std::optional<RingMemory> MeshState::ring_of(PhysicalStream& stream) const noexcept {
  // Relaxed: pairs with the store in provide_ring, see there.
  const std::uint64_t offset = stream.consumer_control.ring_offset.load(std::memory_order_relaxed);
  if (offset < rings_offset_ || offset > region_.size() - ring_bytes_ ||
      offset % kRecordAlignment != 0) {
    return std::nullopt;
  }
  return RingMemory{&stream, region_.subspan(offset, ring_bytes_)};
}

void MeshState::ring_for(SeatIndex peer, SharedWord& wakes) noexcept {
  if (doorbell_.ring(peer)) {
    count(wakes, 1);
  }
}

void MeshState::defer_failure(base::ErrorKind kind, const char* message) noexcept {
  if (deferred_message_ == nullptr) {
    deferred_kind_ = kind;
    deferred_message_ = message;
  }
  // So that the service is polled although the caller may have been the last to run.
  doorbell_.ring(self_);
}

void MeshState::throw_deferred() {
  if (const char* message = std::exchange(deferred_message_, nullptr)) {
    const bool corrupt = deferred_kind_ == base::ErrorKind::kCorrupt;
    throw base::Error(deferred_kind_, corrupt ? "XX001" : "XX000", message);
  }
}

SharedWord& MeshState::settled_word(StreamId stream, SeatIndex producer) const noexcept {
  return physical(stream, producer, kLeaderSeat).producer_control.settled;
}

void MeshState::settle(StreamId stream, Epoch epoch) noexcept {
  // Pairs with the acquire in Mesh::settled.
  settled_word(stream, self_).store(epoch.value(), std::memory_order_release);
  SLUICE_FAULT_POINT_NOEXCEPT(kOutputSettled);
  ring_for(kLeaderSeat, physical(stream, self_, kLeaderSeat).producer.wakes);
}

void MeshState::answer_closed(PhysicalStream& stream, Epoch epoch) noexcept {
  SLUICE_FAULT_POINT_NOEXCEPT(kOutputAnswer);
  SharedWord& have = stream.producer_control.have;
  // Relaxed: written by this seat only. A failed seat's word holds in every epoch and so does its
  // end.
  if (word_epoch(have.load(std::memory_order_relaxed)) == kEpochForever) {
    epoch = kEpochForever;
  }
  if (raise_word(have, have_word(epoch, HaveState::kClosed))) {
    ring_for(kLeaderSeat, stream.producer.wakes);
  }
}

}  // namespace sluice::exchange
