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
  EXPECT_EQ(membership.seal({}), seats(1));
  EXPECT_TRUE(membership.sealed());
}

TEST(Membership, JoinersBeforeTheSealAreMembersAndLaterOnesAreNot) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_TRUE(membership.join(SeatIndex(3)));
  EXPECT_TRUE(membership.join(SeatIndex(63)));
  EXPECT_EQ(membership.seal({}), seats(1 | 8 | std::uint64_t{1} << 63));
  EXPECT_FALSE(membership.join(SeatIndex(2)));
  EXPECT_EQ(membership.seal({}), seats(1 | 8 | std::uint64_t{1} << 63));
  EXPECT_EQ(membership.joined(), seats(1 | 8 | std::uint64_t{1} << 63));
}

TEST(Membership, DeadBeforeItJoinedNeverJoins) {
  QueryLine line{};
  Membership membership(line);
  membership.bury(SeatIndex(2));
  EXPECT_FALSE(membership.join(SeatIndex(2)));
  EXPECT_EQ(membership.seal({}), seats(1));
}

TEST(Membership, DeadBeforeTheSealIsNoMemberAndAfterItStays) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_TRUE(membership.join(SeatIndex(1)));
  EXPECT_TRUE(membership.join(SeatIndex(2)));
  membership.bury(SeatIndex(1));
  membership.bury(SeatIndex(1));
  EXPECT_EQ(membership.seal({}), seats(1 | 4));
  membership.bury(SeatIndex(2));
  EXPECT_EQ(membership.joined(), seats(1 | 4));
  EXPECT_EQ(membership.dead(), seats(2 | 4));
}

TEST(Membership, ExpectedAtTheSealIsAMemberBeforeItJoins) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_TRUE(membership.join(SeatIndex(1)));
  EXPECT_EQ(membership.seal(seats(2 | 8)), seats(1 | 2 | 8));
  EXPECT_EQ(membership.joined(), seats(1 | 2 | 8));
  EXPECT_TRUE(membership.join(SeatIndex(3)));
  EXPECT_TRUE(membership.join(SeatIndex(1)));
  EXPECT_FALSE(membership.join(SeatIndex(2)));
  EXPECT_EQ(membership.joined(), seats(1 | 2 | 8));
}

TEST(Membership, SealedOnceExpectsNobodyElse) {
  QueryLine line{};
  Membership membership(line);
  EXPECT_EQ(membership.seal(seats(2)), seats(1 | 2));
  EXPECT_EQ(membership.seal(seats(4)), seats(1 | 2));
  EXPECT_FALSE(membership.join(SeatIndex(2)));
}

TEST(Membership, ExpectedAndDeadIsAMemberOnlyIfItDiedAfterTheSeal) {
  QueryLine line{};
  Membership membership(line);
  membership.bury(SeatIndex(2));
  EXPECT_EQ(membership.seal(seats(2 | 4)), seats(1 | 2));
  membership.bury(SeatIndex(1));
  EXPECT_EQ(membership.joined(), seats(1 | 2));
  EXPECT_EQ(membership.dead(), seats(2 | 4));
  EXPECT_FALSE(membership.join(SeatIndex(1))) << "others have been told that it is gone";
}

TEST(Membership, RaceOfADeathWithTheSealLeavesNoHalfMember) {
  for (int round = 0; round < 200; ++round) {
    QueryLine line{};
    SeatSet sealed;
    std::thread seat([&] {
      (void)Membership(line).join(SeatIndex(1));
      Membership(line).bury(SeatIndex(1));
    });
    std::thread leader([&] { sealed = Membership(line).seal(seats(2)); });
    seat.join();
    leader.join();
    EXPECT_EQ(Membership(line).joined(), sealed);
    EXPECT_TRUE(Membership(line).dead().contains(SeatIndex(1)));
  }
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
    threads.emplace_back([&] { sealed = Membership(line).seal(seats(2 | 4)); });
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_EQ(sealed.bits(), admitted.load());
    EXPECT_EQ(sealed.bits() & 7U, 7U) << "who is expected is in, before the seal or after it";
    EXPECT_EQ(Membership(line).joined(), sealed);
  }
}

}  // namespace
}  // namespace sluice::exchange
