// What must not run does not, what is started ends, and failures reach the leader.
#include <gtest/gtest.h>
#include <utility>

#include "base/error.h"
#include "engine/seat_crew.h"
#include "engine/seat_runtime.h"
#include "plan/plan_builder.h"
#include "plan/runtime_filter.h"

namespace sluice::engine::testing {
namespace {

using plan::ExchangeKind;
using plan::kInt4;
using plan::kInt8;
using plan::PlanNode;
using plan::PlanSpec;

constexpr std::uint32_t kNumbers = 1;  // 0, 1, 2, ...
constexpr std::uint32_t kNobody = 2;   // no row

PlanNode scan(std::uint32_t relation) {
  PlanNode node = plan::build_scan("t", {{"k", kInt4}, {"v", kInt4}}, 1000);
  node.as<plan::ScanSpec>()->relation = relation;
  return node;
}

PlanNode exchange(PlanNode input, std::uint16_t stream, ExchangeKind kind) {
  const bool keyed = kind == ExchangeKind::kRedistribute;
  return plan::build_exchange(std::move(input), stream, kind,
                              keyed ? std::vector<std::uint32_t>{0} : std::vector<std::uint32_t>{});
}

PlanNode join(PlanNode probe, PlanNode build) {
  return plan::build_join(std::move(probe), std::move(build), {{0}, {0}}, {0, 3}, 1000);
}

PlanNode count_of(PlanNode input, plan::AggregatePhase phase) {
  PlanNode node = plan::build_aggregate(std::move(input), {},
                                        {{plan::AggregateFunction::kCountStar, 0, kInt8}}, 1);
  node.as<plan::AggregateSpec>()->phase = phase;
  return node;
}

PlanSpec distributed(PlanNode root, std::uint16_t streams, bool leader_computes = true) {
  PlanSpec plan = plan::build_plan(std::move(root));
  plan.stream_count = streams;
  plan.partition_count = 64;
  plan.distributed = true;
  plan.leader_computes = leader_computes;
  return plan;
}

Rows numbers(std::int64_t count) {
  Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.push_back({of(i), of(i * 2)});
  }
  return rows;
}

Tables small_tables(std::int64_t rows = 1000) {
  Tables tables(50);
  tables.add(kNumbers, numbers(rows));
  tables.add(kNobody, {});
  return tables;
}

std::vector<const PlanNode*> scans_of(const PlanNode& node) {
  std::vector<const PlanNode*> found;
  if (node.as<plan::ScanSpec>() != nullptr) {
    found.push_back(&node);
  }
  for (const PlanNode& input : node.inputs) {
    for (const PlanNode* scan : scans_of(input)) {
      found.push_back(scan);
    }
  }
  return found;
}

/// limit <- gather 0 <- redistribute 1 <- redistribute 2 <- scan: far more rows than the rings
/// hold.
PlanSpec stacked(std::uint64_t limit, bool leader_computes) {
  PlanNode node = exchange(scan(kNumbers), 2, ExchangeKind::kRedistribute);
  node = plan::build_filter(std::move(node),
                            plan::compare(plan::Op::kGreaterEqual, plan::column_of(0, kInt4),
                                          plan::Expr::make_integer(0, kInt4)),
                            1000);
  node = exchange(std::move(node), 1, ExchangeKind::kRedistribute);
  node = exchange(std::move(node), 0, ExchangeKind::kGather);
  return distributed(plan::build_limit(std::move(node), limit), 3, leader_computes);
}

TEST(SeatLaziness, ARuntimeThatNobodyPullsOpensNothing) {
  Tables tables = small_tables();
  SeatCrew crew(stacked(1, true), tables, {3, 3});
  crew.finish();
  EXPECT_EQ(tables.opened(), 0U);
  for (std::uint16_t stream = 0; stream < 3; ++stream) {
    EXPECT_EQ(crew.stream(stream).starts, 0U);
  }
  EXPECT_TRUE(crew.errors().empty());
}

// ---- runtime filters across redistributions ----

constexpr std::uint32_t kFew = 3;

/// How many of kNumbers, far more than the rings hold, are among kFew, both redistributed. `v` is
/// twice `k`, so that the sum tells which.
PlanNode count_few() {
  PlanNode few = scan(kFew);
  few.rows_estimated = 100;
  PlanNode joined = join(exchange(scan(kNumbers), 1, ExchangeKind::kRedistribute),
                         exchange(std::move(few), 2, ExchangeKind::kRedistribute));
  joined.rows_estimated = 100;
  PlanNode partial = plan::build_aggregate(std::move(joined), {},
                                           {{plan::AggregateFunction::kCountStar, 0, kInt8},
                                            {plan::AggregateFunction::kMin, 1, kInt4},
                                            {plan::AggregateFunction::kMax, 1, kInt4}},
                                           1);
  partial.as<plan::AggregateSpec>()->phase = plan::AggregatePhase::kPartial;
  PlanNode root = plan::build_aggregate(exchange(std::move(partial), 0, ExchangeKind::kGather), {},
                                        {{plan::AggregateFunction::kCountStar, 0, kInt8},
                                         {plan::AggregateFunction::kMin, 1, kInt4},
                                         {plan::AggregateFunction::kMax, 2, kInt4}},
                                        1);
  root.as<plan::AggregateSpec>()->phase = plan::AggregatePhase::kFinal;
  return root;
}

TEST(SeatFilters, ABuildSideKeepsRowsFromBeingSentToAnySeat) {
  constexpr std::int64_t kRows = 40000;
  for (const std::uint16_t seats : {1, 2, 3, 5}) {
    for (const std::uint16_t came : {seats, std::uint16_t{1}}) {
      Tables tables = small_tables(kRows);
      tables.add(kFew, numbers(40));
      SeatCrew crew(distributed(count_few(), 3), tables, {seats, came});
      const Rows rows = crew.drain();
      ASSERT_EQ(rows.size(), 1U);
      EXPECT_TRUE(rows[0][0].integer == 40);
      EXPECT_TRUE(rows[0][2].integer == 78);
      crew.finish();
      const PlanNode* probed = scans_of(crew.plan().root)[0];
      EXPECT_GT(crew.counters(probed->id).rows_removed_at_run_time, kRows / 2);
      EXPECT_LT(crew.stream(1).rows, kRows / 2);
    }
  }
}

TEST(SeatFilters, EveryEpochHasItsOwnKeys) {
  Tables tables = small_tables(20000);
  tables.add(kFew, numbers(40));
  SeatCrew crew(distributed(count_few(), 3), tables, {3, 3});
  for (std::int64_t epoch = 1; epoch <= 10; ++epoch) {
    const Rows rows = crew.drain();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0][0].integer == 40) << "epoch " << epoch;
    EXPECT_TRUE(rows[0][1].integer == base::Int128{epoch - 1} * 2000) << "epoch " << epoch;
    crew.leader().restart();
    tables.rewind();
    Rows others;
    for (std::int64_t i = 0; i < 40; ++i) {
      others.push_back({of(epoch * 1000 + i), of((epoch * 1000 + i) * 2)});
    }
    tables.add(kFew, std::move(others));
  }
  crew.finish();
  EXPECT_TRUE(crew.errors().empty());
}

