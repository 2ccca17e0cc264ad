// The ring of one physical stream: single producer, single consumer, variable records in place.
//
// Positions count bytes since the ring began and are never reset; position modulo capacity is the
// place.
//   0 <= read_position <= write_position <= read_position + capacity, all multiples of 64.
// A record never wraps: a pad record fills the ring up to its end. A record takes at most a quarter
// of the ring, so that whoever waits for half of it to be free can always go on, pad included.
// Bytes: docs/formats/ring.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ids.h"
#include "exchange/ring_layout.h"

namespace sluice::exchange {

/// Where a ring lies.
/// Shape: `bytes` is 64-byte aligned and a power of two long, at least 64.
struct RingMemory {
  PhysicalStream* shared = nullptr;
  std::span<std::byte> bytes;
};

/// Units: bytes of the largest payload in a ring of `ring_bytes`.
[[nodiscard]] constexpr std::size_t ring_record_bytes_max(std::size_t ring_bytes) noexcept {
  const std::size_t quarter = ring_bytes / 4;
  return (quarter < kRecordAlignment ? kRecordAlignment : quarter) - sizeof(RecordHeader);
}

enum class RingSpace : std::uint8_t {
  kGranted,
  kFull,     // the consumer will ring when half of the ring is free
  kCorrupt,  // a position is impossible
};

/// What commit() writes into the record's header beside lengths and sequence.
struct RecordTag {
  RecordKind kind = RecordKind::kWhole;
  std::uint32_t rows = 0;
  std::uint32_t message_bytes = 0;
  std::uint32_t message_offset = 0;
};

/// The producer's end in one epoch.
/// Runs in: the stream's producer seat; one writer at a time.
class RingWriter {
 public:
  RingWriter() noexcept = default;
  RingWriter(RingMemory memory, base::Epoch epoch) noexcept;

  /// Grants space for one record's payload, to be followed by commit(). A second reserve() forgets
  /// the first.
  /// Shape:  `bytes` is at most ring_record_bytes_max(); `payload` is 32-byte aligned.
  [[nodiscard]] RingSpace reserve(std::size_t bytes, std::byte*& payload) noexcept;
  [[nodiscard]] bool reserved() const noexcept { return record_bytes_ != 0; }
  /// Pre: reserved().
  [[nodiscard]] std::uint32_t reserved_payload_bytes() const noexcept { return payload_bytes_; }
  /// Makes the reserved record visible. The caller rings the consumer. Pre: reserved().
  void commit(const RecordTag& tag) noexcept;
  /// For tests: what the head of this file promises, as far as this end knows it.
  [[nodiscard]] bool invariants() const noexcept;

 private:
  [[nodiscard]] std::uint64_t free_bytes() const noexcept;
  [[nodiscard]] RingSpace find_space(std::uint64_t needed) noexcept;
  [[nodiscard]] bool refresh(std::memory_order order) noexcept;
  void write_pad(std::uint64_t bytes) noexcept;

  RingMemory memory_;
  base::Epoch epoch_;
  std::uint64_t write_ = 0;
  std::uint64_t read_cached_ = 0;
  std::uint64_t stalled_at_ = 0;  // the write position of the last stall counted
  std::uint64_t sequence_ = 0;
  std::uint64_t pad_bytes_ = 0;
  std::uint64_t record_bytes_ = 0;  // reserved, header included; 0 = none
  std::uint32_t payload_bytes_ = 0;
};

/// A record in the ring, readable until its lease is released.
struct RingRecord {
  std::span<const std::byte> payload;
  RecordTag tag;
};

/// The consumer's end in one epoch.
/// Runs in: the stream's consumer seat; one reader at a time.
class RingReader {
 public:
  static constexpr std::size_t kLeasesMax = 8;

  RingReader() noexcept = default;
  RingReader(RingMemory memory, base::Epoch epoch) noexcept;

  /// Leases the next record of this epoch; false when there is none. Records of older epochs and
  /// pads are dropped on the way. Pre: fewer than kLeasesMax leases.
  /// Errors: kCorrupt when the bytes cannot be what a RingWriter wrote; nothing outside the ring is
  ///         read.
  [[nodiscard]] bool lease(RingRecord& record);
  /// Frees the oldest lease. Pre: there is one.
  void release() noexcept;
  [[nodiscard]] std::size_t lease_count() const noexcept { return lease_count_; }
  /// Whether the producer is to be rung for the space freed since the last call.
  [[nodiscard]] bool take_wake() noexcept;
  /// For tests: what the head of this file promises, as far as this end knows it.
  [[nodiscard]] bool invariants() const noexcept;

 private:
  [[nodiscard]] bool has_more();
  [[nodiscard]] std::uint64_t check_record(const RecordHeader& header, std::uint64_t place) const;
  void free_up_to(std::uint64_t position) noexcept;

  RingMemory memory_;
  base::Epoch epoch_;
  std::uint64_t read_ = 0;    // published
  std::uint64_t cursor_ = 0;  // leased or dropped
  std::uint64_t write_cached_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t woken_at_ = 0;  // the last wake_at that was answered
  bool wake_due_ = false;
  std::array<std::uint64_t, kLeasesMax> lease_ends_{};
  std::size_t lease_first_ = 0;
  std::size_t lease_count_ = 0;
};

}  // namespace sluice::exchange
