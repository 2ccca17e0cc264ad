// A ring whose other side is hostile: honest records, and edits of its bytes, headers and positions
// between any two steps of the reader and the writer. Both may refuse by kCorrupt (or, for a
// message longer than its budget, kAbandon); they must not touch a byte outside the ring.
//
// Input: a byte for the ring's size, a byte for what the positions are when both ends attach, then
// steps of an opcode and its operands.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>

#include "base/error.h"
#include "base/fuzz_input.h"
#include "base/memory_budget.h"
#include "exchange/message_buffer.h"
#include "exchange/test_ring.h"

namespace sluice::exchange {
namespace {

using base::fuzz_require;
using base::FuzzInput;

constexpr std::size_t kStepsMax = 200;

class HostileRing {
 public:
  explicit HostileRing(FuzzInput& input)
      : ring_(std::size_t{64} << input.number(1) % 6),
        record_bytes_max_(ring_record_bytes_max(ring_.memory().bytes.size())),
        budget_(std::size_t{1} << 16),
        message_(budget_) {
    const std::uint64_t start = input.number(1);
    if ((start & 1) != 0) {  // the ring has been used before, perhaps almost for ever
      const std::uint64_t position = input.number(8);
      ring_.shared().producer.write_position.store(position);
      ring_.shared().consumer.read_position.store(position - (start & 2) * 32);
    }
    honest_ = (start & 1) == 0;
    writer_ = RingWriter(ring_.memory(), base::Epoch(2));
    reader_ = RingReader(ring_.memory(), base::Epoch(2));
  }

  /// Errors: whatever the reader refuses.
  void step(FuzzInput& input) {
    const std::uint64_t opcode = input.number(1);
    switch (opcode % 8) {
      case 0:
      case 1:
        write(input, opcode);
        break;
      case 2:
      case 3:
        lease();
        break;
      case 4:
        release();
        break;
      case 5:
        edit_position(input, opcode >> 3);
        break;
      case 6:
        edit_bytes(input, opcode >> 3);
        break;
      default:
        forge(input, opcode >> 3);
    }
    fuzz_require(!honest_ || (writer_.invariants() && reader_.invariants()));
  }

 private:
  void write(FuzzInput& input, std::uint64_t opcode) {
    const std::size_t bytes = input.number(2) % (record_bytes_max_ + 1);
    std::byte* payload = nullptr;
    if (writer_.reserve(bytes, payload) != RingSpace::kGranted) {
      return;
    }
    ++records_;
    std::memset(payload, 0x5A, bytes);
    const auto length = static_cast<std::uint32_t>(bytes);
    if ((opcode & 8) != 0) {
      writer_.commit({RecordKind::kChunk, 1, 3 * length, length * (chunk_++ % 3)});
    } else {
      writer_.commit({RecordKind::kWhole, 1, length, 0});
    }
  }

  void lease() {
    RingRecord record;
    if (reader_.lease_count() == RingReader::kLeasesMax || !reader_.lease(record)) {
      return;
    }
    leases_.push_back(record);
    read(record);
    if (record.tag.kind == RecordKind::kChunk) {
      message_.append(record);
      if (message_.complete()) {
        message_.reset();
      }
    }
  }

  void release() {
    if (leases_.empty()) {
      return;
    }
    read(leases_.front());  // still there, whatever has been written over it
    leases_.pop_front();
    reader_.release();
    (void)reader_.take_wake();
  }

  void read(const RingRecord& record) {
    for (const std::byte byte : record.payload) {
      sum_ = sum_ + static_cast<std::uint64_t>(byte);
    }
  }

  void edit_position(FuzzInput& input, std::uint64_t choice) {
    honest_ = false;
    PhysicalStream& shared = ring_.shared();
    const std::array<SharedWord*, 4> words = {
        &shared.producer.write_position, &shared.consumer.read_position,
        &shared.producer_control.wake_at, &shared.producer.records};
    SharedWord& word = *words[choice % 4];
    if ((choice & 4) != 0) {
      word.store(input.number(8));
    } else {
      // A near miss: units of 64 up or down.
      word.fetch_add(std::uint64_t{64} *
                     static_cast<std::uint64_t>(static_cast<std::int8_t>(input.number(1))));
    }
  }

  void edit_bytes(FuzzInput& input, std::uint64_t choice) {
    honest_ = false;
    const std::size_t bytes = ring_.memory().bytes.size();
    // A record begins at a multiple of 64: half of the edits are of a header's field.
    const std::uint64_t place =
        (choice & 1) != 0 ? input.number(1) * 64 + (choice >> 1) % 8 * 4 : input.number(2);
    const std::uint64_t value = input.number(4);
    for (std::size_t i = 0; i < 4; ++i) {
      ring_.data()[(place + i) % bytes] = static_cast<std::byte>(value >> (8 * i));
    }
  }

  /// Publishes a record that no writer would: right in all but what the input says.
  void forge(FuzzInput& input, std::uint64_t choice) {
    honest_ = false;
    SharedWord& position = ring_.shared().producer.write_position;
    const std::size_t bytes = ring_.memory().bytes.size();
    const std::size_t place = position.load() % bytes / kRecordAlignment * kRecordAlignment;
    RecordHeader header{};
    header.payload_bytes = static_cast<std::uint32_t>(input.number(choice % 2 == 0 ? 1 : 4));
    header.kind = static_cast<RecordKind>(1 + choice / 2 % 4);
    header.epoch = 2;
    header.sequence = records_++;
    header.message_bytes = header.payload_bytes;
    std::memcpy(ring_.data() + place, &header, sizeof header);
    position.fetch_add(kRecordAlignment * (1 + choice / 8 + input.byte() % 4));
  }

  TestRing ring_;
  std::size_t record_bytes_max_;
  base::MemoryBudget budget_;
  MessageBuffer message_;
  RingWriter writer_;
  RingReader reader_;
  std::deque<RingRecord> leases_;
  bool honest_ = true;  // nobody has touched what is the other end's
  std::uint64_t records_ = 0;
  std::uint32_t chunk_ = 0;
  volatile std::uint64_t sum_ = 0;
};

}  // namespace
}  // namespace sluice::exchange

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  base::FuzzInput input(data, size);
  exchange::HostileRing ring(input);
  for (std::size_t i = 0; i < exchange::kStepsMax && !input.empty(); ++i) {
    try {
      ring.step(input);
    } catch (const base::Error& error) {
      base::fuzz_require(error.kind() == base::ErrorKind::kCorrupt ||
                         error.kind() == base::ErrorKind::kAbandon);
      // The stream would end here; that the next step is as safe is asked for all the same.
    }
  }
  return 0;
}
