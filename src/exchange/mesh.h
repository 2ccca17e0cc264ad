// The shared memory of one query's exchange: who lies where, and each process's view of it.
// Runs in every seat. Layout and invariants: docs/formats/ring.md; protocol: docs/protocol.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "exchange/first_error.h"
#include "exchange/seat_set.h"
#include "exchange/stream_counters.h"
#include "exchange/waker.h"

namespace sluice::exchange {

/// Who reads a logical stream.
enum class StreamAudience : std::uint8_t {
  kLeader = 0,  // gather: one ring a producer
  kSeats = 1,   // redistribute, broadcast: a ring a producer and consumer
};

struct MeshConfig {
  std::uint16_t seats = 1;               // the leader included, at most kSeatsMax
  std::vector<StreamAudience> streams;   // by StreamId
  std::uint32_t ring_bytes = 64 * 1024;  // of every ring: a power of two, kRingBytesLeast at least
};

inline constexpr std::uint32_t kRingBytesLeast = 64;  // one record at a time; right, but slow
inline constexpr std::uint32_t kRingBytesMin = 4096;  // the least that ring_bytes_for() deals out
inline constexpr std::uint32_t kRingBytesMax = 1024 * 1024;

/// Units: bytes that a region for `config` takes, every ring included (rings are handed out only
///        when their stream starts, so what never starts is never touched).
[[nodiscard]] std::size_t mesh_bytes(const MeshConfig& config) noexcept;

/// The largest ring_bytes for which mesh_bytes() stays within `region_bytes_max`; 0 when not even
/// kRingBytesMin fits. `config.ring_bytes` is not looked at.
[[nodiscard]] std::uint32_t ring_bytes_for(const MeshConfig& config,
                                           std::size_t region_bytes_max) noexcept;

/// After it no epoch can begin: the next number says "in every epoch" (control_words.h).
inline constexpr Epoch kEpochLast{0xFFFFFFFE};

class MeshState;  // private view, mesh_state.h

/// One seat's view of the region. Two seats never share a Mesh object.
/// Owns:  nothing of the region; it must outlive the Mesh.
class Mesh {
 public:
  /// Lays out an empty region. Runs in: the leader, once, before anybody attaches.
  /// Shape:  `region` may be aligned anyhow, but alike (modulo 128) in every process.
  /// Errors: kInternal when `config` is out of bounds or `region` smaller than mesh_bytes().
  static void format(std::span<std::byte> region, const MeshConfig& config);

  /// Errors: kCorrupt when the region is not one that this build formatted.
  Mesh(std::span<std::byte> region, SeatIndex self, Waker& waker);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;
  ~Mesh();

  [[nodiscard]] SeatIndex self() const noexcept;
  [[nodiscard]] std::uint16_t seats() const noexcept;

  // ---- membership (docs/protocol.md) ----
  /// A worker's entry; false after a seal that did not expect it: leave quietly. Rings nobody, for
  /// nobody waits for it.
  [[nodiscard]] bool join() noexcept;
  /// Seats that have joined so far, the leader included, without those known dead.
  [[nodiscard]] SeatSet joined() const noexcept;
  /// Closes the door: the members from now on are who has joined and who is `expected` to. Others
  /// wait for a member that never comes until it is marked dead or the query is closed.
  /// Runs in: the leader, once.
  SeatSet seal(SeatSet expected) noexcept;
  [[nodiscard]] bool sealed() const noexcept;
  /// Shape: empty before the seal.
  [[nodiscard]] SeatSet members() const noexcept;
  /// Seats that mark_dead() was called for.
  [[nodiscard]] SeatSet dead() const noexcept;

  // ---- epoch and end of the query ----
  [[nodiscard]] Epoch epoch() const noexcept;
  /// The next generation of every stream; none after kEpochLast. Runs in: the leader, when
  /// quiescent().
  void advance_epoch() noexcept;
  /// No stream of this epoch is without its final answer (CLOSED), wherever it was started or
  /// cancelled, and no StreamOutput of it is unfinished. The leader's bell rings when an answer
  /// arrives.
  [[nodiscard]] bool quiescent() const noexcept;
  /// Whether `producer` will not give the query up any more on behalf of `stream`: it has settled
  /// it, or each of `consumers` has its last answer. Once true it stays so in this epoch.
  [[nodiscard]] bool settled(StreamId stream, SeatIndex producer, SeatSet consumers) const noexcept;
  /// Tells every worker to leave. Runs in: the leader; implied by its death.
  void close_query() noexcept;
  [[nodiscard]] bool query_closed() const noexcept;

  // ---- failure ----
  /// Records the first failure, marks this seat's streams as failed for good, rings every bell.
  /// Returns whether this was the first one; a kPeer never is, as another seat has its cause.
  bool fail(base::ErrorKind kind, std::string_view message) noexcept;
  [[nodiscard]] FirstError first_error() const;
  /// Marks every stream of `seat` as dead and rings every bell. Callable from an exit callback:
  /// touches only shared words and the waker. Idempotent.
  void mark_dead(SeatIndex seat) noexcept;

  // ---- sleeping ----
  /// Whether somebody rang since the last call; clears what it saw.
  [[nodiscard]] bool take_bells() noexcept;
  /// Sleeps until a bell rings; returns at once when one has since the last take_bells(). May
  /// return early.
  /// Errors: the waker's.
  void park();
  /// Rings the bell of every other member (a change of state that is not a stream's).
  void ring_all() noexcept;

  [[nodiscard]] StreamCounters counters(StreamId stream, SeatIndex producer,
                                        SeatIndex consumer) const noexcept;
  [[nodiscard]] StreamAudience audience(StreamId stream) const noexcept;

  /// For the other classes of this room.
  [[nodiscard]] MeshState& state() noexcept { return *state_; }

 private:
  std::unique_ptr<MeshState> state_;
};

}  // namespace sluice::exchange
