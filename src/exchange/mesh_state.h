// The addresses behind a Mesh: where the region's parts lie in this process. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "exchange/control_words.h"
#include "exchange/doorbell.h"
#include "exchange/membership.h"
#include "exchange/mesh.h"
#include "exchange/ring.h"
#include "exchange/ring_layout.h"

namespace sluice::exchange {

/// Where the parts of a region lie. Units: bytes from the region's first 128-byte boundary.
struct MeshLayout {
  std::uint64_t physical_count = 0;
  std::uint64_t bells_offset = 0;
  std::uint64_t physical_offset = 0;
  std::uint64_t audiences_offset = 0;
  std::uint64_t rings_offset = 0;
  std::uint64_t region_bytes = 0;
};

[[nodiscard]] MeshLayout lay_out(std::uint16_t seats, std::span<const StreamAudience> streams,
                                 std::uint32_t ring_bytes) noexcept;

/// Shape: empty when `region` is too small to be aligned.
[[nodiscard]] std::span<std::byte> aligned_region(std::span<std::byte> region) noexcept;

class MeshState {
 public:
  /// Errors: kCorrupt when the region is not one that this build formatted.
  MeshState(std::span<std::byte> region, SeatIndex self, Waker& waker);

  [[nodiscard]] SeatIndex self() const noexcept { return self_; }
  [[nodiscard]] std::uint16_t seats() const noexcept { return seats_; }
  [[nodiscard]] std::size_t stream_count() const noexcept { return streams_.size(); }
  [[nodiscard]] std::uint32_t ring_bytes() const noexcept { return ring_bytes_; }
  [[nodiscard]] StreamAudience audience(StreamId stream) const noexcept;
  /// Every seat that may read `stream`.
  [[nodiscard]] SeatSet consumers(StreamId stream) const noexcept;
  /// Every seat there may be: each may produce any stream.
  [[nodiscard]] SeatSet all_seats() const noexcept;
  /// Whether there is such a physical stream.
  [[nodiscard]] bool contains(StreamId stream, SeatIndex producer,
                              SeatIndex consumer) const noexcept;
  /// Pre: contains().
  [[nodiscard]] PhysicalStream& physical(StreamId stream, SeatIndex producer,
                                         SeatIndex consumer) const noexcept;
  [[nodiscard]] std::span<PhysicalStream> physicals() const noexcept { return physicals_; }

  [[nodiscard]] Epoch epoch() const noexcept;
  [[nodiscard]] QueryLine& query() const noexcept { return *query_; }
  [[nodiscard]] FirstErrorSlot& first_error() const noexcept { return *first_error_; }
  [[nodiscard]] Membership membership() const noexcept { return Membership(*query_); }
  [[nodiscard]] Doorbell& doorbell() noexcept { return doorbell_; }

  /// Gives `stream` its ring unless it has one. Runs in: its consumer's seat, before START.
  /// Returns false when the region has no ring left, which a sound region always has.
  [[nodiscard]] bool provide_ring(PhysicalStream& stream) noexcept;
  /// The ring of a stream whose START was seen; empty when its offset is impossible.
  [[nodiscard]] std::optional<RingMemory> ring_of(PhysicalStream& stream) const noexcept;

  /// Rings `peer` on behalf of a stream end in this seat; counts into `wakes` when a latch was set.
  void ring_for(SeatIndex peer, SharedWord& wakes) noexcept;
  /// Keeps a failure found where nothing can be thrown; ControlService::poll() throws the first
  /// one.
  void defer_failure(base::ErrorKind kind, const char* message) noexcept;
  /// Errors: the failure kept, once.
  void throw_deferred();
  /// Gives the final answer CLOSED in `epoch` and tells the leader, who may wait for quiescence.
  /// Runs in: the stream's producer seat.
  void answer_closed(PhysicalStream& stream, Epoch epoch) noexcept;
  /// Says that this seat will not give the query up any more on behalf of `stream`, and tells the
  /// leader, who may wait for it. See Mesh::settled().
  void settle(StreamId stream, Epoch epoch) noexcept;
  /// The word that settle() writes: the leader reads every stream, so that it is that of the
  /// leader's physical stream.
  [[nodiscard]] SharedWord& settled_word(StreamId stream, SeatIndex producer) const noexcept;

 private:
  struct Stream {
    StreamAudience audience;
    std::size_t first;  // of its physical streams
  };
  void check_header(const RegionHeader& header, std::size_t region_bytes) const;

  std::span<std::byte> region_;
  SeatIndex self_;
  std::uint16_t seats_ = 0;
  std::uint32_t ring_bytes_ = 0;
  std::uint64_t rings_offset_ = 0;
  std::vector<Stream> streams_;
  std::span<PhysicalStream> physicals_;
  QueryLine* query_ = nullptr;
  FirstErrorSlot* first_error_ = nullptr;
  Doorbell doorbell_;
  const char* deferred_message_ = nullptr;
  base::ErrorKind deferred_kind_ = base::ErrorKind::kInternal;
};

}  // namespace sluice::exchange
