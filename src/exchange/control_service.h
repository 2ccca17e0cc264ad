// Per process: answers StartStream and CancelStream of every stream this seat can produce.
#pragma once

#include <vector>

#include "exchange/mesh.h"
#include "exchange/stream_registry.h"

namespace sluice::exchange {

/// Level-triggered: it reads the want words, so a message cannot be lost, queued or reordered.
/// A StartStream of the current epoch starts the procedure once; a CancelStream is answered CLOSED
/// here unless a StreamOutput is at work, which then answers itself; an old epoch is ignored.
/// Runs in: every seat, between the scheduler's steps. Never blocks.
class ControlService {
 public:
  /// Borrows both.
  ControlService(Mesh& mesh, StreamRegistry& registry);

  /// Returns how many procedures were started.
  /// Errors: those of StreamProcedure::start; the stream is failed before they leave. What a
  ///         StreamOutput of this seat could not throw: kCorrupt, kAbandon.
  unsigned poll();

 private:
  [[nodiscard]] bool is_asked(StreamId stream, Epoch epoch) const noexcept;
  void start(StreamId stream, Epoch epoch);
  void answer(StreamId stream, Epoch epoch) noexcept;
  void cancel_inputs(StreamId stream, Epoch epoch) noexcept;

  Mesh& mesh_;
  StreamRegistry& registry_;
  std::vector<Epoch> started_;    // by stream: the newest epoch in which its procedure ran
  std::vector<Epoch> cancelled_;  // by stream: the newest epoch in which its inputs were cancelled
};

}  // namespace sluice::exchange