/// The v of kFew's numbers among those of `probe`, by k; the keys of kFew are shared.
PlanSpec with_few(PlanNode probe, std::uint16_t streams) {
  PlanNode few = scan(kFew);
  few.rows_estimated = 100;
  PlanNode joined =
      join(std::move(probe), exchange(std::move(few), 1, ExchangeKind::kRedistribute));
  joined.rows_estimated = 100;
  return distributed(exchange(std::move(joined), 0, ExchangeKind::kGather), streams);
}

TEST(SeatFilters, KeysPassOuterJoinsBehindARedistribution) {
  // left, of k and 2k, is joined to every third number: what a filter may remove there is seen in
  // which rows have no partner.
  constexpr std::int64_t kRows = 20000;
  constexpr std::uint32_t kThirds = 4;
  for (const plan::JoinType type : {plan::JoinType::kInner, plan::JoinType::kLeft,
                                    plan::JoinType::kRight, plan::JoinType::kFull}) {
    for (const std::uint16_t seats : {1, 2, 3, 5}) {
      Tables tables = small_tables(kRows);
      Rows thirds;
      for (std::int64_t k = 0; k < 2 * kRows; k += 3) {
        thirds.push_back({of(k), of(-k)});
      }
      tables.add(kThirds, std::move(thirds));
      tables.add(kFew, numbers(40));
      PlanNode paired = plan::build_join(exchange(scan(kNumbers), 3, ExchangeKind::kRedistribute),
                                         exchange(scan(kThirds), 4, ExchangeKind::kRedistribute),
                                         {{0}, {0}}, {0, 3}, 1000, type);
      PlanNode root = exchange(std::move(paired), 2, ExchangeKind::kRedistribute);
      const PlanSpec plan = with_few(std::move(root), 5);
      SeatCrew crew(plan, tables, {seats, seats});
      Rows expected;
      for (std::int64_t k = 0; k < 40; ++k) {
        const bool paired_up = k % 3 == 0;
        const bool comes =
            paired_up || type == plan::JoinType::kLeft || type == plan::JoinType::kFull;
        if (comes) {
          expected.push_back({of(k), of(2 * k)});
        }
      }
      EXPECT_EQ(sorted_texts({kInt4, kInt4}, crew.drain()), sorted_texts({kInt4, kInt4}, expected));
      crew.finish();
      EXPECT_GT(crew.counters(scans_of(crew.plan().root)[0]->id).rows_removed_at_run_time,
                kRows / 2);
      EXPECT_TRUE(crew.errors().empty());
    }
  }
}

