#include "engine/scheduler.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "exchange/test_mesh.h"

namespace sluice::engine {
namespace {

class CountedInterrupts final : public Interrupts {
 public:
  void check() override {
    if (++checks == fails_at) {
      throw base::Error(base::ErrorKind::kCancelled, "57014", "cancelled");
    }
  }
  int checks = 0;
  int fails_at = -1;
};

/// Writes its name at each step; ends after `steps`.
class NamedTask final : public Task {
 public:
  NamedTask(std::string name, int steps, std::string& log)
      : name_(std::move(name)), left_(steps), log_(log) {}
  TaskState step(unsigned batches_max) override {
    EXPECT_GT(batches_max, 0U);
    log_ += name_;
    return --left_ == 0 ? TaskState::kDone : TaskState::kProgress;
  }
  void close() override {
    log_ += "-" + name_;
    if (name_ == "x" || name_ == "y") {
      throw base::Error(base::ErrorKind::kInternal, "XX000", "close " + name_);
    }
  }

 private:
  std::string name_;
  int left_;
  std::string& log_;
};

/// Has nothing to do until somebody rang.
class WaitingTask final : public Task {
 public:
  explicit WaitingTask(const bool& ready) : ready_(ready) {}
  TaskState step(unsigned) override { return ready_ ? TaskState::kDone : TaskState::kBlocked; }
  void close() override {}

 private:
  const bool& ready_;
};

/// A latch whose wait() lets the test say what happens meanwhile.
class ScriptedWaker final : public exchange::Waker {
 public:
  void wake(exchange::SeatIndex) noexcept override {}
  void reset() override {}
  void wait() override {
    ++waits;
    meanwhile();
  }
  std::function<void()> meanwhile = [] {};
  int waits = 0;
};

std::vector<std::byte> formatted(const exchange::MeshConfig& config) {
  std::vector<std::byte> memory(exchange::mesh_bytes(config));
  exchange::Mesh::format(memory, config);
  return memory;
}

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() {
    (void)peer_.join();
    scheduler_.watch(mesh_.seal({}));
  }
  void spawn(const char* name, int steps) {
    scheduler_.spawn(std::make_unique<NamedTask>(name, steps, log_));
  }
  void run_to_the_end() {
    scheduler_.run([this] { return scheduler_.idle(); });
  }

  std::vector<std::byte> memory_ = formatted(exchange::mesh_config(2, {}));
  ScriptedWaker waker_;
  exchange::Mesh mesh_{memory_, base::kLeaderSeat, waker_};
  exchange::Mesh peer_{memory_, base::SeatIndex(1), waker_};
  exchange::StreamRegistry registry_;
  exchange::ControlService control_{mesh_, registry_};
  CountedInterrupts interrupts_;
  Scheduler scheduler_{mesh_, control_, interrupts_};
  std::string log_;
};

TEST_F(SchedulerTest, ReadyTasksTakeTurnsAndInterruptsAreSeenEveryRound) {
  spawn("a", 3);
  spawn("b", 1);
  spawn("c", 2);
  run_to_the_end();
  EXPECT_EQ(log_, "abcaca");
  EXPECT_EQ(interrupts_.checks, 3);
  EXPECT_EQ(waker_.waits, 0);
}

TEST_F(SchedulerTest, AStopIsSeenBeforeTheNextTasksStepAndTurnsGoOnAfterIt) {
  spawn("a", 100);
  spawn("b", 100);
  for (int i = 0; i < 4; ++i) {
    const std::size_t length = log_.size();
    scheduler_.run([&] { return log_.size() > length; });
  }
  EXPECT_EQ(log_, "abab");
}

TEST_F(SchedulerTest, WithNothingReadyItSleepsUntilABellRings) {
  bool ready = false;
  scheduler_.spawn(std::make_unique<WaitingTask>(ready));
  waker_.meanwhile = [&] {
    ready = waker_.waits == 3;  // the first wake-ups bring no news
    peer_.ring_all();
  };
  run_to_the_end();
  EXPECT_EQ(waker_.waits, 3);
}

TEST_F(SchedulerTest, OneReadyTaskKeepsItAwake) {
  bool ready = false;
  scheduler_.spawn(std::make_unique<WaitingTask>(ready));
  spawn("a", 5);
  scheduler_.run([this] { return log_.size() == 5; });
  EXPECT_EQ(waker_.waits, 0);
}

TEST_F(SchedulerTest, AnInterruptLeavesTheTasksToBeClosed) {
  spawn("a", 100);
  interrupts_.fails_at = 3;
  EXPECT_THROW(run_to_the_end(), base::Error);
  EXPECT_EQ(log_, "aa");
  EXPECT_FALSE(scheduler_.idle());
  scheduler_.close();
  EXPECT_EQ(log_, "aa-a");
  EXPECT_TRUE(scheduler_.idle());
}

TEST_F(SchedulerTest, AFailedPeerEndsTheRunEvenWhenNoStreamTellsIt) {
  bool ready = false;
  scheduler_.spawn(std::make_unique<WaitingTask>(ready));
  waker_.meanwhile = [&] { peer_.fail(base::ErrorKind::kQuery, "division by zero"); };
  try {
    run_to_the_end();
    FAIL() << "the failure is not seen";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kPeer);
    EXPECT_EQ(error.detail(), "division by zero");
  }
}

TEST_F(SchedulerTest, AFailureFromBeforeTheFirstRoundIsSeen) {
  peer_.fail(base::ErrorKind::kQuery, "early");
  (void)mesh_.take_bells();
  spawn("a", 1);
  EXPECT_THROW(run_to_the_end(), base::Error);
}

TEST_F(SchedulerTest, ADeadMemberIsAnErrorUntilTheQueryIsClosed) {
  const auto ready = std::make_unique<bool>(false);
  scheduler_.spawn(std::make_unique<WaitingTask>(*ready));
  waker_.meanwhile = [&] { peer_.mark_dead(base::SeatIndex(1)); };
  EXPECT_THROW(run_to_the_end(), base::Error);
  mesh_.close_query();
  peer_.ring_all();
  *ready = true;
  EXPECT_NO_THROW(run_to_the_end());
}

TEST_F(SchedulerTest, ClosingClosesAllTasksAndGivesTheFirstError) {
  spawn("a", 9);
  spawn("x", 9);
  spawn("y", 9);
  spawn("b", 9);
  try {
    scheduler_.close();
    FAIL() << "the error is lost";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message(), "close x");
  }
  EXPECT_EQ(log_, "-a-x-y-b");
  EXPECT_NO_THROW(scheduler_.close());
}

}  // namespace
}  // namespace sluice::engine
