// The pieces of a pipeline: source -> operators -> sink. Only sources and sinks block.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/source.h"
#include "vector/batch.h"

namespace sluice::engine {

enum class OperatorState : std::uint8_t {
  kNeedInput,  // `out` is the last batch for this input (count() may be 0)
  kHaveMore,   // the same input may have more: call again with it (count() may be 0 here, too)
  kDone,       // `out` is the last batch of all: no more input is wanted
};

/// A streaming operator. A batch that it hands out stays valid until its next process()
/// or flush().
class Operator {
 public:
  virtual ~Operator() = default;
  [[nodiscard]] virtual OperatorState process(const vector::Batch& in, vector::Batch& out) = 0;
  /// What is handed out after the last input; repeated while kHaveMore. Not called where nobody
  /// wants more.
  [[nodiscard]] virtual OperatorState flush(vector::Batch& out) {
    out = vector::Batch({}, 0);
    return OperatorState::kNeedInput;
  }
};

enum class SinkState : std::uint8_t {
  kAccepted,  // the whole batch was consumed
  kBlocked,  // call again with the same batch after a bell; the part already consumed is remembered
  kClosed,   // nobody wants more: stop the pipeline
};

/// The end of a pipeline: a build side, an aggregate, a sender, the leader's output.
class Sink {
 public:
  virtual ~Sink() = default;
  [[nodiscard]] virtual SinkState consume(const vector::Batch& batch) = 0;
  /// After the last batch; repeated while kBlocked.
  [[nodiscard]] virtual SinkState finish() = 0;
};

}  // namespace sluice::engine
