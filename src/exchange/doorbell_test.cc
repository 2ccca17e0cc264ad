#include "exchange/doorbell.h"

#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <stdexcept>
#include <thread>

#include "exchange/test_mesh.h"

namespace sluice::exchange {
namespace {

// Lets a test act between the steps of park().
class ScriptedWaker final : public Waker {
 public:
  void wake(SeatIndex peer) noexcept override {
    ++wakes;
    last = peer;
  }
  void reset() override {
    ++resets;
    if (on_reset) {
      on_reset();
    }
  }
  void wait() override {
    ++waits;
    if (on_wait) {
      on_wait();
    }
  }
  unsigned wakes = 0;
  unsigned resets = 0;
  unsigned waits = 0;
  SeatIndex last;
  std::function<void()> on_reset;
  std::function<void()> on_wait;
};

class DoorbellTest : public ::testing::Test {
 protected:
  std::array<BellLine, 3> lines{};
  ScriptedWaker waker0;
  ScriptedWaker waker1;
  Doorbell bell0{lines, SeatIndex(0), waker0};
  Doorbell bell1{lines, SeatIndex(1), waker1};
};

TEST_F(DoorbellTest, RunningPeerIsRungWithoutItsLatch) {
  EXPECT_FALSE(bell0.ring(SeatIndex(1)));
  EXPECT_EQ(waker0.wakes, 0U);
  EXPECT_TRUE(bell1.take());
  EXPECT_FALSE(bell1.take());
  EXPECT_FALSE(bell0.take());
}

TEST_F(DoorbellTest, LookFindsARingAndLeavesItAndEndsWithoutOne) {
  EXPECT_FALSE(bell1.look());
  bell0.ring(SeatIndex(1));
  EXPECT_TRUE(bell1.look());
  EXPECT_TRUE(bell1.take());
  EXPECT_FALSE(bell1.look());
  EXPECT_EQ(waker1.resets, 0U);
}

TEST_F(DoorbellTest, BellBeforeParkingPreventsTheWait) {
  bell0.ring(SeatIndex(1));
  bell1.park();
  EXPECT_EQ(waker1.waits, 0U);
  EXPECT_TRUE(bell1.take());
}

TEST_F(DoorbellTest, BellAfterTheLatchWasResetPreventsTheWait) {
  waker1.on_reset = [&] { bell0.ring(SeatIndex(1)); };
  bell1.park();
  EXPECT_EQ(waker1.waits, 0U);
}

TEST_F(DoorbellTest, ParkedPeerIsRungWithItsLatch) {
  waker1.on_wait = [&] { EXPECT_TRUE(bell0.ring(SeatIndex(1))); };
  bell1.park();
  EXPECT_EQ(waker1.waits, 1U);
  EXPECT_EQ(waker0.wakes, 1U);
  EXPECT_EQ(waker0.last, SeatIndex(1));
  EXPECT_TRUE(bell1.take());
  EXPECT_FALSE(bell0.ring(SeatIndex(1)));
}

TEST_F(DoorbellTest, OwnBellIsNeverSleptOver) {
  bell1.ring(SeatIndex(1));
  bell1.park();
  EXPECT_EQ(waker1.waits, 0U);
  EXPECT_TRUE(bell1.take());
}

TEST_F(DoorbellTest, SeatRunsAgainWhenItsWaitThrows) {
  waker1.on_wait = [] { throw std::runtime_error("cancel"); };
  EXPECT_THROW(bell1.park(), std::runtime_error);
  EXPECT_FALSE(bell0.ring(SeatIndex(1)));
  EXPECT_EQ(waker0.wakes, 0U);
}

TEST(Doorbell, NoWakeIsLostBetweenTwoThreads) {
  constexpr unsigned kTurns = 50000;
  LatchBoard board(2);
  std::array<BellLine, 2> lines{};
  std::atomic<unsigned> turn{0};
  const auto play = [&](std::uint16_t seat) {
    LatchWaker waker(board, SeatIndex(seat));
    Doorbell bell(lines, SeatIndex(seat), waker);
    for (;;) {
      const unsigned now = turn.load(std::memory_order_acquire);
      if (now >= kTurns) {
        break;
      }
      if (now % 2 == seat) {
        turn.store(now + 1, std::memory_order_release);
        bell.ring(SeatIndex(seat == 0 ? 1 : 0));
      } else if (!bell.take()) {
        bell.park();
      }
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn.load(), kTurns);
}

}  // namespace
}  // namespace sluice::exchange
