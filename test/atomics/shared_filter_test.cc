// The exchange's own shared filter under Relacy: two seats add keys and publish, a third asks.
#include "exchange/shared_filter.h"

#include <array>
#include <gtest/gtest.h>
#include <span>
#include <string>
// clang-format off
#include "atomics/checker.h"  // last, for the checker makes macros of words of the language
// clang-format on

namespace sluice::atomics {
namespace {

constexpr std::uint64_t kExecutions = 20000;
constexpr std::size_t kSeats = 2;
constexpr std::size_t kFilterWords = 2;
constexpr base::Epoch kEpoch{3};

// Words in the order of their construction: the header's, then the filter's.
enum Word : std::uint32_t { kPublished, kFirstBits };

/// Each seat has a key of its own and one that both have.
struct Gathering : rl::test_suite<Gathering, kSeats + 1> {
  Words model;
  alignas(exchange::kLineBytes) std::array<std::byte, exchange::kLineBytes * 2> bytes{};

  void before() { exchange::SharedFilter::format(memory()); }
  void thread(unsigned seat) {
    exchange::SharedFilter filter(memory());
    if (seat < kSeats) {
      filter.add(key_of(seat));
      filter.add(key_of(kSeats));
      filter.publish(kEpoch);
      return;
    }
    if (filter.complete(kEpoch, kSeats)) {
      for (unsigned key = 0; key <= kSeats; ++key) {
        RL_ASSERT(filter.may_hold(key_of(key)));
      }
    }
  }

 private:
  std::span<std::byte> memory() {
    return std::span(bytes).first(sizeof(exchange::SharedFilterHeader) +
                                  kFilterWords * sizeof(exchange::SharedWord));
  }
  static std::uint64_t key_of(unsigned number) { return 0x9e3779b97f4a7c15ULL * (number + 1); }
};

TEST(SharedFilter, ShowsEveryKeyOnceItIsComplete) {
  EXPECT_TRUE(passes<Gathering>({"unchanged", 0}, kExecutions));
}

class WeakenedSharedFilter : public ::testing::TestWithParam<Mutation> {};

TEST_P(WeakenedSharedFilter, IsFoundOut) {
  EXPECT_FALSE(passes<Gathering>(GetParam(), kExecutions));
}

using enum Operation;
INSTANTIATE_TEST_SUITE_P(
    Orders, WeakenedSharedFilter,
    ::testing::Values(Mutation{"PublishedRelaxed", kPublished, kReadModifyWrite,
                               std::memory_order_release, std::memory_order_relaxed},
                      Mutation{"CompleteReadRelaxed", kPublished, kLoad, std::memory_order_acquire,
                               std::memory_order_relaxed}),
    [](const auto& mutated) { return std::string(mutated.param.name); });

}  // namespace
}  // namespace sluice::atomics
