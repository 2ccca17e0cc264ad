// Per process: logical stream -> procedure. Registering never runs anything.
#pragma once

#include <vector>

#include "exchange/seat_set.h"

namespace sluice::exchange {

/// What a producer seat does when a stream is asked for.
class StreamProcedure {
 public:
  virtual ~StreamProcedure() = default;
  /// Spawns the producer task of `stream`; called once an epoch, must not block. Makes the task's
  /// StreamOutput before it returns: whoever asked is answered through it.
  /// Errors: those of opening the fragment's sources.
  virtual void start(StreamId stream, Epoch epoch) = 0;
};

/// How a stream's fragment hangs together with others.
struct StreamLinks {
  SeatSet consumers;             // the seats that may read the stream
  std::vector<StreamId> inputs;  // the streams that its fragment reads in this seat
  SeatSet input_producers;       // the seats that run the fragments of `inputs`
};

/// Borrowed procedures by stream.
/// Errors: kInternal for a stream registered twice or never.
class StreamRegistry {
 public:
  void add(StreamId stream, StreamProcedure& procedure);
  /// Lets ControlService cancel the inputs of `stream` for this seat when every consumer has
  /// cancelled `stream` before any started it, as the task would have done. Without it the
  /// producers of `inputs` wait for a START from this seat that nobody is left to send, and the
  /// epoch cannot end.
  /// Runs in: every producer seat, once the members are known.
  void link(StreamId stream, StreamLinks links);
  [[nodiscard]] StreamProcedure& find(StreamId stream) const;
  [[nodiscard]] bool contains(StreamId stream) const noexcept;
  /// Null for a stream that was never linked.
  [[nodiscard]] const StreamLinks* links(StreamId stream) const noexcept;

 private:
  struct Entry {
    StreamProcedure* procedure = nullptr;
    StreamLinks links;
    bool linked = false;
  };
  std::vector<Entry> entries_;
};

}  // namespace sluice::exchange
