// Every structure that lies in the shared region, and nothing else. Each field says who writes it.
// Described for readers in docs/formats/ring.md; change both together, with kRegionVersion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "exchange/shared_atomic.h"

namespace sluice::exchange {

using SharedWord = SharedAtomic<std::uint64_t>;
static_assert(SharedWord::is_always_lock_free && sizeof(SharedWord) == 8);
static_assert(SharedAtomic<std::uint32_t>::is_always_lock_free);

inline constexpr std::uint64_t kRegionMagic = 0x3147455243554c53;  // "SLUCREG1"
inline constexpr std::uint32_t kRegionVersion = 2;

/// What is written by different processes lies this far apart: two cache lines, because processors
/// prefetch the neighbour.
inline constexpr std::size_t kLineBytes = 128;
inline constexpr std::size_t kRecordAlignment = 64;

// ---- ring ----

enum class RecordKind : std::uint32_t {
  kPad = 1,    // fills the ring up to its end
  kWhole = 2,  // one message
  kChunk = 3,  // a part of a message larger than a record may be
};

/// Precedes every record's payload. Written by the producer before it publishes the position.
struct RecordHeader {
  std::uint32_t payload_bytes;
  RecordKind kind;
  std::uint32_t epoch;
  std::uint32_t rows;            // of the whole message; of a chunk only in the last one, else 0
  std::uint64_t sequence;        // number of the record in its epoch, from 0; pads have none
  std::uint32_t message_bytes;   // of the whole message
  std::uint32_t message_offset;  // of this payload in the message
};
static_assert(sizeof(RecordHeader) == 32 && kRecordAlignment >= sizeof(RecordHeader));
static_assert(offsetof(RecordHeader, payload_bytes) == 0 && offsetof(RecordHeader, kind) == 4);
static_assert(offsetof(RecordHeader, epoch) == 8 && offsetof(RecordHeader, rows) == 12);
static_assert(offsetof(RecordHeader, sequence) == 16);
static_assert(offsetof(RecordHeader, message_bytes) == 24);
static_assert(offsetof(RecordHeader, message_offset) == 28);

inline constexpr std::uint32_t kMessageBytesMax = std::uint32_t{1} << 30;

// ---- physical stream ----

/// Changes a few times an epoch. Writer: the consumer's seat (mark_dead for a dead one).
struct ConsumerControl {
  SharedWord want;         // control word, only grows
  SharedWord ring_offset;  // of the ring in the region; 0 until the first START, then constant
  std::byte unused[48];
};

/// Changes a few times an epoch, `wake_at` once a stall. Writer: the producer's seat (mark_dead for
/// a dead one).
struct ProducerControl {
  SharedWord have;  // control word, only grows
  SharedWord
      wake_at;  // the read position from which the stalled producer wants its bell; 0 = never yet
  SharedWord settled;  // the epoch in which its seat settled the stream; used of one consumer only
  std::byte unused[40];
};

/// Changes with every record read. Writer: the consumer's seat.
struct ConsumerLine {
  SharedWord read_position;  // bytes freed since the ring began
  SharedWord wakes;
  std::byte unused[112];
};

/// Changes with every record written. Writer: the producer's seat.
struct ProducerLine {
  SharedWord write_position;  // bytes published since the ring began
  SharedWord records;
  SharedWord rows;
  SharedWord bytes;
  SharedWord stalls;
  SharedWord wakes;
  SharedWord starts;
  std::byte unused[72];
};

struct PhysicalStream {
  ConsumerControl consumer_control;
  ProducerControl producer_control;
  ConsumerLine consumer;
  ProducerLine producer;
};
static_assert(sizeof(ConsumerControl) == 64 && sizeof(ProducerControl) == 64);
static_assert(sizeof(ConsumerLine) == kLineBytes && sizeof(ProducerLine) == kLineBytes);
static_assert(sizeof(PhysicalStream) == 384 && offsetof(PhysicalStream, consumer_control) == 0);
static_assert(offsetof(PhysicalStream, producer_control) == 64);
static_assert(offsetof(PhysicalStream, consumer) == 128 &&
              offsetof(PhysicalStream, producer) == 256);
static_assert(offsetof(ConsumerControl, want) == 0 && offsetof(ConsumerControl, ring_offset) == 8);
static_assert(offsetof(ProducerControl, have) == 0 && offsetof(ProducerControl, wake_at) == 8 &&
              offsetof(ProducerControl, settled) == 16);
static_assert(offsetof(ConsumerLine, read_position) == 0 && offsetof(ConsumerLine, wakes) == 8);
static_assert(offsetof(ProducerLine, write_position) == 0 && offsetof(ProducerLine, records) == 8);
static_assert(offsetof(ProducerLine, rows) == 16 && offsetof(ProducerLine, bytes) == 24);
static_assert(offsetof(ProducerLine, stalls) == 32 && offsetof(ProducerLine, wakes) == 40);
static_assert(offsetof(ProducerLine, starts) == 48);

// ---- seat ----

/// One a seat. `bells` is set by every seat and cleared by its own; `state` is written by its own.
struct BellLine {
  SharedWord bells;                   // bit n: seat n has news
  SharedAtomic<std::uint32_t> state;  // SeatState
  std::byte unused[116];
};
static_assert(sizeof(BellLine) == kLineBytes && offsetof(BellLine, bells) == 0);
static_assert(offsetof(BellLine, state) == 8);

// ---- query ----

/// Constant after Mesh::format().
struct RegionHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint16_t seats;
  std::uint16_t stream_count;
  std::uint32_t ring_bytes;
  std::uint32_t physical_count;
  std::uint64_t region_bytes;
  std::uint64_t bells_offset;
  std::uint64_t physical_offset;
  std::uint64_t audiences_offset;
  std::uint64_t rings_offset;
  std::byte unused[64];
};
static_assert(sizeof(RegionHeader) == kLineBytes && offsetof(RegionHeader, magic) == 0);
static_assert(offsetof(RegionHeader, version) == 8 && offsetof(RegionHeader, seats) == 12);
static_assert(offsetof(RegionHeader, stream_count) == 14);
static_assert(offsetof(RegionHeader, ring_bytes) == 16);
static_assert(offsetof(RegionHeader, physical_count) == 20);
static_assert(offsetof(RegionHeader, region_bytes) == 24);
static_assert(offsetof(RegionHeader, bells_offset) == 32);
static_assert(offsetof(RegionHeader, physical_offset) == 40);
static_assert(offsetof(RegionHeader, audiences_offset) == 48);
static_assert(offsetof(RegionHeader, rings_offset) == 56);

