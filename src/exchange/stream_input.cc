#include "exchange/stream_input.h"

#include <cassert>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fault_point.h"
#include "exchange/mesh_state.h"
#include "exchange/message_buffer.h"
#include "exchange/ring.h"

namespace sluice::exchange {

namespace {

struct Source {
  SeatIndex producer;
  PhysicalStream* shared;
  RingReader reader;
  MessageBuffer message;
  bool ended = false;
};

enum class Lease : std::uint8_t { kNone, kRing, kMessage };

}  // namespace

struct StreamInput::Impl {
  Mesh& mesh;
  Epoch epoch;
  std::vector<Source> sources;
  std::size_t next_source = 0;
  std::size_t ended_count = 0;
  std::size_t leased_source = 0;
  const Source* unfinished = nullptr;  // whose large message is being put together
  Lease lease = Lease::kNone;
  bool started = false;
  bool closed = false;
  bool rings_missing = false;

  void open_source(Source& source) noexcept;
  void ask(Source& source) noexcept;
  void cancel(Source& source) noexcept;
  void ring_if_due(Source& source) noexcept;
  bool read(Source& source, RecordView& record);
  bool take(Source& source, const RingRecord& found, RecordView& record);
  HaveState check_alive(const Source& source);
};

void StreamInput::Impl::ask(Source& source) noexcept {
  SLUICE_FAULT_POINT_NOEXCEPT(kStreamStart);
  if (raise_word(source.shared->consumer_control.want, want_word(epoch, WantState::kStart))) {
    SLUICE_FAULT_POINT_NOEXCEPT(kStreamStarted);
    mesh.state().ring_for(source.producer, source.shared->consumer.wakes);
  }
}

void StreamInput::Impl::cancel(Source& source) noexcept {
  SLUICE_FAULT_POINT_NOEXCEPT(kStreamClose);
  if (raise_word(source.shared->consumer_control.want, want_word(epoch, WantState::kClose))) {
    SLUICE_FAULT_POINT_NOEXCEPT(kStreamClosed);
    mesh.state().ring_for(source.producer, source.shared->consumer.wakes);
  }
}

void StreamInput::Impl::open_source(Source& source) noexcept {
  // The ring is there before START is: whoever reads START finds it.
  std::optional<RingMemory> memory;
  if (mesh.state().provide_ring(*source.shared)) {
    memory = mesh.state().ring_of(*source.shared);
  }
  if (!memory) {
    rings_missing = true;
    return;
  }
  source.reader = RingReader(*memory, epoch);
  ask(source);
}

void StreamInput::Impl::ring_if_due(Source& source) noexcept {
  if (source.reader.take_wake()) {
    mesh.state().ring_for(source.producer, source.shared->consumer.wakes);
  }
}

HaveState StreamInput::Impl::check_alive(const Source& source) {
  // Pairs with the release in raise_word: what was written before EOS is visible after this.
  const std::uint64_t have = source.shared->producer_control.have.load(std::memory_order_acquire);
  const HaveState state = have_in(have, epoch);
  if (state != HaveState::kError && state != HaveState::kClosed) {
    return state;
  }
  // Nobody else would tell the cause of a word that no seat has written.
  SLUICE_CHECK_BYTES(is_answer(have, mesh.epoch()), "a stream's answer is damaged");
  if (mesh.epoch() != epoch) {
    throw base::Error(base::ErrorKind::kCancelled, "57014", "sluice: the stream's epoch is over");
  }
  // This seat's own failure may have brought the other down, or be that of a stream to itself.
  mesh.state().throw_deferred();
  throw base::Error(base::ErrorKind::kPeer, "XX000",
                    "sluice: seat " + std::to_string(source.producer.value()) + " failed");
}

bool StreamInput::Impl::take(Source& source, const RingRecord& found, RecordView& record) {
  record.producer = source.producer;
  if (found.tag.kind == RecordKind::kWhole) {
    SLUICE_CHECK_BYTES(source.message.empty(), "a large message is cut off");
    record.payload = found.payload;
    record.rows = found.tag.rows;
    lease = Lease::kRing;
    return true;
  }
  source.message.append(found);
  source.reader.release();
  ring_if_due(source);
  unfinished = source.message.complete() ? nullptr : &source;
  if (unfinished != nullptr) {
    return false;
  }
  record.payload = source.message.message();
  record.rows = source.message.rows();
  lease = Lease::kMessage;
  return true;
}

bool StreamInput::Impl::read(Source& source, RecordView& record) {
  // Looked at before the ring: what was committed before EOS is then found in the ring.
  const HaveState state = check_alive(source);
  RingRecord found;
  while (source.reader.lease(found)) {
    if (take(source, found, record)) {
      return true;
    }
  }
  ring_if_due(source);
  if (state == HaveState::kEos) {
    SLUICE_CHECK_BYTES(source.message.empty(), "a large message is cut off");
    source.ended = true;
    ++ended_count;
  }
  return false;
}

StreamInput::StreamInput(Mesh& mesh, StreamId stream, SeatSet producers, Epoch epoch,
                         base::MemoryBudget& chunk_budget)
    : impl_(new Impl{mesh, epoch, {}}) {
  impl_->sources.reserve(producers.size());
  producers.for_each([&](SeatIndex producer) {
    SLUICE_CHECK(mesh.state().contains(stream, producer, mesh.self()),
                 "a stream is read that does not lead here");
    impl_->sources.push_back({producer, &mesh.state().physical(stream, producer, mesh.self()),
                              RingReader(), MessageBuffer(chunk_budget)});
  });
}

StreamInput::~StreamInput() { close(); }

void StreamInput::start() noexcept {
  if (impl_->started || impl_->closed) {
    return;
  }
  impl_->started = true;
  for (Source& source : impl_->sources) {
    impl_->open_source(source);
  }
}

bool StreamInput::started() const noexcept { return impl_->started; }

InputState StreamInput::next(RecordView& record) {
  Impl& impl = *impl_;
  if (impl.closed) {
    return InputState::kEnd;
  }
  SLUICE_CHECK(impl.started, "a stream is read before it is started");
  SLUICE_CHECK(impl.lease == Lease::kNone, "a stream is read under a lease");
  SLUICE_CHECK_BYTES(!impl.rings_missing, "the exchange has no ring for a stream");
  const std::size_t count = impl.sources.size();
  for (std::size_t tried = 0; tried < count; ++tried) {
    const std::size_t index = impl.next_source;
    impl.next_source = index + 1 == count ? 0 : index + 1;
    Source& source = impl.sources[index];
    // One large message at a time, however many producers have one. Its producer has all of it
    // already, so that it comes to its end whatever else stands still.
    if (impl.unfinished != nullptr && impl.unfinished != &source) {
      continue;
    }
    if (!source.ended && impl.read(source, record)) {
      impl.leased_source = index;
      SLUICE_FAULT_POINT(kRecordLeased);
      return InputState::kRecord;
    }
  }
  return impl.ended_count == count ? InputState::kEnd : InputState::kEmpty;
}

void StreamInput::release() noexcept {
  Impl& impl = *impl_;
  const Lease lease = std::exchange(impl.lease, Lease::kNone);
  if (lease == Lease::kNone) {
    return;
  }
  Source& source = impl.sources[impl.leased_source];
  if (lease == Lease::kMessage) {
    source.message.reset();
    return;
  }
  source.reader.release();
  impl.ring_if_due(source);
}

void StreamInput::close() noexcept {
  if (impl_->closed) {
    return;
  }
  release();
  impl_->closed = true;
  for (Source& source : impl_->sources) {
    impl_->cancel(source);
    source.message.reset();
  }
}

}  // namespace sluice::exchange
