// A whole query with a process a seat: at every fault point a seat is killed, stopped, or exits.
// The test is the postmaster: it starts the seats and plays the exit callback of a killed one.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <sched.h>
#include <string>
#include <vector>

#include "engine/seat_crew.h"
#include "engine/shared_key_sets.h"
#include "exchange/mesh_dump.h"
#include "plan/plan_builder.h"
#include "process/child_process.h"
#include "process/futex_waker.h"
#include "process/shared_region.h"
#include "storm/seat_faults.h"

namespace sluice::storm {
namespace {

using base::SeatIndex;
using engine::SeatRuntime;
using engine::testing::Rows;
using exchange::Mesh;
using plan::ExchangeKind;
using plan::PlanNode;
using process::ChildProcess;
using process::FutexWaker;

constexpr int kServed = 0;    // the query ended, with the right rows where there are any
constexpr int kWrong = 1;     // the rows were wrong
constexpr int kExited = 5;    // at the fault point
constexpr int kPeerGone = 7;  // told that another seat is gone
constexpr std::uint16_t kSeats = 4;
constexpr std::int64_t kRows = 1500;

enum class Blow : std::uint8_t { kKill, kExit, kStop };

struct Strike {
  FaultPoint point = FaultPoint::kCount;
  std::uint16_t seat = 0;
  Blow blow = Blow::kKill;
  std::uint64_t nth = 1;
};

/// In memory of all seats.
struct Board {
  process::FutexLatches latches;
  std::atomic<std::uint32_t> struck{0};
};

// Of this process, once it is a seat.
const Strike* own_strike = nullptr;
Mesh* own_mesh = nullptr;
Board* own_board = nullptr;
std::uint64_t own_passages = 0;

/// The process's fault handler.
void strike_once(FaultPoint point, bool) {
  if (own_strike == nullptr || own_strike->point != point || ++own_passages != own_strike->nth) {
    return;
  }
  own_board->struck.store(1);
  switch (own_strike->blow) {
    case Blow::kKill:
      raise(SIGKILL);
      break;
    case Blow::kExit:
      // As the server's exit callback does, in the middle of whatever the seat was about.
      own_mesh->mark_dead(own_mesh->self());
      _exit(kExited);
    case Blow::kStop:
      raise(SIGSTOP);
      break;
  }
}

PlanNode numbers(double rows_estimated) {
  PlanNode scan = plan::build_scan("t", {{"k", plan::kInt4}, {"v", plan::kInt4}}, rows_estimated);
  scan.as<plan::ScanSpec>()->relation = 1;
  return scan;
}

/// Joins the numbers, shuffled, to the numbers, broadcast or shuffled, and gathers the pairs. The
/// build side is taken for so small that its keys are shared with the seats that scan.
plan::PlanSpec pairs(ExchangeKind build) {
  const std::vector<std::uint32_t> key{0};
  const bool keyed = build == ExchangeKind::kRedistribute;
  PlanNode node = plan::build_join(
      plan::build_exchange(numbers(1000), 1, ExchangeKind::kRedistribute, key),
      plan::build_exchange(numbers(100), 2, build, keyed ? key : std::vector<std::uint32_t>()),
      {{0}, {0}}, {0, 3}, 1000);
  plan::PlanSpec plan =
      plan::build_plan(plan::build_exchange(std::move(node), 0, ExchangeKind::kGather));
  plan.stream_count = 3;
  plan.partition_count = 64;
  plan.distributed = true;
  plan.leader_computes = true;
  return plan;
}

/// The rows (n, 2n), all of them in every seat: processes have no cursor in common here.
class Numbers final : public engine::Source {
 public:
  engine::SourceState next(vector::Batch& out) override {
    if (next_ == kRows) {
      return engine::SourceState::kEnd;
    }
    Rows rows;
    for (const std::int64_t end = std::min(kRows, next_ + 100); next_ < end; ++next_) {
      rows.push_back({engine::testing::of(next_), engine::testing::of(next_ * 2)});
    }
    batch_.emplace(engine::testing::Types{plan::kInt4, plan::kInt4}, rows, false);
    out = batch_->get();
    return engine::SourceState::kBatch;
  }
  void close() override { batch_.reset(); }