/// Rarely changes.
struct QueryLine {
  SharedWord membership;              // bit 0: sealed; bit n: seat n is in. Writer: every seat
  SharedWord dead;                    // bit n: seat n is gone. Writer: mark_dead()
  SharedWord rings_taken;             // rings handed out. Writer: every consumer
  SharedAtomic<std::uint32_t> epoch;  // Writer: the leader
  SharedAtomic<std::uint32_t>
      query_closed;  // 0 or 1. Writer: the leader (mark_dead for a dead one)
  std::byte unused[96];
};
static_assert(sizeof(QueryLine) == kLineBytes && offsetof(QueryLine, membership) == 0);
static_assert(offsetof(QueryLine, dead) == 8 && offsetof(QueryLine, rings_taken) == 16);
static_assert(offsetof(QueryLine, epoch) == 24 && offsetof(QueryLine, query_closed) == 28);

inline constexpr std::size_t kErrorMessageBytesMax = 496;

/// Writer: the one seat whose compare-and-swap of `state` won.
struct FirstErrorSlot {
  SharedAtomic<std::uint32_t> state;  // ErrorSlotState
  std::uint16_t seat;
  std::uint8_t kind;
  std::uint8_t unused;
  std::uint32_t message_bytes;
  std::uint32_t unused_word;
  char message[kErrorMessageBytesMax];
};
static_assert(sizeof(FirstErrorSlot) == 512 && offsetof(FirstErrorSlot, state) == 0);
static_assert(offsetof(FirstErrorSlot, seat) == 4 && offsetof(FirstErrorSlot, kind) == 6);
static_assert(offsetof(FirstErrorSlot, message_bytes) == 8);
static_assert(offsetof(FirstErrorSlot, message) == 16);

inline constexpr std::size_t kQueryLineOffset = sizeof(RegionHeader);
inline constexpr std::size_t kFirstErrorOffset = kQueryLineOffset + sizeof(QueryLine);
inline constexpr std::size_t kBellsOffset = kFirstErrorOffset + sizeof(FirstErrorSlot);
static_assert(kBellsOffset == 768 && kBellsOffset % kLineBytes == 0);

template <typename T>
inline constexpr bool kShareable =
    std::is_standard_layout_v<T>&& std::is_trivially_destructible_v<T>;
static_assert(kShareable<RecordHeader> && kShareable<PhysicalStream> && kShareable<BellLine>);
static_assert(kShareable<RegionHeader> && kShareable<QueryLine> && kShareable<FirstErrorSlot>);

}  // namespace sluice::exchange
