// Queries with a process a seat; the test itself is the postmaster: it starts the seats, and where
// one is killed it plays that seat's exit callback.
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <sched.h>
#include <string>
#include <vector>

#include "exchange/mesh_state.h"
#include "exchange/test_seat.h"
#include "process/child_process.h"
#include "process/futex_waker.h"
#include "process/shared_region.h"

namespace sluice::process {
namespace {

using exchange::Epoch;
using exchange::Mesh;
using exchange::SeatIndex;
using exchange::SeatSet;
using exchange::TestQuery;
using exchange::TestSeat;

constexpr int kServed = 0;     // the query ended, with the right answer where there is one
constexpr int kWrong = 1;      // the answer was wrong
constexpr int kNotNeeded = 3;  // joined too late
constexpr int kPeerGone = 7;   // told that another seat is gone

struct Progress {
  FutexLatches latches;
  std::atomic<std::uint32_t> rows{0};  // sent by all seats
};

class QueryProcessTest : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kSeats = 4;
  QueryProcessTest() : region(exchange::mesh_bytes(config())) {
    Mesh::format(region.bytes(), config());
  }
  static exchange::MeshConfig config() {
    exchange::MeshConfig config;
    config.seats = kSeats;
    config.streams = TestSeat::streams();
    config.ring_bytes = exchange::kRingBytesMin;
    return config;
  }
  TestQuery counting_query() {
    TestQuery query;
    query.rows = 3000;
    query.before_row = [this](std::uint32_t) { progress->rows.fetch_add(1); };
    return query;
  }

  // The leader: seals with every seat of `launched`, wherever it is, and runs `epochs`.
  int lead(SeatSet launched, const TestQuery& query, int epochs) {
    FutexWaker waker(progress->latches, exchange::kLeaderSeat);
    Mesh mesh(region.bytes(), exchange::kLeaderSeat, waker);
    const std::uint64_t members = mesh.seal(launched).size();
    int status = kServed;
    try {
      TestSeat seat(mesh, query);
      for (int i = 0; i < epochs && status == kServed; ++i) {
        const Epoch epoch = mesh.epoch();
        if (seat.pull(1000) != TestSeat::expected(members, query, epoch)) {
          status = kWrong;
        }
        seat.restart();
      }
    } catch (const base::Error& error) {
      status = error.kind() == base::ErrorKind::kPeer ? kPeerGone : kWrong;
    }
    mesh.close_query();
    mesh.mark_dead(exchange::kLeaderSeat);
    return status;
  }
  int work(std::uint16_t index, const TestQuery& query) {
    FutexWaker waker(progress->latches, SeatIndex(index));
    Mesh mesh(region.bytes(), SeatIndex(index), waker);
    if (!mesh.join()) {
      return kNotNeeded;
    }
    int status = kServed;
    try {
      TestSeat(mesh, query).serve();
    } catch (const base::Error& error) {
      status = error.kind() == base::ErrorKind::kPeer ? kPeerGone : kWrong;
      mesh.fail(error.kind(), error.what());
    }
    mesh.mark_dead(SeatIndex(index));
    return status;
  }

