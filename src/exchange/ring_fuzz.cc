// Feeds arbitrary bytes to RingReader as a ring and its write position, and reads every payload.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "base/memory_budget.h"
#include "exchange/message_buffer.h"
#include "exchange/test_ring.h"

/// Shape: the first byte is the write position in units of 64, the next the read position, the rest
/// the ring's bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kRingBytes = 1024;
  if (size < 2 || size - 2 > kRingBytes) {
    return 0;
  }
  sluice::exchange::TestRing ring(kRingBytes);
  std::memcpy(ring.data(), data + 2, size - 2);
  ring.shared().producer.write_position.store(std::uint64_t{data[0]} * 64);
  ring.shared().consumer.read_position.store(std::uint64_t{data[1]} * 64);
  try {
    sluice::base::MemoryBudget budget(std::size_t{1} << 16);
    sluice::exchange::MessageBuffer message(budget);
    sluice::exchange::RingReader reader(ring.memory(), sluice::base::Epoch(1));
    volatile std::uint64_t sum = 0;
    for (sluice::exchange::RingRecord record; reader.lease(record); reader.release()) {
      for (const std::byte byte : record.payload) {
        sum = sum + static_cast<std::uint64_t>(byte);
      }
      if (record.tag.kind == sluice::exchange::RecordKind::kChunk) {
        message.append(record);
        if (message.complete()) {
          message.reset();
        }
      }
    }
  } catch (const sluice::base::Error&) {
  }
  return 0;
}