TEST(SeatFilters, ABuildSideThatIsLeftOutAddsNoKeys) {
  // The outer join's build side has one row, in one seat: the others leave the inner join's out.
  constexpr std::int64_t kRows = 40000;
  constexpr std::uint32_t kOne = 4;
  for (const std::uint16_t seats : {2, 3, 5}) {
    Tables tables = small_tables(kRows);
    tables.add(kFew, numbers(40));
    tables.add(kOne, {{of(7), of(0)}});
    PlanNode few = scan(kFew);
    few.rows_estimated = 100;
    PlanNode inner = join(exchange(scan(kNumbers), 1, ExchangeKind::kRedistribute),
                          exchange(std::move(few), 2, ExchangeKind::kRedistribute));
    PlanNode outer = join(std::move(inner), exchange(scan(kOne), 3, ExchangeKind::kRedistribute));
    ASSERT_EQ(plan::shared_filters(outer).size(), 1U);  // the outer join's is thought too large
    SeatCrew crew(distributed(exchange(std::move(outer), 0, ExchangeKind::kGather), 4), tables,
                  {seats, seats});
    EXPECT_EQ(crew.drain().size(), 1U);
    crew.finish();
    EXPECT_GT(crew.counters(scans_of(crew.plan().root)[0]->id).rows_removed_at_run_time, kRows / 2);
    EXPECT_TRUE(crew.errors().empty());
  }
}

TEST(SeatLaziness, AnEmptyBuildSideLeavesTheWholeProbeSideAlone) {
  // The probe side holds a join of its own, an aggregate and three streams.
  PlanNode inner = join(exchange(scan(kNumbers), 2, ExchangeKind::kRedistribute),
                        exchange(scan(kNumbers), 3, ExchangeKind::kBroadcast));
  PlanNode grouped = plan::build_aggregate(std::move(inner), {0, 1}, {}, 1000);
  PlanNode outer = join(exchange(std::move(grouped), 1, ExchangeKind::kRedistribute),
                        exchange(scan(kNobody), 4, ExchangeKind::kRedistribute));
  PlanNode root = count_of(exchange(count_of(std::move(outer), plan::AggregatePhase::kPartial), 0,
                                    ExchangeKind::kGather),
                           plan::AggregatePhase::kFinal);
  root.as<plan::AggregateSpec>()->calls[0].column = 0;
  for (const std::uint16_t seats : {1, 2, 3, 5}) {
    Tables tables = small_tables();
    SeatCrew crew(distributed(root, 5), tables, {seats, seats});
    const Rows rows = crew.drain();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0][0].integer == 0);
    crew.finish();
    const std::vector<const PlanNode*> scans = scans_of(crew.plan().root);
    ASSERT_EQ(scans.size(), 3U);
    EXPECT_EQ(tables.of(scans[0]->id).opened, 0U);
    EXPECT_EQ(tables.of(scans[1]->id).opened, 0U);
    EXPECT_EQ(tables.of(scans[2]->id).opened, seats);
    EXPECT_EQ(crew.counters(scans[0]->id).starts, 0U);
    EXPECT_EQ(crew.counters(scans[2]->id).starts, seats);
    for (const std::uint16_t stream : {1, 2, 3}) {
      EXPECT_EQ(crew.stream(stream).starts, 0U) << stream;
    }
    EXPECT_NE(crew.stream(4).starts, 0U);
    EXPECT_TRUE(crew.errors().empty());
  }
}

TEST(SeatLaziness, AnEmptyBuildSideInsideOneFragmentOpensNoProbeScan) {
  PlanNode inner = join(scan(kNumbers), scan(kNumbers));
  PlanNode root = join(std::move(inner), scan(kNobody));
  Tables tables = small_tables();
  SeatCrew crew(plan::build_plan(std::move(root)), tables, {1, 1});
  EXPECT_TRUE(crew.drain().empty());
  EXPECT_EQ(tables.opened(), 1U);
}

