// The consumer's end of one logical stream in one seat: starts it, reads it, closes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/memory_budget.h"
#include "exchange/mesh.h"

namespace sluice::exchange {

/// A record under lease: `payload` is readable in place until release() or close().
struct RecordView {
  std::span<const std::byte> payload;  // 16-byte aligned
  std::uint32_t rows = 0;
  SeatIndex producer;
};

enum class InputState : std::uint8_t {
  kRecord,  // a record was leased
  kEmpty,   // nothing now; a bell will ring
  kEnd,     // every producer has ended and everything was read
};

/// One consumer of a logical stream over all its producers, in one epoch. Nothing is sent before
/// start(); records arrive from the producers in any order between, in order within each. Large
/// messages are put together one at a time: meanwhile the other producers wait.
/// Runs in: the consumer seat. At most one lease at a time.
/// Errors:  next() throws Error kPeer when a producer failed or died.
class StreamInput {
 public:
  /// `producers`: the seats that run this stream's fragment. `chunk_budget` pays for reassembling
  /// records larger than record_bytes_max().
  StreamInput(Mesh& mesh, StreamId stream, SeatSet producers, Epoch epoch,
              base::MemoryBudget& chunk_budget);
  StreamInput(const StreamInput&) = delete;
  StreamInput& operator=(const StreamInput&) = delete;
  ~StreamInput();  // closes

  /// StartStream to every producer. Idempotent; harmless after close().
  void start() noexcept;
  [[nodiscard]] bool started() const noexcept;
  /// Pre:    started, no lease held.
  [[nodiscard]] InputState next(RecordView& record);
  void release() noexcept;
  /// CancelStream to every producer, also to those never started. Idempotent.
  void close() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::exchange