  void launch(std::uint16_t index, const std::function<int()>& body) {
    if (children.size() <= index) {
      children.resize(index + 1);
    }
    children[index] = std::make_unique<ChildProcess>(body);
  }
  void launch_leader(SeatSet launched, const TestQuery& query, int epochs = 1) {
    launch(0, [this, launched, query, epochs] { return lead(launched, query, epochs); });
  }
  void launch_worker(std::uint16_t index, const TestQuery& query) {
    launch(index, [this, index, query] { return work(index, query); });
  }
  // What the killed seat's exit callback would have done.
  void bury(std::uint16_t index) {
    FutexWaker waker(progress->latches, SeatIndex(index));
    Mesh(region.bytes(), SeatIndex(index), waker).mark_dead(SeatIndex(index));
  }
  SharedRegion region;
  Shared<Progress> progress;
  std::vector<std::unique_ptr<ChildProcess>> children;
};

TEST_F(QueryProcessTest, EveryEpochIsRightWithEverySeat) {
  const TestQuery query = counting_query();
  launch_leader(SeatSet(15), query, 20);
  for (std::uint16_t i = 1; i < kSeats; ++i) {
    launch_worker(i, query);
  }
  for (const auto& child : children) {
    EXPECT_EQ(child->wait(), kServed);
  }
  EXPECT_EQ(progress->rows, 20U * kSeats * query.rows);
}

TEST_F(QueryProcessTest, LeaderAloneRunsTheSameQuery) {
  launch_leader(SeatSet(1), counting_query(), 3);
  EXPECT_EQ(children[0]->wait(), kServed);
}

TEST_F(QueryProcessTest, FewerSeatsThanPlannedAndALateOneGiveTheSameAnswer) {
  const TestQuery query = counting_query();
  launch_leader(SeatSet(3), query, 3);
  launch_worker(1, query);
  // The leader has ended, so it has sealed.
  EXPECT_EQ(children[0]->wait(), kServed);
  EXPECT_EQ(children[1]->wait(), kServed);
  launch_worker(3, query);
  EXPECT_EQ(children[3]->wait(), kNotNeeded);
}

TEST_F(QueryProcessTest, SeatBuriedBeforeTheSealIsDoneWithout) {
  const TestQuery query = counting_query();
  bury(2);
  launch_leader(SeatSet(7), query, 2);
  launch_worker(1, query);
  EXPECT_EQ(children[0]->wait(), kServed);
  EXPECT_EQ(children[1]->wait(), kServed);
}

TEST_F(QueryProcessTest, SeatsThatComeLongAfterTheSealServe) {
  const TestQuery query = counting_query();
  launch_leader(SeatSet(15), query, 2);
  for (std::uint16_t i = 1; i < kSeats; ++i) {
    children[0]->await_sleep();
    launch_worker(i, query);
  }
  for (const auto& child : children) {
    EXPECT_EQ(child->wait(), kServed);
  }
  EXPECT_EQ(progress->rows, 2U * kSeats * query.rows);
}

TEST_F(QueryProcessTest, SeatThatNeverComesEndsTheQueryOnceItIsBuried) {
  const TestQuery query = counting_query();
  launch_leader(SeatSet(7), query);
  launch_worker(1, query);
  children[0]->await_sleep();
  children[1]->await_sleep();
  bury(2);
  EXPECT_EQ(children[0]->wait(), kPeerGone);
  const int status = children[1]->wait();
  EXPECT_TRUE(status == kPeerGone || status == kServed) << status;
  launch_worker(2, query);
  EXPECT_EQ(children[2]->wait(), kNotNeeded);
}

TEST_F(QueryProcessTest, SeatKilledAtAFaultPointLeavesNobodyHanging) {
  for (const std::uint32_t fatal_row : {0U, 1U, 200U, 2999U}) {
    Mesh::format(region.bytes(), config());
    TestQuery query = counting_query();
    launch_leader(SeatSet(15), query);
    launch_worker(1, query);
    launch_worker(2, query);
    query.before_row = [fatal_row](std::uint32_t row) {
      if (row == fatal_row) {
        raise(SIGKILL);
      }
    };
    launch_worker(3, query);
    EXPECT_EQ(children[3]->wait(), -SIGKILL);
    bury(3);
    EXPECT_EQ(children[0]->wait(), kPeerGone);
    for (const std::uint16_t i : {1, 2}) {
      const int status = children[i]->wait();
      EXPECT_TRUE(status == kPeerGone || status == kServed) << status;
    }
  }
}

TEST_F(QueryProcessTest, AnySeatKilledAtAnyMomentLeavesNobodyHanging) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    Mesh::format(region.bytes(), config());
    progress->rows = 0;
    const TestQuery query = counting_query();
    launch_leader(SeatSet(15), query, 1000);
    for (std::uint16_t i = 1; i < kSeats; ++i) {
      launch_worker(i, query);
    }
    const auto victim = static_cast<std::uint16_t>(random() % kSeats);
    const std::uint32_t rows = random() % 20000;
    while (progress->rows < rows) {
      sched_yield();
    }
    children[victim]->kill(SIGKILL);
    ASSERT_EQ(children[victim]->wait(), -SIGKILL);
    bury(victim);
    for (std::uint16_t i = 0; i < kSeats; ++i) {
      if (i == victim) {
        continue;
      }
      const int status = children[i]->wait();
      ASSERT_TRUE(status == kPeerGone || (status == kServed && i != 0))
          << "seat " << i << " ended with " << status << " in round " << round;
    }
  }
}

TEST_F(QueryProcessTest, SeatsThatWaitForAStoppedPeerUseNoCpuAndGoOnWithIt) {
  TestQuery query = counting_query();
  launch_leader(SeatSet(15), query);
  launch_worker(1, query);
  launch_worker(2, query);
  query.before_row = [](std::uint32_t row) {
    if (row == 700) {
      raise(SIGSTOP);
    }
  };
  launch_worker(3, query);
  children[3]->await_stop();
  const std::vector<std::uint16_t> waiting{0, 1, 2};
  std::vector<std::int64_t> before;
  before.reserve(waiting.size());
  for (const std::uint16_t i : waiting) {
    children[i]->await_sleep();
  }
  for (const std::uint16_t i : waiting) {
    before.push_back(children[i]->cpu_ns());
  }
  usleep(500000);  // the span in which they must do nothing
  for (const std::uint16_t i : waiting) {
    EXPECT_LT(children[i]->cpu_ns() - before[i], 500000) << "seat " << i << " is not idle";
  }
  children[3]->go_on();
  for (const auto& child : children) {
    EXPECT_EQ(child->wait(), kServed);
  }
}

TEST_F(QueryProcessTest, ServingSeatThatNobodyAsksUsesNoCpu) {
  launch_worker(1, counting_query());
  children[1]->await_sleep();
  const std::int64_t before = children[1]->cpu_ns();
  usleep(200000);
  EXPECT_LT(children[1]->cpu_ns() - before, 200000);
  FutexWaker waker(progress->latches, exchange::kLeaderSeat);
  Mesh leader(region.bytes(), exchange::kLeaderSeat, waker);
  leader.seal(SeatSet(2));
  leader.close_query();
  EXPECT_EQ(children[1]->wait(), kServed);
  EXPECT_EQ(progress->rows, 0U);
}

}  // namespace
}  // namespace sluice::process
