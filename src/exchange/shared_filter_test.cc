#include "exchange/shared_filter.h"

#include <array>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace sluice::exchange {
namespace {

constexpr base::Epoch kFirst{1};
constexpr base::Epoch kSecond{2};

/// Hashes as those of keys are: all bits count.
std::uint64_t hash_of(std::uint64_t key) noexcept {
  key = (key + 1) * 0x9e3779b97f4a7c15ULL;
  return (key ^ key >> 29) * 0xbf58476d1ce4e5b9ULL;
}

struct Memory {
  explicit Memory(std::size_t words) : bytes(SharedFilter::bytes_for(words)) {
    SharedFilter::format(bytes);
  }
  SharedFilter filter() { return SharedFilter(bytes); }
  std::vector<std::byte> bytes;
};

TEST(SharedFilter, HoldsWhatWasAddedAndLittleElse) {
  constexpr std::uint64_t kKeys = 5000;
  Memory memory(kKeys / 5);
  SharedFilter filter = memory.filter();
  EXPECT_GE(filter.words(), kKeys / 5);
  for (std::uint64_t key = 0; key < kKeys; ++key) {
    filter.add(hash_of(key));
  }
  std::uint64_t others = 0;
  for (std::uint64_t key = 0; key < 2 * kKeys; ++key) {
    const bool held = filter.may_hold(hash_of(key));
    EXPECT_TRUE(held || key >= kKeys);
    others += held && key >= kKeys ? 1 : 0;
  }
  EXPECT_LE(others, kKeys / 20);
}

TEST(SharedFilter, EmptyHoldsNothing) {
  Memory memory(16);
  EXPECT_FALSE(memory.filter().may_hold(hash_of(1)));
}

TEST(SharedFilter, IsCompleteOnceEverySeatOfTheEpochHasPublished) {
  Memory memory(16);
  SharedFilter filter = memory.filter();
  EXPECT_FALSE(filter.complete(kFirst, 2));
  filter.publish(kFirst);
  EXPECT_FALSE(filter.complete(kFirst, 2));
  filter.publish(kFirst);
  EXPECT_TRUE(filter.complete(kFirst, 2));
  EXPECT_FALSE(filter.complete(kSecond, 2));
  filter.publish(kSecond);
  EXPECT_FALSE(filter.complete(kSecond, 2));
  filter.publish(kSecond);
  EXPECT_TRUE(filter.complete(kSecond, 2));
}

TEST(SharedFilter, ClearForgetsKeysAndSeats) {
  Memory memory(16);
  SharedFilter filter = memory.filter();
  filter.add(hash_of(1));
  filter.publish(kFirst);
  filter.clear();
  EXPECT_FALSE(filter.complete(kFirst, 1));
  EXPECT_FALSE(filter.may_hold(hash_of(1)));
}

TEST(SharedFilter, WhoeverSeesItCompleteSeesEveryKey) {
  constexpr std::size_t kSeats = 3;
  constexpr std::uint64_t kKeys = 2000;  // a seat
  for (std::uint32_t epoch = 1; epoch <= 20; ++epoch) {
    Memory memory(1500);
    std::vector<std::thread> seats;
    std::array<std::uint64_t, kSeats> missing{};
    for (std::size_t seat = 0; seat < kSeats; ++seat) {
      seats.emplace_back([&, seat] {
        SharedFilter filter = memory.filter();
        for (std::uint64_t key = 0; key < kKeys; ++key) {
          filter.add(hash_of(key * kSeats + seat));
        }
        filter.publish(base::Epoch{epoch});
        while (!filter.complete(base::Epoch{epoch}, kSeats)) {
          std::this_thread::yield();
        }
        for (std::uint64_t key = 0; key < kKeys * kSeats; ++key) {
          missing[seat] += filter.may_hold(hash_of(key)) ? 0 : 1;
        }
      });
    }
    for (std::thread& seat : seats) {
      seat.join();
    }
    EXPECT_EQ(missing, (std::array<std::uint64_t, kSeats>{}));
  }
}

}  // namespace
}  // namespace sluice::exchange
