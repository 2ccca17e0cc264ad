#include "exchange/first_error.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace sluice::exchange {
namespace {

TEST(FirstError, EmptySlotHasNone) {
  FirstErrorSlot slot{};
  EXPECT_FALSE(read_first_error(slot).set);
}

TEST(FirstError, OnlyTheFirstIsKept) {
  FirstErrorSlot slot{};
  EXPECT_TRUE(record_first_error(slot, SeatIndex(2), base::ErrorKind::kQuery, "division by zero"));
  EXPECT_FALSE(record_first_error(slot, SeatIndex(1), base::ErrorKind::kInternal, "later"));
  const FirstError error = read_first_error(slot);
  EXPECT_TRUE(error.set);
  EXPECT_EQ(error.seat, SeatIndex(2));
  EXPECT_EQ(error.kind, base::ErrorKind::kQuery);
  EXPECT_EQ(error.message, "division by zero");
}

TEST(FirstError, SlotBeingWrittenReadsAsNone) {
  FirstErrorSlot slot{};
  slot.state.store(static_cast<std::uint32_t>(ErrorSlotState::kClaimed));
  EXPECT_FALSE(read_first_error(slot).set);
  EXPECT_FALSE(record_first_error(slot, SeatIndex(1), base::ErrorKind::kQuery, "late"));
}

TEST(FirstError, LongMessageIsCutBetweenCharacters) {
  for (std::size_t lead = 0; lead < 3; ++lead) {
    FirstErrorSlot slot{};
    std::string message(lead, 'x');
    while (message.size() < 2 * kErrorMessageBytesMax) {
      message += "\xE2\x82\xAC";  // a character of three bytes
    }
    ASSERT_TRUE(record_first_error(slot, SeatIndex(1), base::ErrorKind::kQuery, message));
    const std::string cut = read_first_error(slot).message;
    EXPECT_LE(cut.size(), kErrorMessageBytesMax);
    EXPECT_GT(cut.size(), kErrorMessageBytesMax - 3);
    EXPECT_EQ((cut.size() - lead) % 3, 0U);
    EXPECT_EQ(message.compare(0, cut.size(), cut), 0);
  }
}

TEST(FirstError, ScribbledSlotIsReadWithinItsBounds) {
  FirstErrorSlot slot{};
  ASSERT_TRUE(record_first_error(slot, SeatIndex(1), base::ErrorKind::kQuery, "m"));
  slot.message_bytes = 0xFFFFFFFF;
  slot.kind = 200;
  const FirstError error = read_first_error(slot);
  EXPECT_EQ(error.message.size(), kErrorMessageBytesMax);
  EXPECT_EQ(error.kind, base::ErrorKind::kCorrupt);
}

TEST(FirstError, OneOfManyRacersWins) {
  for (int round = 0; round < 100; ++round) {
    FirstErrorSlot slot{};
    std::atomic<int> winner{-1};
    std::atomic<int> wins{0};
    std::vector<std::thread> threads;
    for (std::uint16_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        if (record_first_error(slot, SeatIndex(i), base::ErrorKind::kQuery, std::to_string(i))) {
          winner = i;
          ++wins;
        }
        const FirstError seen = read_first_error(slot);
        EXPECT_TRUE(!seen.set || seen.message == std::to_string(seen.seat.value()));
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(read_first_error(slot).seat.value(), winner);
  }
}

}  // namespace
}  // namespace sluice::exchange
