// Handovers through rings of one record: every one needs the other side's wake-up, so a single lost
// one hangs the test (and its alarm ends it).
#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "exchange/doorbell.h"
#include "exchange/ring.h"
#include "process/child_process.h"
#include "process/futex_waker.h"
#include "process/shared_region.h"

namespace sluice::process {
namespace {

using exchange::BellLine;
using exchange::Doorbell;
using exchange::PhysicalStream;
using exchange::RingMemory;
using exchange::RingReader;
using exchange::RingRecord;
using exchange::RingSpace;
using exchange::RingWriter;
using exchange::SeatIndex;

constexpr base::Epoch kEpoch{1};

// A ring that holds one record.
struct OneRecordRing {
  PhysicalStream stream{};
  alignas(exchange::kRecordAlignment) std::array<std::byte, exchange::kRecordAlignment> bytes{};
  [[nodiscard]] RingMemory memory() noexcept { return {&stream, bytes}; }
};

struct Board {
  FutexLatches latches;
  std::array<BellLine, 8> bells{};
  std::array<OneRecordRing, 4> rings;
};

// One seat of a test, in its own process.
class Player {
 public:
  Player(Board& board, std::uint16_t seat)
      : waker_(board.latches, SeatIndex(seat)), bell_(board.bells, SeatIndex(seat), waker_) {}

  void send(RingWriter& writer, SeatIndex to, std::uint64_t number) {
    std::byte* payload = nullptr;
    while (writer.reserve(sizeof(number), payload) != RingSpace::kGranted) {
      sleep();
    }
    std::memcpy(payload, &number, sizeof(number));
    writer.commit({exchange::RecordKind::kWhole, 1, sizeof(number), 0});
    bell_.ring(to);
  }
  std::uint64_t receive(RingReader& reader, SeatIndex from) {
    RingRecord record;
    while (!reader.lease(record)) {
      sleep();
    }
    std::uint64_t number = 0;
    std::memcpy(&number, record.payload.data(), sizeof(number));
    reader.release();
    if (reader.take_wake()) {
      bell_.ring(from);
    }
    return number;
  }

 private:
  // A bell that was taken means: look again before sleeping.
  void sleep() {
    if (!bell_.take()) {
      bell_.park();
    }
  }
  FutexWaker waker_;
  Doorbell bell_;
};

// Pairs run beside each other so that the processors never idle: handovers then come thick and
// interleave in more ways than with a wake-up from idle each.
TEST(DoorbellProcess, MillionsOfHandoversThroughOneRecordRingsLoseNoWake) {
  constexpr std::uint64_t kHandoversPerPair = 500000;
  constexpr std::uint16_t kPairs = 4;
  Shared<Board> board;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (std::uint16_t pair = 0; pair < kPairs; ++pair) {
    const auto from = static_cast<std::uint16_t>(2 * pair);
    const auto to = static_cast<std::uint16_t>(2 * pair + 1);
    children.push_back(std::make_unique<ChildProcess>([&board, pair, from, to] {
      Player player(*board, from);
      RingWriter writer(board->rings[pair].memory(), kEpoch);
      for (std::uint64_t i = 0; i < kHandoversPerPair; ++i) {
        player.send(writer, SeatIndex(to), i);
      }
      return 0;
    }));
    children.push_back(std::make_unique<ChildProcess>([&board, pair, from, to] {
      Player player(*board, to);
      RingReader reader(board->rings[pair].memory(), kEpoch);
      for (std::uint64_t i = 0; i < kHandoversPerPair; ++i) {
        if (player.receive(reader, SeatIndex(from)) != i) {
          return 1;
        }
      }
      return 0;
    }));
  }
  for (const auto& child : children) {
    EXPECT_EQ(child->wait(), 0);
  }
}

TEST(DoorbellProcess, TokenAroundFourProcessesIsNeverLost) {
  constexpr std::uint64_t kRounds = 30000;
  constexpr std::uint16_t kSeats = 4;
  Shared<Board> board;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (std::uint16_t seat = 0; seat < kSeats; ++seat) {
    children.push_back(std::make_unique<ChildProcess>([&, seat] {
      const auto next = static_cast<std::uint16_t>((seat + 1) % kSeats);
      const auto before = static_cast<std::uint16_t>((seat + kSeats - 1) % kSeats);
      Player player(*board, seat);
      RingWriter writer(board->rings[seat].memory(), kEpoch);
      RingReader reader(board->rings[before].memory(), kEpoch);
      if (seat == 0) {
        player.send(writer, SeatIndex(next), 0);
      }
      for (std::uint64_t i = 0; i < kRounds; ++i) {
        const std::uint64_t token = player.receive(reader, SeatIndex(before));
        if (token != (seat == 0 ? i * kSeats + kSeats - 1 : i * kSeats + seat - 1)) {
          return 1;
        }
        if (seat != 0 || i + 1 < kRounds) {
          player.send(writer, SeatIndex(next), token + 1);
        }
      }
      return 0;
    }));
  }
  for (const auto& child : children) {
    EXPECT_EQ(child->wait(), 0);
  }
}

}  // namespace
}  // namespace sluice::process