 private:
  std::int64_t next_ = 0;
  std::optional<engine::testing::OwnedBatch> batch_;
};

class NumbersSources final : public engine::SourceFactory {
 public:
  std::unique_ptr<engine::Source> open_scan(const PlanNode&, std::vector<engine::ScanFilter>,
                                            base::MemoryBudget&) override {
    return std::make_unique<Numbers>();
  }
  std::unique_ptr<engine::Source> open_plan_input(const PlanNode&, base::MemoryBudget&) override {
    return std::make_unique<Numbers>();
  }
};

class ProcessStorm : public ::testing::Test {
 protected:
  ProcessStorm()
      : region_(exchange::mesh_bytes(config())),
        key_sets_(engine::SharedKeySets::bytes_for(plan_)) {
    base::set_fault_handler(&strike_once);
  }
  ~ProcessStorm() override { base::set_fault_handler(nullptr); }
  ProcessStorm(const ProcessStorm&) = delete;
  ProcessStorm& operator=(const ProcessStorm&) = delete;

  void launch(const Strike& strike, const Strike* other = nullptr) {
    Mesh::format(region_.bytes(), config());
    engine::SharedKeySets::format(plan_, key_sets_.bytes());
    board_->struck = 0;
    for (auto& latch : board_->latches.set) {
      latch = 0;
    }
    for (std::uint16_t seat = 0; seat < kSeats; ++seat) {
      children_[seat] = std::make_unique<ChildProcess>([this, seat, &strike, other] {
        FutexWaker waker(board_->latches, SeatIndex(seat));
        Mesh mesh(region_.bytes(), SeatIndex(seat), waker);
        own_board = &*board_;
        own_mesh = &mesh;
        own_strike = seat == strike.seat ? &strike : other;
        if (own_strike != nullptr && own_strike->seat != seat) {
          own_strike = nullptr;
        }
        SLUICE_FAULT_POINT(kWorkerStart);
        const int status = run_seat(mesh);
        mesh.mark_dead(SeatIndex(seat));
        return status;
      });
    }
  }
  /// What the exit callback of a killed seat would have done.
  void bury(std::uint16_t seat) {
    FutexWaker waker(board_->latches, SeatIndex(seat));
    Mesh(region_.bytes(), SeatIndex(seat), waker).mark_dead(SeatIndex(seat));
  }
  std::string describe() {
    FutexWaker waker(board_->latches, base::kLeaderSeat);
    Mesh mesh(region_.bytes(), base::kLeaderSeat, waker);
    return exchange::dump_mesh(mesh);
  }

  /// Survivors are told or are served; the leader's rows, if it is served, were right.
  void expect_survivors_end(const Strike& strike) {
    for (std::uint16_t seat = 0; seat < kSeats; ++seat) {
      if (seat != strike.seat) {
        const int status = children_[seat]->wait();
        EXPECT_TRUE(status == kServed || status == kPeerGone)
            << "seat " << seat << " ended with " << status << "\n"
            << describe();
      }
    }
  }

  /// Returns whether the seat passed the point at all.
  bool die_at(const Strike& strike) {
    launch(strike);
    const int status = children_[strike.seat]->wait();
    const bool struck = board_->struck != 0;
    if (struck) {
      EXPECT_EQ(status, strike.blow == Blow::kKill ? -SIGKILL : kExited);
      bury(strike.seat);  // also where it has done so itself, and perhaps only half
      expect_survivors_end(strike);
    } else {
      EXPECT_EQ(status, kServed);
      expect_survivors_end(strike);
    }
    return struck;
  }

