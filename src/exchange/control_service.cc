#include "exchange/control_service.h"

#include "base/check.h"
#include "base/fault_point.h"
#include "exchange/mesh_state.h"

namespace sluice::exchange {

namespace {

// Both pair with the release in raise_word.
WantState want_of(const PhysicalStream& stream, Epoch epoch) noexcept {
  return want_in(stream.consumer_control.want.load(std::memory_order_acquire), epoch);
}
HaveState have_of(const PhysicalStream& stream, Epoch epoch) noexcept {
  return have_in(stream.producer_control.have.load(std::memory_order_acquire), epoch);
}

}  // namespace

ControlService::ControlService(Mesh& mesh, StreamRegistry& registry)
    : mesh_(mesh),
      registry_(registry),
      started_(mesh.state().stream_count()),
      cancelled_(mesh.state().stream_count()) {}

unsigned ControlService::poll() {
  mesh_.state().throw_deferred();
  // A START of an epoch begun after this load rings again and is found by the next poll.
  const Epoch epoch = mesh_.epoch();
  unsigned starts = 0;
  for (std::size_t i = 0; i < started_.size(); ++i) {
    const StreamId stream(static_cast<std::uint16_t>(i));
    if (started_[i] != epoch && !mesh_.query_closed() && is_asked(stream, epoch)) {
      start(stream, epoch);
      ++starts;
    }
    answer(stream, epoch);
  }
  return starts;
}

bool ControlService::is_asked(StreamId stream, Epoch epoch) const noexcept {
  MeshState& state = mesh_.state();
  bool asked = false;
  state.consumers(stream).for_each([&](SeatIndex consumer) {
    const PhysicalStream& physical = state.physical(stream, state.self(), consumer);
    // A word of a later epoch reads as CLOSE here, never as START.
    asked = asked || (want_of(physical, epoch) == WantState::kStart &&
                      have_of(physical, epoch) == HaveState::kNone);
  });
  return asked;
}

void ControlService::start(StreamId stream, Epoch epoch) {
  started_[stream.index()] = epoch;
  try {
    SLUICE_FAULT_POINT(kProcedureStart);
    registry_.find(stream).start(stream, epoch);
    // Or CLOSE would be answered here while the procedure's task is at work.
    SLUICE_CHECK(!is_asked(stream, epoch), "a procedure has not opened its stream");
  } catch (...) {
    MeshState& state = mesh_.state();
    state.consumers(stream).for_each([&](SeatIndex consumer) {
      PhysicalStream& physical = state.physical(stream, state.self(), consumer);
      if (raise_word(physical.producer_control.have, have_word(epoch, HaveState::kError))) {
        state.ring_for(consumer, physical.producer.wakes);
      }
    });
    throw;
  }
}

void ControlService::answer(StreamId stream, Epoch epoch) noexcept {
  MeshState& state = mesh_.state();
  SeatSet closed;
  state.consumers(stream).for_each([&](SeatIndex consumer) {
    PhysicalStream& physical = state.physical(stream, state.self(), consumer);
    const std::uint64_t want = physical.consumer_control.want.load(std::memory_order_acquire);
    if (want_in(want, epoch) != WantState::kClose) {
      return;
    }
    closed.insert(consumer);
    // OPEN: a StreamOutput is at work and answers when it has come to its end. A word of a later
    // epoch is not ours to answer yet.
    if (have_of(physical, epoch) != HaveState::kOpen &&
        (word_epoch(want) == epoch || word_epoch(want) == kEpochForever)) {
      state.answer_closed(physical, epoch);
    }
  });
  const StreamLinks* links = registry_.links(stream);
  if (links != nullptr && started_[stream.index()] != epoch &&
      cancelled_[stream.index()] != epoch && !links->consumers.empty() &&
      (links->consumers.bits() & ~closed.bits()) == 0) {
    cancelled_[stream.index()] = epoch;
    cancel_inputs(stream, epoch);
  }
}

void ControlService::cancel_inputs(StreamId stream, Epoch epoch) noexcept {
  MeshState& state = mesh_.state();
  const StreamLinks& links = *registry_.links(stream);
  for (const StreamId input : links.inputs) {
    links.input_producers.for_each([&](SeatIndex producer) {
      if (!state.contains(input, producer, state.self())) {
        return;
      }
      PhysicalStream& physical = state.physical(input, producer, state.self());
      SLUICE_FAULT_POINT_NOEXCEPT(kStreamClose);
      if (raise_word(physical.consumer_control.want, want_word(epoch, WantState::kClose))) {
        SLUICE_FAULT_POINT_NOEXCEPT(kStreamClosed);
        state.ring_for(producer, physical.consumer.wakes);
      }
    });
  }
}

}  // namespace sluice::exchange
