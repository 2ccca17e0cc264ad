#include "engine/root_output.h"

#include <cassert>

namespace sluice::engine {

const vector::Batch* RootHand::take() noexcept {
  assert(has_batch());
  state_ = State::kTaken;
  return &batch_;
}

void RootHand::withdraw() noexcept {
  state_ = State::kEmpty;
  wanted_ = false;
}

SinkState RootOutput::consume(const vector::Batch& batch) {
  using State = RootHand::State;
  if (hand_.state_ == State::kTaken) {
    hand_.state_ = State::kEmpty;
    return SinkState::kAccepted;
  }
  if (hand_.state_ == State::kEmpty) {
    hand_.batch_ = batch;
    hand_.state_ = State::kOffered;
  }
  return SinkState::kBlocked;
}

SinkState RootOutput::finish() {
  hand_.ended_ = true;
  return SinkState::kAccepted;
}

}  // namespace sluice::engine