TEST(SeatLaziness, LimitCancelsWhatItStartedDownThreeExchanges) {
  constexpr std::int64_t kRows = 200'000;
  for (const bool leader_computes : {true, false}) {
    for (const std::uint16_t seats : {1, 2, 4}) {
      Tables tables = small_tables(kRows);
      SeatCrew crew(stacked(1, leader_computes), tables, {seats, seats});
      EXPECT_EQ(crew.drain().size(), 1U);
      crew.leader().restart();  // returns only once every seat has answered
      EXPECT_TRUE(crew.mesh().quiescent());
      EXPECT_EQ(tables.open_now(), 0);
      const base::NodeId scan = scans_of(crew.plan().root)[0]->id;
      EXPECT_GT(tables.of(scan).opened, 0U);
      EXPECT_LT(tables.of(scan).next_row, static_cast<std::size_t>(kRows));
      crew.finish();
      EXPECT_TRUE(crew.errors().empty());
      EXPECT_EQ(crew.peer_errors(), 0U);
    }
  }
}

TEST(SeatRestart, EveryRunGivesAllRowsAlthoughOthersWereCutShort) {
  constexpr std::int64_t kRows = 20'000;
  PlanNode root = exchange(join(exchange(scan(kNumbers), 1, ExchangeKind::kRedistribute),
                                exchange(scan(kNumbers), 2, ExchangeKind::kRedistribute)),
                           0, ExchangeKind::kGather);
  const PlanSpec plan = distributed(std::move(root), 3, false);
  for (const std::uint16_t seats : {1, 3}) {
    Tables tables = small_tables(kRows);
    SeatCrew crew(plan, tables, {seats, seats});
    for (int run = 0; run < 8; ++run) {
      if (run % 2 == 0) {
        for (int batch = 0; batch < run / 2; ++batch) {
          EXPECT_NE(crew.leader().pull(), nullptr);
        }
      } else {
        std::set<base::Int128> seen;
        for (const Row& row : crew.drain()) {
          EXPECT_TRUE(row[1].integer == row[0].integer * 2);
          EXPECT_TRUE(seen.insert(row[0].integer).second);
        }
        EXPECT_EQ(seen.size(), static_cast<std::size_t>(kRows));
      }
      crew.leader().restart();
      tables.rewind();
    }
    crew.finish();
    EXPECT_TRUE(crew.errors().empty());
    EXPECT_EQ(crew.peer_errors(), 0U);
  }
}

TEST(SeatFailure, AWorkersErrorReachesTheLeaderAsAPeers) {
  for (const bool leader_computes : {true, false}) {
    Tables tables = small_tables(200'000);
    SeatCrew crew(stacked(1'000'000, leader_computes), tables, {4, 4});
    tables.of(scans_of(crew.plan().root)[0]->id).fails = true;
    try {
      (void)crew.drain();
      FAIL() << "the leader has not noticed";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kPeer);
    }
    // A failure of ours by now: what PostgreSQL's leader does after any error.
    crew.mesh().fail(base::ErrorKind::kPeer, "");
    crew.finish();
    ASSERT_FALSE(crew.errors().empty());
    EXPECT_EQ(crew.errors()[0], "division by zero");
    EXPECT_EQ(crew.mesh().first_error().message, "division by zero");
  }
}

/// Seat 2 gives the run up in its build side of `join` once seat 1 has sent rows to the leader.
void expect_given_up_before_the_first_row(PlanNode root, std::uint16_t streams,
                                          std::size_t build_scan, bool leader_computes = false) {
  Tables tables = small_tables(2000);
  SeatCrew crew(distributed(std::move(root), streams, leader_computes), tables, {3, 3});
  exchange::Mesh& mesh = crew.mesh();
  tables.of(scans_of(crew.plan().root)[build_scan]->id).before_rows = [&mesh](
                                                                          base::SeatIndex seat) {
    // All rows are seat 1's, so that it has some to send.
    if (seat == base::SeatIndex(1)) {
      return;
    }
    while (mesh.counters(base::StreamId(0), base::SeatIndex(1), base::kLeaderSeat).records == 0) {
      std::this_thread::yield();
    }
    if (seat == base::SeatIndex(2)) {
      base::throw_abandon("out of work_mem");
    }
  };
  EXPECT_THROW((void)crew.leader().pull(), base::Error);
  EXPECT_EQ(mesh.first_error().kind, base::ErrorKind::kAbandon);
  mesh.fail(base::ErrorKind::kPeer, "");
  crew.finish();
}