  bool stop_at(const Strike& strike) {
    launch(strike);
    const bool struck = children_[strike.seat]->stops_before_its_end();
    if (struck) {
      for (int i = 0; i < 100; ++i) {
        sched_yield();  // the others come as far as they can, or not
      }
      children_[strike.seat]->go_on();
    }
    for (std::uint16_t seat = 0; seat < kSeats; ++seat) {
      EXPECT_EQ(children_[seat]->wait(), kServed) << "seat " << seat << "\n" << describe();
    }
    return struck;
  }

  /// Every point but the server's, in every seat, early and late in the query.
  template <typename Attempt>
  void for_points(Attempt attempt, Blow blow) {
    const std::vector<std::uint64_t> early{1, 3, 20};
    const std::vector<std::uint64_t> all{1, 2, 3, 4, 5, 7, 10, 15, 25, 40, 80, 160, 320, 640};
    const char* seeds = std::getenv("SLUICE_STORM_SEEDS");
    const bool every = seeds != nullptr && std::strtoull(seeds, nullptr, 10) >= 1000;
    for (std::size_t i = 0; i < kPoints; ++i) {
      const auto point = static_cast<FaultPoint>(i);
      if (only_in_the_server(point)) {
        continue;
      }
      bool struck = false;
      for (std::uint16_t seat = 0; seat < kSeats; ++seat) {
        for (const std::uint64_t nth : every ? all : early) {
          SCOPED_TRACE(std::string(base::name_of(point)) + " in seat " + std::to_string(seat) +
                       ", passage " + std::to_string(nth));
          struck = attempt({point, seat, blow, nth}) || struck;
          ASSERT_FALSE(HasFailure());
        }
      }
      EXPECT_TRUE(struck) << base::name_of(point) << " was never passed";
    }
  }
  void die_everywhere(Blow blow) {
    for_points([this](const Strike& strike) { return die_at(strike); }, blow);
  }

  plan::PlanSpec plan_ = pairs(ExchangeKind::kBroadcast);
  std::unique_ptr<ChildProcess> children_[kSeats];

 private:
  exchange::MeshConfig config() const {
    return engine::testing::SeatCrew::config_for(plan_, {kSeats, kSeats, exchange::kRingBytesMin});
  }

  int run_seat(Mesh& mesh) {
    NumbersSources sources;
    engine::testing::NoInterrupts interrupts;
    std::vector<engine::NodeCounters> counters(plan_.node_count);
    engine::SeatOptions options;
    options.counters = counters;
    options.key_sets = key_sets_.bytes();
    std::unique_ptr<SeatRuntime> runtime;
    int status = kServed;
    try {
      enter(mesh);
      runtime = std::make_unique<SeatRuntime>(plan_, mesh, sources, interrupts, options);
      if (mesh.self() == base::kLeaderSeat) {
        status = pull_twice(*runtime, mesh) ? kServed : kWrong;
      } else {
        runtime->serve();
      }
    } catch (const base::Error& error) {
      mesh.fail(error.kind(), error.message());
      status = error.kind() == base::ErrorKind::kPeer ? kPeerGone : kWrong;
    }
    if (mesh.self() == base::kLeaderSeat) {
      mesh.close_query();
    }
    if (runtime != nullptr) {
      runtime->close();
    }
    return status;
  }

  static void enter(Mesh& mesh) {
    SLUICE_FAULT_POINT(kWorkerAttached);
    if (mesh.self() == base::kLeaderSeat) {
      mesh.seal(exchange::first_seats(kSeats));
      return;
    }
    (void)mesh.join();
    while (!mesh.sealed() && !mesh.query_closed()) {
      if (!mesh.take_bells()) {
        mesh.park();
      }
    }
    if (!mesh.sealed()) {
      throw base::Error(base::ErrorKind::kPeer, "XX000", "the query is over");
    }
  }

