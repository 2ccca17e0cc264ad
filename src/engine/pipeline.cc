#include "engine/pipeline.h"

#include <algorithm>
#include <utility>

namespace sluice::engine {

Pipeline::Pipeline(std::unique_ptr<Source> source, NodeCounters* source_counters,
                   std::vector<std::unique_ptr<Operator>> operators, Sink& sink)
    : source_(std::move(source)),
      source_counters_(source_counters),
      stages_(std::move(operators)),
      sink_(sink),
      batches_(stages_.size() + 1),
      has_more_(stages_.size(), false),
      phase_(source_ == nullptr ? Phase::kDraining : Phase::kRunning) {}

PipelineState Pipeline::step(unsigned batches_max) {
  for (unsigned i = 0; i < batches_max && phase_ != Phase::kFinished; ++i) {
    if (advance() == Advance::kBlocked) {
      return i == 0 ? PipelineState::kBlocked : PipelineState::kProgress;
    }
  }
  return phase_ == Phase::kFinished ? PipelineState::kFinished : PipelineState::kProgress;
}

Pipeline::Advance Pipeline::advance() {
  if (offered_) {
    return offer();
  }
  const std::size_t resumed = resume_point();
  if (resumed != stages_.size()) {
    push_from(resumed);
    return offered_ ? offer() : Advance::kProgress;
  }
  if (phase_ == Phase::kRunning) {
    return pull_source();
  }
  if (phase_ == Phase::kDraining) {
    // Before the sink finishes: who waits for a stream's end may take it that its scans are closed.
    close();
    phase_ = Phase::kFlushing;
  }
  if (phase_ == Phase::kFlushing && flushed_ != stages_.size()) {
    flush();
    return offered_ ? offer() : Advance::kProgress;
  }
  phase_ = Phase::kFinishing;
  if (sink_.finish() == SinkState::kBlocked) {
    return Advance::kBlocked;
  }
  phase_ = Phase::kFinished;
  return Advance::kProgress;
}

Pipeline::Advance Pipeline::offer() {
  switch (sink_.consume(batches_.back())) {
    case SinkState::kBlocked:
      return Advance::kBlocked;
    case SinkState::kClosed:
      no_more_input_below(stages_.size());
      break;
    case SinkState::kAccepted:
      break;
  }
  offered_ = false;
  return Advance::kProgress;
}

Pipeline::Advance Pipeline::pull_source() {
  switch (source_->next(batches_.front())) {
    case SourceState::kBlocked:
      return Advance::kBlocked;
    case SourceState::kEnd:
      phase_ = Phase::kDraining;
      return Advance::kProgress;
    case SourceState::kBatch:
      break;
  }
  if (batches_.front().count() != 0) {
    if (source_counters_ != nullptr) {
      source_counters_->rows += batches_.front().count();
      ++source_counters_->batches;
    }
    push_from(0);
  }
  if (offered_) {
    (void)offer();  // a refusal is no block yet: a batch has moved
  }
  return Advance::kProgress;
}

void Pipeline::flush() {
  const std::size_t stage = flushed_;
  if (stages_[stage]->flush(batches_[stage + 1]) != OperatorState::kHaveMore) {
    ++flushed_;
  }
  if (batches_[stage + 1].count() != 0) {
    push_from(stage + 1);
  }
}

void Pipeline::push_from(std::size_t stage) {
  for (std::size_t i = stage; i < stages_.size(); ++i) {
    const OperatorState state = stages_[i]->process(batches_[i], batches_[i + 1]);
    has_more_[i] = state == OperatorState::kHaveMore;
    if (state == OperatorState::kDone) {
      no_more_input_below(i);
    }
    if (batches_[i + 1].count() == 0) {
      return;
    }
  }
  offered_ = true;
}

void Pipeline::no_more_input_below(std::size_t stage) noexcept {
  std::fill(has_more_.begin(), has_more_.begin() + static_cast<std::ptrdiff_t>(stage), false);
  flushed_ = std::max(flushed_, std::min(stage + 1, stages_.size()));
  if (phase_ == Phase::kRunning) {
    phase_ = Phase::kDraining;
  }
}

/// The topmost operator in the middle of its input, or the number of stages.
std::size_t Pipeline::resume_point() const noexcept {
  for (std::size_t i = stages_.size(); i > 0; --i) {
    if (has_more_[i - 1]) {
      return i - 1;
    }
  }
  return stages_.size();
}

void Pipeline::close() {
  if (source_ != nullptr) {
    // Released first: a source whose close() throws is not closed twice.
    const std::unique_ptr<Source> source = std::move(source_);
    source->close();
  }
}

bool Pipeline::invariants() const noexcept {
  const bool flows = offered_ || resume_point() != stages_.size();
  const bool ended = phase_ == Phase::kFinishing || phase_ == Phase::kFinished;
  return batches_.size() == stages_.size() + 1 && !(flows && ended) &&
         (phase_ != Phase::kRunning || source_ != nullptr);
}

}  // namespace sluice::engine
