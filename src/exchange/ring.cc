#include "exchange/ring.h"

#include <cassert>
#include <cstring>

#include "base/check.h"
#include "base/fault_point.h"
#include "exchange/stream_counters.h"

namespace sluice::exchange {

namespace {

constexpr std::uint64_t record_bytes_for(std::size_t payload_bytes) noexcept {
  return (sizeof(RecordHeader) + payload_bytes + kRecordAlignment - 1) &
         ~std::uint64_t{kRecordAlignment - 1};
}

}  // namespace

RingWriter::RingWriter(RingMemory memory, base::Epoch epoch) noexcept
    : memory_(memory),
      epoch_(epoch),
      // Relaxed: written by this seat only.
      write_(memory.shared->producer.write_position.load(std::memory_order_relaxed)),
      read_cached_(write_ - memory.bytes.size()) {  // full, unless the positions are possible
  // Pairs with the seq_cst store in RingReader::free_up_to.
  (void)refresh(std::memory_order_acquire);
}

std::uint64_t RingWriter::free_bytes() const noexcept {
  return memory_.bytes.size() - (write_ - read_cached_);
}

bool RingWriter::refresh(std::memory_order order) noexcept {
  // Pairs with the store in RingReader::free_up_to: the consumer has done with what it freed.
  const std::uint64_t read = memory_.shared->consumer.read_position.load(order);
  // Records at other places than multiples of 64 would reach beyond the ring's end.
  if (write_ % kRecordAlignment != 0 || write_ - read > memory_.bytes.size()) {
    return false;
  }
  read_cached_ = read;
  return true;
}

RingSpace RingWriter::find_space(std::uint64_t needed) noexcept {
  if (needed <= free_bytes()) {
    return RingSpace::kGranted;
  }
  if (!refresh(std::memory_order_acquire)) {
    return RingSpace::kCorrupt;
  }
  if (needed <= free_bytes()) {
    return RingSpace::kGranted;
  }
  // Announce the stall, then look once more: either this load sees what the consumer has freed, or
  // the consumer's load of wake_at, after its store of the position, sees the announcement. Pairs
  // with RingReader::free_up_to, all four operations seq_cst.
  memory_.shared->producer_control.wake_at.store(write_ - memory_.bytes.size() / 2,
                                                 std::memory_order_seq_cst);
  SLUICE_FAULT_POINT_NOEXCEPT(kRingFull);
  if (!refresh(std::memory_order_seq_cst)) {
    return RingSpace::kCorrupt;
  }
  if (needed <= free_bytes()) {
    return RingSpace::kGranted;
  }
  if (stalled_at_ != write_) {
    stalled_at_ = write_;
    count(memory_.shared->producer.stalls, 1);
  }
  return RingSpace::kFull;
}

RingSpace RingWriter::reserve(std::size_t bytes, std::byte*& payload) noexcept {
  assert(bytes <= ring_record_bytes_max(memory_.bytes.size()));
  const std::size_t capacity = memory_.bytes.size();
  const std::uint64_t record_bytes = record_bytes_for(bytes);
  const std::size_t place = write_ & (capacity - 1);
  const std::uint64_t pad_bytes = record_bytes > capacity - place ? capacity - place : 0;
  record_bytes_ = 0;
  const RingSpace space = find_space(pad_bytes + record_bytes);
  if (space != RingSpace::kGranted) {
    return space;
  }
  pad_bytes_ = pad_bytes;
  record_bytes_ = record_bytes;
  payload_bytes_ = static_cast<std::uint32_t>(bytes);
  const std::size_t start = (write_ + pad_bytes) & (capacity - 1);
  payload = memory_.bytes.data() + start + sizeof(RecordHeader);
  return RingSpace::kGranted;
}

void RingWriter::write_pad(std::uint64_t bytes) noexcept {
  RecordHeader pad{};
  pad.kind = RecordKind::kPad;
  pad.epoch = epoch_.value();
  pad.payload_bytes = static_cast<std::uint32_t>(bytes - sizeof(RecordHeader));
  const std::size_t place = write_ & (memory_.bytes.size() - 1);
  std::memcpy(memory_.bytes.data() + place, &pad, sizeof(pad));
}

void RingWriter::commit(const RecordTag& tag) noexcept {
  assert(reserved());
  if (pad_bytes_ != 0) {
    write_pad(pad_bytes_);
    write_ += pad_bytes_;
  }
  RecordHeader header{};
  header.payload_bytes = payload_bytes_;
  header.kind = tag.kind;
  header.epoch = epoch_.value();
  header.rows = tag.rows;
  header.sequence = sequence_++;
  header.message_bytes = tag.message_bytes;
  header.message_offset = tag.message_offset;
  const std::size_t place = write_ & (memory_.bytes.size() - 1);
  std::memcpy(memory_.bytes.data() + place, &header, sizeof(header));
  write_ += record_bytes_;
  record_bytes_ = 0;
  ProducerLine& line = memory_.shared->producer;
  // Pairs with the acquire in RingReader::has_more.
  line.write_position.store(write_, std::memory_order_release);
  count(line.bytes, payload_bytes_);
  if (tag.message_offset + payload_bytes_ == tag.message_bytes) {
    count(line.records, 1);
    count(line.rows, tag.rows);
  }
}

bool RingWriter::invariants() const noexcept {
  const std::uint64_t used = write_ - read_cached_;
  return used <= memory_.bytes.size() && (write_ | read_cached_) % kRecordAlignment == 0 &&
         (!reserved() || pad_bytes_ + record_bytes_ <= free_bytes());
}

RingReader::RingReader(RingMemory memory, base::Epoch epoch) noexcept
    : memory_(memory),
      epoch_(epoch),
      // Relaxed: written by this seat only.
      read_(memory.shared->consumer.read_position.load(std::memory_order_relaxed)),
      cursor_(read_),
      write_cached_(read_) {}

bool RingReader::has_more() {
  if (cursor_ != write_cached_) {
    return true;
  }
  // Pairs with the release in RingWriter::commit.
  const std::uint64_t write =
      memory_.shared->producer.write_position.load(std::memory_order_acquire);
  SLUICE_CHECK_BYTES(write - read_ <= memory_.bytes.size() && write - cursor_ <= write - read_ &&
                         (write | cursor_) % kRecordAlignment == 0,
                     "a ring's positions are damaged");
  write_cached_ = write;  // only now: who asks again after the error must not go on from there
  return cursor_ != write_cached_;
}

std::uint64_t RingReader::check_record(const RecordHeader& header, std::uint64_t place) const {
  const std::uint64_t capacity = memory_.bytes.size();
  const std::uint64_t bytes = record_bytes_for(header.payload_bytes);
  SLUICE_CHECK_BYTES(bytes <= write_cached_ - cursor_ && bytes <= capacity - place,
                     "a ring's record does not fit its ring");
  switch (header.kind) {
    case RecordKind::kPad:
      SLUICE_CHECK_BYTES(bytes == capacity - place, "a ring's pad does not reach its end");
      return bytes;
    case RecordKind::kWhole:
    case RecordKind::kChunk:
      SLUICE_CHECK_BYTES(header.payload_bytes <= ring_record_bytes_max(capacity),
                         "a ring's record is too large");
      SLUICE_CHECK_BYTES(header.epoch <= epoch_.value(), "a ring's record is of a later epoch");
      SLUICE_CHECK_BYTES(header.epoch < epoch_.value() || header.sequence == sequence_,
                         "a ring's records are out of sequence");
      return bytes;
  }
  base::throw_corrupt("a ring's record is of an unknown kind");
}

bool RingReader::lease(RingRecord& record) {
  assert(lease_count_ < kLeasesMax);
  while (has_more()) {
    const std::uint64_t place = cursor_ & (memory_.bytes.size() - 1);
    RecordHeader header;  // a copy: what was checked is what is used
    std::memcpy(&header, memory_.bytes.data() + place, sizeof(header));
    const std::uint64_t bytes = check_record(header, place);
    cursor_ += bytes;
    if (header.kind == RecordKind::kPad || header.epoch != epoch_.value()) {
      continue;
    }
    ++sequence_;
    record.payload = memory_.bytes.subspan(place + sizeof(header), header.payload_bytes);
    record.tag = {header.kind, header.rows, header.message_bytes, header.message_offset};
    lease_ends_[(lease_first_ + lease_count_) % kLeasesMax] = cursor_;
    ++lease_count_;
    return true;
  }
  if (lease_count_ == 0 && cursor_ != read_) {
    free_up_to(cursor_);
  }
  return false;
}

void RingReader::release() noexcept {
  assert(lease_count_ != 0);
  const std::uint64_t end = lease_ends_[lease_first_];
  lease_first_ = (lease_first_ + 1) % kLeasesMax;
  --lease_count_;
  free_up_to(end);
}

void RingReader::free_up_to(std::uint64_t position) noexcept {
  read_ = position;
  // Pairs with the loads in RingWriter::refresh; see RingWriter::find_space for the order of the
  // two.
  memory_.shared->consumer.read_position.store(position, std::memory_order_seq_cst);
  SLUICE_FAULT_POINT_NOEXCEPT(kRecordFreed);
  // Pairs with the store in RingWriter::find_space.
  const std::uint64_t wake_at =
      memory_.shared->producer_control.wake_at.load(std::memory_order_seq_cst);
  if (wake_at > woken_at_ && position >= wake_at) {
    woken_at_ = wake_at;
    wake_due_ = true;
  }
}

bool RingReader::take_wake() noexcept {
  const bool due = wake_due_;
  wake_due_ = false;
  return due;
}

bool RingReader::invariants() const noexcept {
  const std::uint64_t used = write_cached_ - read_;
  return used <= memory_.bytes.size() && cursor_ - read_ <= used &&
         (read_ | cursor_ | write_cached_) % kRecordAlignment == 0 && lease_count_ <= kLeasesMax &&
         (lease_count_ == 0 || lease_ends_[lease_first_] <= cursor_);
}

}  // namespace sluice::exchange
