// Queries at the edges: no rows, no values, one key, one row, one record a ring, too many seats.
#include <gtest/gtest.h>
#include <utility>

#include "base/error.h"
#include "engine/seat_crew.h"
#include "exchange/mesh_state.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/plan_builder.h"

namespace sluice::engine::testing {
namespace {

using plan::ExchangeKind;
using plan::kInt4;
using plan::kInt8;
using plan::PlanNode;
using plan::PlanSpec;

constexpr std::uint32_t kMany = 1;
constexpr std::uint32_t kFew = 2;

PlanNode scan(std::uint32_t relation) {
  PlanNode node = plan::build_scan("t", {{"k", kInt4}, {"v", kInt4}}, 1000);
  node.as<plan::ScanSpec>()->relation = relation;
  return node;
}
PlanNode gather(PlanNode input) {
  return plan::build_exchange(std::move(input), 0, ExchangeKind::kGather);
}
PlanNode shuffle(PlanNode input, std::uint16_t stream) {
  return plan::build_exchange(std::move(input), stream, ExchangeKind::kRedistribute, {0});
}
PlanNode broadcast(PlanNode input, std::uint16_t stream) {
  return plan::build_exchange(std::move(input), stream, ExchangeKind::kBroadcast);
}
PlanNode join(PlanNode probe, PlanNode build, plan::JoinType type = plan::JoinType::kInner) {
  return plan::build_join(std::move(probe), std::move(build), {{0}, {0}}, {0, 3}, 1000, type);
}
PlanNode grouped(PlanNode input) {
  return plan::build_aggregate(std::move(input), {0},
                               {{plan::AggregateFunction::kCountStar, 0, kInt8}}, 1000);
}

PlanSpec distributed(PlanNode root, bool leader_computes = true) {
  PlanSpec plan = plan::build_plan(std::move(root));
  plan.stream_count = static_cast<std::uint16_t>(plan::collect_dsm_exchanges(plan.root).size());
  plan.partition_count = 64;
  plan.distributed = true;
  plan.leader_computes = leader_computes;
  plan::validate_deadlock_rules(plan);
  return plan;
}

Rows numbers(std::int64_t count, std::int64_t distinct) {
  Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.push_back({of(i % distinct), of(i % distinct * 2)});
  }
  return rows;
}
Rows nulls(std::size_t count) { return Rows(count, {null_value(), null_value()}); }

class SeatEdge : public ::testing::Test {
 protected:
  /// The same rows from any number of seats through rings of one record.
  void expect_rows(const PlanSpec& plan, const Rows& many, const Rows& few, const Rows& expected) {
    for (const CrewShape shape :
         {CrewShape{1, 1}, CrewShape{3, 3}, CrewShape{8, 2}, CrewShape{5, 5}}) {
      Tables tables(40);
      tables.add(kMany, many);
      tables.add(kFew, few);
      SeatCrew crew(plan, tables, {shape.planned, shape.came, exchange::kRingBytesLeast});
      const Types types = plan.root.output;
      EXPECT_EQ(sorted_texts(types, crew.drain()), sorted_texts(types, expected))
          << shape.came << " seats";
      crew.leader().restart();
      EXPECT_TRUE(crew.mesh().quiescent());
      crew.finish();
      EXPECT_TRUE(crew.errors().empty());
      EXPECT_EQ(crew.peer_errors(), 0U);
    }
  }
};

TEST_F(SeatEdge, NoRowsGiveNoRows) {
  const PlanSpec plan = distributed(gather(grouped(shuffle(scan(kMany), 1))));
  expect_rows(plan, {}, {}, {});
}

TEST_F(SeatEdge, NothingButNullsIsOneGroupAndJoinsNothing) {
  expect_rows(distributed(gather(grouped(shuffle(scan(kMany), 1)))), nulls(300), {},
              {{null_value(), of(300)}});
  expect_rows(distributed(gather(join(shuffle(scan(kMany), 1), shuffle(scan(kFew), 2)))),
              nulls(300), nulls(20), {});
  expect_rows(distributed(gather(
                  join(shuffle(scan(kMany), 1), shuffle(scan(kFew), 2), plan::JoinType::kLeft))),
              nulls(300), nulls(20), nulls(300));
}

TEST_F(SeatEdge, AllRowsMayGoToOnePartition) {
  expect_rows(distributed(gather(grouped(join(shuffle(scan(kMany), 1), shuffle(scan(kFew), 2))))),
              numbers(500, 1), numbers(7, 1), {{of(0), of(3500)}});
}

TEST_F(SeatEdge, ABuildSideThatIsEmptyInAllSeatsButOneJoins) {
  Rows expected;
  for (int i = 0; i < 10; ++i) {
    expected.push_back({of(0), of(0)});
  }
  expect_rows(distributed(gather(join(shuffle(scan(kMany), 1), shuffle(scan(kFew), 2)))),
              numbers(500, 50), numbers(1, 1), expected);
}

TEST_F(SeatEdge, ABuildSideThatIsEmptyInAllSeatsLeavesNoStreamOpen) {
  expect_rows(distributed(gather(join(shuffle(scan(kMany), 1), shuffle(scan(kFew), 2)))),
              numbers(500, 50), {}, {});
  expect_rows(distributed(gather(join(shuffle(scan(kMany), 1), broadcast(scan(kFew), 2)))),
              numbers(500, 50), {}, {});
}

TEST_F(SeatEdge, SafeShapesEndWithRingsOfOneRecord) {
  const Rows many = numbers(400, 400);
  // Stacked shuffles: every seat sends and receives in both.
  expect_rows(distributed(gather(shuffle(shuffle(shuffle(scan(kMany), 3), 2), 1))), many, {}, many);
  // A join whose build side is a join, all inputs shuffled.
  expect_rows(
      distributed(gather(join(shuffle(scan(kMany), 1),
                              shuffle(join(shuffle(scan(kMany), 3), shuffle(scan(kMany), 4)), 2)))),
      many, {}, many);
  // The leader as consumer only.
  expect_rows(distributed(gather(join(shuffle(scan(kMany), 1), shuffle(scan(kMany), 2))), false),
              many, {}, many);
  // A broadcast to all below two shuffles.
  expect_rows(
      distributed(gather(shuffle(join(shuffle(scan(kMany), 2), broadcast(scan(kMany), 3)), 1))),
      many, {}, many);
  // A gather above a blocking operator above a shuffle.
  PlanNode top =
      plan::build_top_k(gather(plan::build_top_k(shuffle(scan(kMany), 1), {{0, false, false}}, 9)),
                        {{0, false, false}}, 9);
  expect_rows(distributed(std::move(top)), many, {}, numbers(9, 9));
}

TEST_F(SeatEdge, LimitZeroAndOneAboveThreeStackedShuffles) {
  for (const std::uint64_t limit : {0, 1}) {
    const PlanSpec plan = distributed(
        plan::build_limit(gather(shuffle(shuffle(shuffle(scan(kMany), 3), 2), 1)), limit));
    for (const std::uint16_t seats : {1, 2, 5}) {
      Tables tables(50);
      tables.add(kMany, numbers(50'000, 50'000));
      SeatCrew crew(plan, tables, {seats, seats});
      for (int run = 0; run < 5; ++run) {
        EXPECT_EQ(crew.drain().size(), limit);
        crew.leader().restart();
        EXPECT_TRUE(crew.mesh().quiescent());
        tables.rewind();
      }
      crew.finish();
      EXPECT_TRUE(crew.errors().empty());
      EXPECT_EQ(crew.peer_errors(), 0U);
    }
  }
}

TEST_F(SeatEdge, ManyMoreSeatsThanCores) {
  const PlanSpec plan =
      distributed(gather(grouped(join(shuffle(scan(kMany), 1), broadcast(scan(kFew), 2)))));
  Rows expected;
  for (std::int64_t i = 0; i < 100; ++i) {
    expected.push_back({of(i), of(20)});
  }
  Tables tables(10);
  tables.add(kMany, numbers(2000, 100));
  tables.add(kFew, numbers(100, 100));
  SeatCrew crew(plan, tables, {base::kSeatsMax, base::kSeatsMax, 512});
  EXPECT_EQ(sorted_texts(plan.root.output, crew.drain()), sorted_texts(plan.root.output, expected));
  crew.finish();
  EXPECT_TRUE(crew.errors().empty());
}

TEST_F(SeatEdge, ManyRescansWithBatchesInFlightEndInAWholeRun) {
  const PlanSpec plan =
      distributed(gather(join(shuffle(scan(kMany), 1), broadcast(scan(kFew), 2))), false);
  const Rows many = numbers(3000, 3000);
  for (const std::uint16_t seats : {1, 3}) {
    Tables tables(40);
    tables.add(kMany, many);
    tables.add(kFew, many);
    SeatCrew crew(plan, tables, {seats, seats});
    for (int run = 0; run < 500; ++run) {
      if (run % 3 != 0) {
        ASSERT_NE(crew.leader().pull(), nullptr);
      }
      crew.leader().restart();
      tables.rewind();
    }
    EXPECT_EQ(sorted_texts(plan.root.output, crew.drain()), sorted_texts(plan.root.output, many));
    crew.finish();
    EXPECT_TRUE(crew.errors().empty());
  }
}

TEST_F(SeatEdge, ARescanBeyondTheLastEpochIsAnError) {
  const PlanSpec plan = distributed(gather(shuffle(scan(kMany), 1)));
  Tables tables(40);
  tables.add(kMany, numbers(300, 300));
  SeatCrew crew(plan, tables, {3, 3});
  (void)crew.drain();
  crew.leader().restart();
  tables.rewind();
  crew.mesh().state().query().epoch = exchange::kEpochLast.value() - 1;
  EXPECT_EQ(crew.drain().size(), 300U);
  crew.leader().restart();
  tables.rewind();
  EXPECT_EQ(crew.drain().size(), 300U);
  try {
    crew.leader().restart();
    FAIL() << "an epoch after the last one";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.sqlstate(), "54000");
  }
  crew.finish();
  EXPECT_TRUE(crew.errors().empty());
}

}  // namespace
}  // namespace sluice::engine::testing
