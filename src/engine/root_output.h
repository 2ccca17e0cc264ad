// The root fragment's output: hands the leader one batch at a time without copying it.
#pragma once

#include "engine/fragment_output.h"

namespace sluice::engine {

/// Where the leader takes its batches from. Outlives the root task.
/// Phases of a batch: offered by the task (its sink is blocked), taken by take(), given back by the
/// task's next step. Its memory is the pipeline's, which stands still in between.
class RootHand {
 public:
  [[nodiscard]] bool has_batch() const noexcept { return state_ == State::kOffered; }
  /// Valid until the root task's next step. Pre: has_batch().
  [[nodiscard]] const vector::Batch* take() noexcept;
  /// Every batch has been taken and the fragment has ended.
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Nothing more is wanted: the root task closes with its next step.
  void withdraw() noexcept;

 private:
  friend class RootOutput;
  enum class State : std::uint8_t { kEmpty, kOffered, kTaken };

  vector::Batch batch_;
  State state_ = State::kEmpty;
  bool wanted_ = true;
  bool ended_ = false;
};

/// Runs in: the leader.
class RootOutput final : public FragmentOutput {
 public:
  explicit RootOutput(RootHand& hand) noexcept : hand_(hand) {}
  [[nodiscard]] SinkState consume(const vector::Batch& batch) override;
  [[nodiscard]] SinkState finish() override;
  [[nodiscard]] bool wanted() noexcept override { return hand_.wanted_; }
  void settle() noexcept override {}
  void cancel() noexcept override { hand_.ended_ = true; }

 private:
  RootHand& hand_;
};

}  // namespace sluice::engine