TEST(SeatFailure, NoRowGoesOutWhileABuildSideMayGiveUp) {
  // Each seat builds from what it scans itself, so that seat 1 does not wait for seat 2.
  PlanNode root = exchange(join(scan(kNumbers), scan(kNumbers)), 0, ExchangeKind::kGather);
  expect_given_up_before_the_first_row(std::move(root), 1, 1);
}

TEST(SeatFailure, NoRowGoesOutWhileABuildSideMayGiveUpBesideALeaderThatComputes) {
  PlanNode root = exchange(join(scan(kNumbers), scan(kNumbers)), 0, ExchangeKind::kGather);
  expect_given_up_before_the_first_row(std::move(root), 1, 1, true);
}

TEST(SeatFailure, NoRowGoesOutWhileABuildSideBelowAnotherStreamMayGiveUp) {
  PlanNode below = exchange(join(scan(kNumbers), scan(kNumbers)), 1, ExchangeKind::kRedistribute);
  PlanNode root =
      exchange(plan::build_filter(std::move(below),
                                  plan::compare(plan::Op::kGreaterEqual, plan::column_of(0, kInt4),
                                                plan::Expr::make_integer(0, kInt4)),
                                  1000),
               0, ExchangeKind::kGather);
  expect_given_up_before_the_first_row(std::move(root), 2, 1);
}

TEST(SeatFailure, TheLeadersOwnErrorStopsTheWorkers) {
  Tables tables = small_tables(200'000);
  SeatCrew crew(stacked(1'000'000, true), tables, {3, 3});
  tables.of(scans_of(crew.plan().root)[0]->id).fails_leader = true;
  try {
    (void)crew.drain();
    FAIL() << "the error is lost";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kQuery);
    EXPECT_EQ(error.message(), "division by zero");
    crew.mesh().fail(error.kind(), error.message());
  }
  crew.finish();  // joins the workers
  EXPECT_TRUE(crew.errors().empty());
}

TEST(SeatFailure, ASeatThatVanishesEndsTheQuery) {
  Tables tables = small_tables(200'000);
  SeatCrew crew(stacked(1'000'000, false), tables, {3, 3});
  EXPECT_NE(crew.leader().pull(), nullptr);
  crew.mesh().mark_dead(base::SeatIndex(2));  // as its exit callback would
  EXPECT_THROW((void)crew.drain(), base::Error);
  crew.mesh().fail(base::ErrorKind::kPeer, "");
  crew.finish();
}

TEST(SeatClose, ClosingInTheMiddleOfAResultIsQuietAndFinal) {
  for (const bool leader_computes : {true, false}) {
    Tables tables = small_tables(200'000);
    SeatCrew crew(stacked(1'000'000, leader_computes), tables, {3, 3});
    EXPECT_NE(crew.leader().pull(), nullptr);
    crew.leader().close();
    crew.leader().close();
    EXPECT_TRUE(crew.mesh().query_closed());
    crew.finish();
    EXPECT_TRUE(crew.errors().empty());
    EXPECT_EQ(crew.peer_errors(), 0U);
  }
}

TEST(SeatCounters, NodesCountWhatTheyHandToTheirParents) {
  constexpr std::int64_t kRows = 5000;
  PlanNode root = exchange(join(exchange(scan(kNumbers), 1, ExchangeKind::kRedistribute),
                                exchange(scan(kNumbers), 2, ExchangeKind::kBroadcast)),
                           0, ExchangeKind::kGather);
  Tables tables = small_tables(kRows);
  SeatCrew crew(distributed(std::move(root), 3), tables, {3, 3});
  EXPECT_EQ(crew.drain().size(), static_cast<std::size_t>(kRows));
  crew.finish();
  const PlanNode& gather = crew.plan().root;
  const PlanNode& joined = gather.inputs[0];
  EXPECT_EQ(crew.counters(gather.id).rows, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(crew.counters(gather.id).starts, 1U);
  EXPECT_EQ(crew.counters(joined.id).rows, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(crew.counters(joined.id).starts, 3U);
  EXPECT_EQ(crew.counters(joined.inputs[0].id).rows, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(crew.counters(joined.inputs[1].id).rows, static_cast<std::uint64_t>(3 * kRows));
  EXPECT_EQ(crew.counters(joined.inputs[0].inputs[0].id).rows, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(crew.stream(1).rows, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(crew.stream(2).rows, static_cast<std::uint64_t>(3 * kRows));
}

}  // namespace
}  // namespace sluice::engine::testing
