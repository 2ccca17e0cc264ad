// The driver of one pipeline: source -> operators -> sink, batch by batch, resumable at every edge.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/node_counters.h"
#include "engine/operator.h"
#include "engine/source.h"
#include "vector/batch.h"

namespace sluice::engine {

enum class PipelineState : std::uint8_t {
  kProgress,
  kBlocked,   // nothing done: the source has no rows or the sink no room
  kFinished,  // the source is closed and the sink finished
};

/// Phases: running (batches flow), draining (no more input), flushing (the source is closed; one
/// operator after the other hands out what it holds), finishing (the sink finishes), finished.
/// A batch that the sink refuses stays where it is, and nothing before it moves.
/// Owns: source and operators. Borrows the sink and the counters.
class Pipeline {
 public:
  /// Without a source no row comes: the sink only finishes. `source_counters` is null where the
  /// source counts its rows itself, as all operators do.
  Pipeline(std::unique_ptr<Source> source, NodeCounters* source_counters,
           std::vector<std::unique_ptr<Operator>> operators, Sink& sink);

  /// Takes up to `batches_max` batches through the pipeline.
  /// Errors: those of its parts; afterwards only close() is allowed.
  [[nodiscard]] PipelineState step(unsigned batches_max);
  /// Closes the source. Idempotent.
  /// Errors: the source's.
  void close();

  /// A running pipeline has a source; once the sink finishes nothing flows any more.
  [[nodiscard]] bool invariants() const noexcept;

 private:
  enum class Phase : std::uint8_t { kRunning, kDraining, kFlushing, kFinishing, kFinished };
  enum class Advance : std::uint8_t { kProgress, kBlocked };

  [[nodiscard]] Advance advance();
  [[nodiscard]] Advance offer();
  [[nodiscard]] Advance pull_source();
  void flush();
  void push_from(std::size_t stage);
  void no_more_input_below(std::size_t stage) noexcept;
  [[nodiscard]] std::size_t resume_point() const noexcept;

  std::unique_ptr<Source> source_;
  NodeCounters* source_counters_;
  std::vector<std::unique_ptr<Operator>> stages_;
  Sink& sink_;
  std::vector<vector::Batch> batches_;  // batches_[i] goes into stage i, the last one into the sink
  std::vector<bool> has_more_;          // by stage: batches_[i] has more to give
  std::size_t flushed_ = 0;             // stages that have nothing left to hand out
  bool offered_ = false;                // the last batch waits for the sink
  Phase phase_ = Phase::kRunning;
};

}  // namespace sluice::engine
