#include "exchange/stream_output.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/fault_point.h"
#include "exchange/mesh_state.h"
#include "exchange/ring.h"

namespace sluice::exchange {

namespace {

constexpr const char* kDamaged = "sluice: a stream's ring is damaged";
constexpr const char* kTooLarge = "a batch is larger than 1 GiB";

struct Destination {
  SeatIndex consumer;
  PhysicalStream* shared;
  RingWriter writer;
  std::uint32_t pushed_bytes = 0;  // of a message that goes in chunks
  DestinationState state = DestinationState::kWaiting;
};

}  // namespace

struct StreamOutput::Impl {
  Mesh& mesh;
  StreamId stream;
  Epoch epoch;
  SeatSet consumers;
  std::vector<Destination> destinations;
  std::array<std::uint8_t, kSeatsMax> index_of{};
  bool finished = false;

  Destination& find(SeatIndex consumer) noexcept;
  DestinationState look(Destination& to) noexcept;
  void give_up(Destination& to, base::ErrorKind kind, const char* message) noexcept;
  RingSpace reserve(Destination& to, std::size_t bytes, std::byte*& payload) noexcept;
  void commit(Destination& to, const RecordTag& tag) noexcept;
  PushResult push_chunks(Destination& to, std::span<const std::byte> payload,
                         std::uint32_t rows) noexcept;
  void say(HaveState last) noexcept;
  void answer() noexcept;
};

Destination& StreamOutput::Impl::find(SeatIndex consumer) noexcept {
  assert(consumers.contains(consumer));
  return destinations[index_of[consumer.index()]];
}

void StreamOutput::Impl::give_up(Destination& to, base::ErrorKind kind,
                                 const char* message) noexcept {
  to.state = DestinationState::kClosed;
  // Before ERROR, so that who sees that finds its cause.
  (void)record_first_error(mesh.state().first_error(), mesh.self(), kind, message);
  raise_word(to.shared->producer_control.have, have_word(kEpochForever, HaveState::kError));
  mesh.state().ring_for(to.consumer, to.shared->producer.wakes);
  mesh.state().defer_failure(kind, message);
}

DestinationState StreamOutput::Impl::look(Destination& to) noexcept {
  if (to.state == DestinationState::kClosed) {
    return to.state;
  }
  // Pairs with the release in raise_word: the ring is there once START is.
  const WantState want =
      want_in(to.shared->consumer_control.want.load(std::memory_order_acquire), epoch);
  if (want == WantState::kClose) {
    to.state = DestinationState::kClosed;
  } else if (want == WantState::kStart && to.state == DestinationState::kWaiting) {
    if (const auto memory = mesh.state().ring_of(*to.shared)) {
      to.writer = RingWriter(*memory, epoch);
      to.state = DestinationState::kOpen;
    } else {
      give_up(to, base::ErrorKind::kCorrupt, kDamaged);
    }
  }
  return to.state;
}

RingSpace StreamOutput::Impl::reserve(Destination& to, std::size_t bytes,
                                      std::byte*& payload) noexcept {
  const RingSpace space = to.writer.reserve(bytes, payload);
  if (space == RingSpace::kCorrupt) {
    give_up(to, base::ErrorKind::kCorrupt, kDamaged);
  } else if (space == RingSpace::kGranted) {
    SLUICE_FAULT_POINT_NOEXCEPT(kRecordReserved);
  }
  return space;
}

void StreamOutput::Impl::commit(Destination& to, const RecordTag& tag) noexcept {
  to.writer.commit(tag);
  SLUICE_FAULT_POINT_NOEXCEPT(kRecordCommitted);
  mesh.state().ring_for(to.consumer, to.shared->producer.wakes);
}

PushResult StreamOutput::Impl::push_chunks(Destination& to, std::span<const std::byte> payload,
                                           std::uint32_t rows) noexcept {
  const std::size_t chunk_bytes_max = ring_record_bytes_max(mesh.state().ring_bytes());
  while (to.pushed_bytes < payload.size()) {
    const auto part = payload.subspan(to.pushed_bytes)
                          .first(std::min(chunk_bytes_max, payload.size() - to.pushed_bytes));
    std::byte* place = nullptr;
    const RingSpace space = reserve(to, part.size(), place);
    if (space != RingSpace::kGranted) {
      return space == RingSpace::kFull ? PushResult::kFull : PushResult::kClosed;
    }
    std::memcpy(place, part.data(), part.size());
    const bool last = to.pushed_bytes + part.size() == payload.size();
    commit(to, {RecordKind::kChunk, last ? rows : 0, static_cast<std::uint32_t>(payload.size()),
                to.pushed_bytes});
    to.pushed_bytes += static_cast<std::uint32_t>(part.size());
  }
  to.pushed_bytes = 0;
  return PushResult::kDone;
}

void StreamOutput::Impl::say(HaveState last) noexcept {
  for (Destination& to : destinations) {
    if (raise_word(to.shared->producer_control.have, have_word(epoch, last))) {
      mesh.state().ring_for(to.consumer, to.shared->producer.wakes);
    }
  }
  // Where a consumer never said a word, the end of OPEN is all that quiescence waits for.
  mesh.state().doorbell().ring(kLeaderSeat);
}

void StreamOutput::Impl::answer() noexcept {
  for (Destination& to : destinations) {
    if (look(to) == DestinationState::kClosed) {
      mesh.state().answer_closed(*to.shared, epoch);
    }
  }
}

StreamOutput::StreamOutput(Mesh& mesh, StreamId stream, SeatSet consumers, Epoch epoch)
    : impl_(new Impl{mesh, stream, epoch, consumers, {}}) {
  impl_->destinations.reserve(consumers.size());
  consumers.for_each([&](SeatIndex consumer) {
    SLUICE_CHECK(mesh.state().contains(stream, mesh.self(), consumer),
                 "a stream is written that does not lead there");
    impl_->index_of[consumer.index()] = static_cast<std::uint8_t>(impl_->destinations.size());
    impl_->destinations.push_back(
        {consumer, &mesh.state().physical(stream, mesh.self(), consumer), RingWriter()});
  });
  for (Destination& to : impl_->destinations) {
    raise_word(to.shared->producer_control.have, have_word(epoch, HaveState::kOpen));
    count(to.shared->producer.starts, 1);
  }
  SLUICE_FAULT_POINT_NOEXCEPT(kOutputOpened);
}

StreamOutput::~StreamOutput() {
  // First the final answers, then ERROR where somebody still reads: that cannot lower them.
  impl_->answer();
  if (!impl_->finished) {
    impl_->say(HaveState::kError);
  }
}

SeatSet StreamOutput::consumers() const noexcept { return impl_->consumers; }

DestinationState StreamOutput::state(SeatIndex consumer) noexcept {
  return impl_->look(impl_->find(consumer));
}

bool StreamOutput::all_closed() noexcept {
  return std::all_of(
      impl_->destinations.begin(), impl_->destinations.end(),
      [this](Destination& to) { return impl_->look(to) == DestinationState::kClosed; });
}

std::size_t StreamOutput::record_bytes_max() const noexcept {
  return ring_record_bytes_max(impl_->mesh.state().ring_bytes());
}

std::span<std::byte> StreamOutput::reserve(SeatIndex consumer, std::size_t bytes) noexcept {
  Destination& to = impl_->find(consumer);
  assert(bytes != 0 && bytes <= record_bytes_max() && to.pushed_bytes == 0);
  std::byte* payload = nullptr;
  if (impl_->look(to) != DestinationState::kOpen ||
      impl_->reserve(to, bytes, payload) != RingSpace::kGranted) {
    return {};
  }
  return {payload, bytes};
}

void StreamOutput::commit(SeatIndex consumer, std::uint32_t rows) noexcept {
  Destination& to = impl_->find(consumer);
  if (to.state == DestinationState::kOpen && to.writer.reserved()) {
    impl_->commit(to, {RecordKind::kWhole, rows, to.writer.reserved_payload_bytes(), 0});
  }
}

PushResult StreamOutput::push(SeatIndex consumer, std::span<const std::byte> payload,
                              std::uint32_t rows) noexcept {
  Destination& to = impl_->find(consumer);
  switch (impl_->look(to)) {
    case DestinationState::kWaiting:
      return PushResult::kFull;
    case DestinationState::kClosed:
      return PushResult::kClosed;
    case DestinationState::kOpen:
      break;
  }
  if (payload.size() > kMessageBytesMax) {
    impl_->give_up(to, base::ErrorKind::kAbandon, kTooLarge);
    return PushResult::kClosed;
  }
  if (payload.size() > record_bytes_max()) {
    return impl_->push_chunks(to, payload, rows);
  }
  std::byte* place = nullptr;
  const RingSpace space = impl_->reserve(to, payload.size(), place);
  if (space != RingSpace::kGranted) {
    return space == RingSpace::kFull ? PushResult::kFull : PushResult::kClosed;
  }
  if (!payload.empty()) {
    std::memcpy(place, payload.data(), payload.size());
  }
  impl_->commit(to, {RecordKind::kWhole, rows, static_cast<std::uint32_t>(payload.size()), 0});
  return PushResult::kDone;
}

void StreamOutput::settle() noexcept { impl_->mesh.state().settle(impl_->stream, impl_->epoch); }

void StreamOutput::finish() noexcept {
  if (impl_->finished) {
    return;
  }
  impl_->finished = true;
  SLUICE_FAULT_POINT_NOEXCEPT(kOutputFinish);
  impl_->say(HaveState::kEos);
  // A consumer that has closed is answered by the destructor or by ControlService, whichever runs
  // first; not here, where the caller may still hold its sources open.
  impl_->mesh.state().doorbell().ring(impl_->mesh.self());
}

}  // namespace sluice::exchange
