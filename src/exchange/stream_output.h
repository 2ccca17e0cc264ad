// The producer's end of one logical stream in one seat: a ring to every consumer that asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "exchange/mesh.h"

namespace sluice::exchange {

enum class DestinationState : std::uint8_t {
  kWaiting,  // the consumer has not started this epoch yet
  kOpen,
  kClosed,  // wants nothing more (or is dead)
};

enum class PushResult : std::uint8_t {
  kDone,
  kFull,    // waiting for space, or for the consumer's start: call again after a bell
  kClosed,  // dropped
};

/// One producer of a logical stream, in one epoch. Created by the procedure that StartStream
/// spawned. The final answer CLOSED to consumers that cancelled is given after finish() or by the
/// destructor, never before: until then the epoch is not quiescent. What fails here is thrown by
/// ControlService::poll().
/// Runs in: the producer seat. Never blocks.
class StreamOutput {
 public:
  StreamOutput(Mesh& mesh, StreamId stream, SeatSet consumers, Epoch epoch);
  StreamOutput(const StreamOutput&) = delete;
  StreamOutput& operator=(const StreamOutput&) = delete;
  /// Fails the stream (consumers get kPeer) unless finish() was called.
  ~StreamOutput();

  [[nodiscard]] SeatSet consumers() const noexcept;
  [[nodiscard]] DestinationState state(SeatIndex consumer) noexcept;
  /// True once nobody wants anything more of this epoch.
  [[nodiscard]] bool all_closed() noexcept;

  /// Units: bytes; the longest payload that reserve() can grant: a quarter of the ring less the
  ///        header.
  [[nodiscard]] std::size_t record_bytes_max() const noexcept;
  /// Space for one record, written in place and made visible by commit().
  /// Shape:  16-byte aligned, exactly `bytes` long, 1..record_bytes_max(); empty when kFull or not
  ///         open.
  [[nodiscard]] std::span<std::byte> reserve(SeatIndex consumer, std::size_t bytes) noexcept;
  void commit(SeatIndex consumer, std::uint32_t rows) noexcept;

  /// A record of any length up to 1 GiB: larger than record_bytes_max() it goes in chunks. After
  /// kFull the same call must be repeated until it is kDone or kClosed. Longer ones fail the
  /// stream.
  [[nodiscard]] PushResult push(SeatIndex consumer, std::span<const std::byte> payload,
                                std::uint32_t rows) noexcept;

  /// This seat will not give the query up any more on behalf of this stream (Mesh::settled()).
  void settle() noexcept;
  /// End of stream to every destination, also to one that starts later. Once.
  void finish() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::exchange
