// Out of memory at every allocation of a query: the nth fails, for n = 1, 2, ... until the query
// passes without a failure.
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "plan/enforce_dsm_shuffle.h"
#include "plan/plan_builder.h"
#include "storm/failing_allocator.h"
#include "storm/storm_crew.h"

namespace sluice::storm {
namespace {

using engine::testing::Rows;
using plan::PlanNode;

constexpr std::uint32_t kPeople = 1;  // k, name: some longer than a record
constexpr std::uint32_t kTowns = 2;   // k, name

Rows named(std::int64_t count, std::size_t long_name) {
  Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t length = i == 70 ? long_name : static_cast<std::size_t>(i % 20);
    rows.push_back({engine::testing::of(i % 40), engine::testing::of_text(std::string(
                                                     length, static_cast<char>('a' + i % 26)))});
  }
  return rows;
}

PlanNode table(std::uint32_t relation) {
  PlanNode scan = plan::build_scan("t", {{"k", plan::kInt4}, {"name", plan::kText}}, 1000,
                                   {plan::compare(plan::Op::kLess, plan::column_of(0, plan::kInt4),
                                                  plan::Expr::make_integer(35, plan::kInt4))});
  scan.as<plan::ScanSpec>()->relation = relation;
  return scan;
}
PlanNode neighbours() {
  return plan::build_join(table(kPeople), table(kTowns), {{0}, {0}}, {0, 1, 3}, 1000,
                          plan::JoinType::kLeft);
}
PlanNode counted() {
  return plan::build_aggregate(neighbours(), {2},
                               {{plan::AggregateFunction::kCountStar, 0, plan::kInt8},
                                {plan::AggregateFunction::kMin, 1, plan::kText}},
                               100);
}
PlanNode first_few() {
  return plan::build_top_k(neighbours(), {{0, true, false}, {1, false, false}, {2, false, true}},
                           9);
}

class AllocationStorm : public ::testing::Test {
 protected:
  void expect_survives(PlanNode root, std::uint16_t seats, std::int64_t step) {
    const engine::testing::Types types = root.output;
    plan::ShuffleOptions options;
    options.seats = seats;
    options.broadcast_bytes_max = 0;
    const plan::PlanSpec plan =
        plan::enforce_dsm_shuffle(plan::build_plan(std::move(root)), options);
    std::vector<std::string> expected;
    fail_allocation(0, Shortage::kOnce);
    run(plan, seats, types, expected);
    ASSERT_FALSE(expected.empty());
    for (const Shortage shortage : {Shortage::kOnce, Shortage::kForGood}) {
      std::int64_t nth = 1;
      for (;; nth += step) {
        const std::int64_t live = live_allocations();
        fail_allocation(nth, shortage);
        run(plan, seats, types, expected);
        ASSERT_FALSE(HasFailure()) << "allocation " << nth;
        ASSERT_EQ(live_allocations(), live) << "a leak after allocation " << nth;
        if (!allocation_failed()) {
          break;
        }
      }
      EXPECT_GT(nth, 100);
    }
  }

 private:
  /// Without `expected` what comes is what is to come.
  static void run(const plan::PlanSpec& plan, std::uint16_t seats,
                  const engine::testing::Types& types, std::vector<std::string>& expected) {
    Tables tables(60);
    tables.add(kPeople, named(150, 3000));
    tables.add(kTowns, named(30, 0));
    StormOptions options;
    options.shape = {seats, seats, exchange::kRingBytesMin};
    StormCrew crew(plan, tables, options);
    Rows rows;
    crew.run([&](SeatRuntime& leader, exchange::Mesh&) {
      while (const vector::Batch* batch = leader.pull()) {
        engine::testing::read_batch(*batch, rows);
      }
    });
    bool short_of_memory = false;
    for (const Ending& ending : crew.endings()) {
      short_of_memory = short_of_memory || ending.sqlstate == "53200";
    }
    for (const Ending& ending : crew.endings()) {
      const bool peer = ending.kind == base::ErrorKind::kPeer && short_of_memory;
      EXPECT_TRUE(ending.way == Ending::Way::kWell || ending.sqlstate == "53200" || peer)
          << ending.message;
    }
    if (crew.endings()[0].way == Ending::Way::kWell) {
      const auto texts = engine::testing::sorted_texts(types, rows);
      if (expected.empty()) {
        expected = texts;
      }
      EXPECT_EQ(texts, expected);
    }
    EXPECT_TRUE(crew.mesh().quiescent()) << crew.describe();
    EXPECT_EQ(tables.open_now(), 0);
  }
};

TEST_F(AllocationStorm, AggregateAboveAJoinInOneSeat) { expect_survives(counted(), 1, 1); }
TEST_F(AllocationStorm, TopKAboveAJoinInOneSeat) { expect_survives(first_few(), 1, 1); }
TEST_F(AllocationStorm, AggregateAboveAJoinInThreeSeats) { expect_survives(counted(), 3, 3); }
TEST_F(AllocationStorm, TopKAboveAJoinInThreeSeats) { expect_survives(first_few(), 3, 3); }

}  // namespace
}  // namespace sluice::storm
