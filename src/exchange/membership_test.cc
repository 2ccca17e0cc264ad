#include "exchange/membership.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace sluice::exchange {
namespace {

SeatSet seats(std::uint64_t bits) { return SeatSet(bits); }

TEST(Membership, LeaderAloneIsAMemberWithoutJoining) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_EQ(membership.joined(), seats(1));
  EXPECT_FALSE(membership.sealed());
  EXPECT_EQ(membership.seal(), seats(1));
  EXPECT_TRUE(membership.sealed());
}

TEST(Membership, JoinersBeforeTheSealAreMembersAndLaterOnesAreNot) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_TRUE(membership.join(SeatIndex(3)));
  EXPECT_TRUE(membership.join(SeatIndex(63)));
  EXPECT_EQ(membership.seal(), seats(1 | 8 | std::uint64_t{1} << 63));
  EXPECT_FALSE(membership.join(SeatIndex(2)));
  EXPECT_EQ(membership.seal(), seats(1 | 8 | std::uint64_t{1} << 63));
  EXPECT_EQ(membership.joined(), seats(1 | 8 | std::uint64_t{1} << 63));
}

TEST(Membership, DeadBeforeItJoinedNeverJoins) {
  QueryLine line{};
  Membership membership(line);
  membership.bury(SeatIndex(2));
  EXPECT_FALSE(membership.join(SeatIndex(2)));
  EXPECT_EQ(membership.seal(), seats(1));
}

TEST(Membership, DeadBeforeTheSealIsNoMemberAndAfterItStays) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_TRUE(membership.join(SeatIndex(1)));
  EXPECT_TRUE(membership.join(SeatIndex(2)));
  membership.bury(SeatIndex(1));
  membership.bury(SeatIndex(1));
  EXPECT_EQ(membership.seal(), seats(1 | 4));
  membership.bury(SeatIndex(2));
  EXPECT_EQ(membership.joined(), seats(1 | 4));
  EXPECT_EQ(membership.dead(), seats(2 | 4));
}

TEST(Membership, RaceForTheSealAgreesOnOneSet) {
  for (int round = 0; round < 200; ++round) {
    QueryLine line{};
    std::atomic<std::uint64_t> admitted{1};
    std::vector<std::thread> threads;
    SeatSet sealed;
    for (std::uint16_t seat = 1; seat < 4; ++seat) {
      threads.emplace_back([&, seat] {
        if (Membership(line).join(SeatIndex(seat))) {
          admitted.fetch_or(SeatSet::of(SeatIndex(seat)).bits());
        }
      });
    }
    threads.emplace_back([&] { sealed = Membership(line).seal(); });
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(sealed.bits(), admitted.load());
    EXPECT_EQ(Membership(line).joined(), sealed);
  }
}

}  // namespace
}  // namespace sluice::exchange