  /// The first run is cut short after a batch.
  static bool pull_twice(SeatRuntime& leader, Mesh& mesh) {
    (void)leader.pull();
    leader.restart();
    std::uint64_t rows = 0;
    bool right = true;
    while (const vector::Batch* batch = leader.pull()) {
      Rows read;
      engine::testing::read_batch(*batch, read);
      for (const engine::testing::Row& row : read) {
        right = right && row[1].integer == row[0].integer * 2;
      }
      rows += read.size();
    }
    const std::uint64_t seats = mesh.members().size();
    return right && rows == kRows * seats * seats;
  }

  process::SharedRegion region_;
  process::SharedRegion key_sets_;
  process::Shared<Board> board_;
};

TEST_F(ProcessStorm, UndisturbedSeatsServe) {
  EXPECT_FALSE(die_at({FaultPoint::kCount, 1, Blow::kKill}));
}

TEST_F(ProcessStorm, AnySeatKilledAtAnyPointLeavesNobodyHanging) { die_everywhere(Blow::kKill); }

TEST_F(ProcessStorm, AnySeatThatExitsAtAnyPointLeavesNobodyHanging) { die_everywhere(Blow::kExit); }

TEST_F(ProcessStorm, AnySeatStoppedAtAnyPointIsWaitedFor) {
  for_points([this](const Strike& strike) { return stop_at(strike); }, Blow::kStop);
}

TEST_F(ProcessStorm, SeatKilledBetweenLaunchAndJoinEndsTheQueryOnceItIsBuried) {
  for (const FaultPoint point : {FaultPoint::kWorkerStart, FaultPoint::kWorkerAttached}) {
    const Strike strike{point, 2, Blow::kKill};
    launch(strike);
    EXPECT_EQ(children_[2]->wait(), -SIGKILL);
    children_[0]->await_sleep();  // sealed, and waits for what it has asked of the dead seat
    bury(2);
    EXPECT_EQ(children_[0]->wait(), kPeerGone) << describe();
    for (const std::uint16_t seat : {1, 3}) {
      const int status = children_[seat]->wait();
      EXPECT_TRUE(status == kPeerGone || status == kServed) << status << describe();
    }
  }
}

TEST_F(ProcessStorm, SeatBuriedBeforeTheSealIsDoneWithout) {
  const Strike strike{FaultPoint::kWorkerJoined, 2, Blow::kKill};
  const Strike late{FaultPoint::kWorkerAttached, 0, Blow::kStop};  // the leader, before it seals
  launch(strike, &late);
  EXPECT_EQ(children_[2]->wait(), -SIGKILL);
  ASSERT_TRUE(children_[0]->stops_before_its_end());
  bury(2);
  children_[0]->go_on();
  for (const std::uint16_t seat : {0, 1, 3}) {
    EXPECT_EQ(children_[seat]->wait(), kServed) << describe();
  }
}

TEST_F(ProcessStorm, OneStoppedConsumerOfABroadcastHoldsTheOthersAsleepNotSpinning) {
  Strike strike{FaultPoint::kRecordLeased, 3, Blow::kStop};
  launch(strike);
  ASSERT_TRUE(children_[3]->stops_before_its_end());
  std::int64_t before[3];
  for (const std::uint16_t seat : {0, 1, 2}) {
    children_[seat]->await_sleep();
  }
  for (const std::uint16_t seat : {0, 1, 2}) {
    before[seat] = children_[seat]->cpu_ns();
  }
  usleep(300000);  // the span in which they must do nothing
  for (const std::uint16_t seat : {0, 1, 2}) {
    EXPECT_LT(children_[seat]->cpu_ns() - before[seat], 500000) << "seat " << seat;
  }
  children_[3]->go_on();
  for (const auto& child : children_) {
    EXPECT_EQ(child->wait(), kServed) << describe();
  }
}

}  // namespace
}  // namespace sluice::storm
