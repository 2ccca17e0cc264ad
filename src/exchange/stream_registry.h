// Per process: logical stream -> procedure. Registering never runs anything.
#pragma once

#include <vector>

#include "exchange/seat_set.h"

namespace sluice::exchange {

/// What a producer seat does when a stream is asked for.
class StreamProcedure {
 public:
  virtual ~StreamProcedure() = default;
  /// Spawns the producer task of `stream`; called once an epoch, must not block.
  /// Errors: those of opening the fragment's sources.
  virtual void start(StreamId stream, Epoch epoch) = 0;
};

/// Borrowed procedures by stream.
/// Errors: kInternal for a stream registered twice or never.
class StreamRegistry {
 public:
  void add(StreamId stream, StreamProcedure& procedure);
  [[nodiscard]] StreamProcedure& find(StreamId stream) const;
  [[nodiscard]] bool contains(StreamId stream) const noexcept;

 private:
  std::vector<StreamProcedure*> procedures_;
};

}  // namespace sluice::exchange
