#include "exchange/mesh.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>

#include "base/check.h"
#include "base/fault_point.h"
#include "base/int128.h"
#include "exchange/mesh_state.h"

namespace sluice::exchange {

std::size_t mesh_bytes(const MeshConfig& config) noexcept {
  // The slack lets a region begin anywhere.
  return lay_out(config.seats, config.streams, config.ring_bytes).region_bytes + kLineBytes;
}

std::uint32_t ring_bytes_for(const MeshConfig& config, std::size_t region_bytes_max) noexcept {
  for (std::uint32_t bytes = kRingBytesMax; bytes >= kRingBytesMin; bytes /= 2) {
    if (lay_out(config.seats, config.streams, bytes).region_bytes + kLineBytes <=
        region_bytes_max) {
      return bytes;
    }
  }
  return 0;
}

void Mesh::format(std::span<std::byte> region, const MeshConfig& config) {
  SLUICE_CHECK(config.seats != 0 && config.seats <= kSeatsMax, "a mesh has 1 to 64 seats");
  SLUICE_CHECK(config.ring_bytes >= kRingBytesLeast && config.ring_bytes <= kRingBytesMax &&
                   std::has_single_bit(config.ring_bytes),
               "a ring's size is a power of two within bounds");
  SLUICE_CHECK(config.streams.size() <= 0xFFFF, "a mesh has too many streams");
  SLUICE_CHECK(region.size() >= mesh_bytes(config), "a mesh's region is too small");
  region = aligned_region(region);
  const MeshLayout layout = lay_out(config.seats, config.streams, config.ring_bytes);
  RegionHeader header{};
  header.magic = kRegionMagic;
  header.version = kRegionVersion;
  header.seats = config.seats;
  header.stream_count = static_cast<std::uint16_t>(config.streams.size());
  header.ring_bytes = config.ring_bytes;
  header.physical_count = static_cast<std::uint32_t>(layout.physical_count);
  header.region_bytes = layout.region_bytes;
  header.bells_offset = layout.bells_offset;
  header.physical_offset = layout.physical_offset;
  header.audiences_offset = layout.audiences_offset;
  header.rings_offset = layout.rings_offset;

  // The memory may be recycled: everything but the rings is written.
  (new (region.data() + kQueryLineOffset) QueryLine{})
      ->epoch.store(1, std::memory_order_relaxed);  // relaxed: nobody else is attached yet
  new (region.data() + kFirstErrorOffset) FirstErrorSlot{};
  for (std::size_t i = 0; i < config.seats; ++i) {
    new (region.data() + layout.bells_offset + i * sizeof(BellLine)) BellLine{};
  }
  for (std::size_t i = 0; i < layout.physical_count; ++i) {
    new (region.data() + layout.physical_offset + i * sizeof(PhysicalStream)) PhysicalStream{};
  }
  for (std::size_t i = 0; i < config.streams.size(); ++i) {
    region[layout.audiences_offset + i] = static_cast<std::byte>(config.streams[i]);
  }
  new (region.data()) RegionHeader(header);
}

Mesh::Mesh(std::span<std::byte> region, SeatIndex self, Waker& waker)
    : state_(std::make_unique<MeshState>(region, self, waker)) {}

Mesh::~Mesh() = default;

SeatIndex Mesh::self() const noexcept { return state_->self(); }
std::uint16_t Mesh::seats() const noexcept { return state_->seats(); }

bool Mesh::join() noexcept {
  if (!state_->membership().join(self())) {
    return false;
  }
  SLUICE_FAULT_POINT_NOEXCEPT(kWorkerJoined);
  return true;
}

SeatSet Mesh::joined() const noexcept { return state_->membership().joined(); }

SeatSet Mesh::seal(SeatSet expected) noexcept {
  const SeatSet members = state_->membership().seal(expected);
  SLUICE_FAULT_POINT_NOEXCEPT(kSealed);
  ring_all();
  return members;
}

bool Mesh::sealed() const noexcept { return state_->membership().sealed(); }

SeatSet Mesh::members() const noexcept { return sealed() ? joined() : SeatSet(); }

SeatSet Mesh::dead() const noexcept { return state_->membership().dead(); }

Epoch Mesh::epoch() const noexcept { return state_->epoch(); }

void Mesh::advance_epoch() noexcept {
  // Pairs with the acquire in MeshState::epoch.
  const std::uint32_t next = std::min(state_->epoch().value() + 1, kEpochLast.value());
  state_->query().epoch.store(next, std::memory_order_release);
}

bool Mesh::quiescent() const noexcept {
  // One pass over the words is no snapshot: a stream may be started behind the reader while the
  // stream that caused it is closed in front. The words only grow, so two passes with the same sum
  // saw the same words, and these stood together at the moment between the passes.
  const Epoch now = epoch();
  base::UInt128 sum_before = 0;
  for (bool first = true;; first = false) {
    base::UInt128 sum = 0;
    for (const PhysicalStream& stream : state_->physicals()) {
      // Pair with the release in raise_word.
      const std::uint64_t want = stream.consumer_control.want.load(std::memory_order_acquire);
      const std::uint64_t have = stream.producer_control.have.load(std::memory_order_acquire);
      if (answer_is_due(want, have, now)) {
        return false;
      }
      sum += want;
      sum += have;
    }
    if (!first && sum == sum_before) {
      return true;
    }
    sum_before = sum;
  }
}

bool Mesh::settled(StreamId stream, SeatIndex producer, SeatSet consumers) const noexcept {
  const Epoch now = epoch();
  // Pairs with the release in MeshState::settle.
  if (state_->settled_word(stream, producer).load(std::memory_order_acquire) == now.value()) {
    return true;
  }
  bool over = true;
  consumers.for_each([&](SeatIndex consumer) {
    const SharedWord& word = state_->physical(stream, producer, consumer).producer_control.have;
    // Pairs with the release in raise_word.
    const std::uint64_t have = word.load(std::memory_order_acquire);
    const HaveState state = have_in(have, now);
    // A seat that gave up is CLOSED for ever once it is gone: that settles nothing.
    over = over && word_epoch(have) != kEpochForever &&
           (state == HaveState::kEos || state == HaveState::kClosed);
  });
  return over;
}

void Mesh::close_query() noexcept {
  SLUICE_FAULT_POINT_NOEXCEPT(kQueryClose);
  // Pairs with the acquire in query_closed.
  state_->query().query_closed.store(1, std::memory_order_release);
  ring_all();
}

bool Mesh::query_closed() const noexcept {
  // Pairs with the release in close_query.
  return state_->query().query_closed.load(std::memory_order_acquire) != 0;
}

bool Mesh::fail(base::ErrorKind kind, std::string_view message) noexcept {
  // A consequence must not take the place of its cause, whose seat may not have come to it yet.
  const bool first = kind != base::ErrorKind::kPeer &&
                     record_first_error(state_->first_error(), self(), kind, message);
  for (std::size_t i = 0; i < state_->stream_count(); ++i) {
    const StreamId stream(static_cast<std::uint16_t>(i));
    state_->consumers(stream).for_each([&](SeatIndex consumer) {
      raise_word(state_->physical(stream, self(), consumer).producer_control.have,
                 have_word(kEpochForever, HaveState::kError));
    });
  }
  ring_all();
  state_->doorbell().ring(self());
  return first;
}

FirstError Mesh::first_error() const { return read_first_error(state_->first_error()); }

void Mesh::mark_dead(SeatIndex seat) noexcept {
  if (seat.value() >= seats()) {
    return;
  }
  state_->membership().bury(seat);
  for (std::size_t i = 0; i < state_->stream_count(); ++i) {
    const StreamId stream(static_cast<std::uint16_t>(i));
    const SeatSet consumers = state_->consumers(stream);
    consumers.for_each([&](SeatIndex consumer) {
      raise_word(state_->physical(stream, seat, consumer).producer_control.have,
                 have_word(kEpochForever, HaveState::kClosed));
    });
    if (consumers.contains(seat)) {
      state_->all_seats().for_each([&](SeatIndex producer) {
        raise_word(state_->physical(stream, producer, seat).consumer_control.want,
                   want_word(kEpochForever, WantState::kClose));
      });
    }
  }
  if (seat == kLeaderSeat) {
    close_query();
  }
  ring_all();
  state_->doorbell().ring(self());
}

bool Mesh::take_bells() noexcept { return state_->doorbell().take(); }

void Mesh::park() {
  if (!state_->doorbell().look()) {
    state_->doorbell().park();
  }
}

void Mesh::ring_all() noexcept {
  // Seats that have not joined are rung too: they never sleep, and a joiner must not miss the news.
  state_->all_seats().for_each([&](SeatIndex seat) {
    if (seat != self()) {
      state_->doorbell().ring(seat);
    }
  });
}

StreamCounters Mesh::counters(StreamId stream, SeatIndex producer,
                              SeatIndex consumer) const noexcept {
  return state_->contains(stream, producer, consumer)
             ? read_counters(state_->physical(stream, producer, consumer))
             : StreamCounters();
}

StreamAudience Mesh::audience(StreamId stream) const noexcept { return state_->audience(stream); }

}  // namespace sluice::exchange
