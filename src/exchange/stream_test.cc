// Both ends of a stream together with the control service: rows, laziness, cancel, epochs, failure.
#include <gtest/gtest.h>
#include <map>
#include <optional>

#include "exchange/control_service.h"
#include "exchange/mesh_state.h"
#include "exchange/stream_input.h"
#include "exchange/stream_output.h"
#include "exchange/test_mesh.h"

namespace sluice::exchange {
namespace {

constexpr StreamId kStream{0};
constexpr SeatIndex kWorker{1};
constexpr SeatSet kLeaderOnly = SeatSet::of(kLeaderSeat);
constexpr SeatSet kWorkerOnly = SeatSet::of(kWorker);

// A procedure with an observable side effect: it counts its starts and keeps the output open.
class CountingProcedure final : public StreamProcedure {
 public:
  CountingProcedure(Mesh& mesh, SeatSet consumers) : mesh_(mesh), consumers_(consumers) {}
  void start(StreamId stream, Epoch epoch) override {
    ++starts;
    output.emplace(mesh_, stream, consumers_, epoch);
  }
  unsigned starts = 0;
  std::optional<StreamOutput> output;

 private:
  Mesh& mesh_;
  SeatSet consumers_;
};

class FailingProcedure final : public StreamProcedure {
 public:
  void start(StreamId, Epoch) override {
    throw base::Error(base::ErrorKind::kQuery, "58P01", "no such file");
  }
};

// Leader and one worker, one gather stream that the worker produces.
class GatherTest : public ::testing::Test {
 protected:
  GatherTest()
      : mesh(mesh_config(2, {StreamAudience::kLeader})),
        procedure(mesh[1], kLeaderOnly),
        service(mesh[1], registry) {
    registry.add(kStream, procedure);
  }
  std::unique_ptr<StreamInput> input(Epoch epoch) {
    return std::make_unique<StreamInput>(mesh[0], kStream, kWorkerOnly, epoch, budget);
  }
  HaveState have() {
    return have_in(mesh[0].state().physical(kStream, kWorker, kLeaderSeat).producer_control.have,
                   mesh[0].epoch());
  }
  // The next record as text, or what there was instead.
  std::string next(StreamInput& from) {
    RecordView record;
    switch (from.next(record)) {
      case InputState::kEmpty:
        return "<empty>";
      case InputState::kEnd:
        return "<end>";
      case InputState::kRecord:
        break;
    }
    std::string text = text_of(record.payload);
    from.release();
    return text;
  }
  PushResult push(const std::string& text) {
    return procedure.output->push(kLeaderSeat, bytes_of(text), 1);
  }

  TestMesh mesh;
  base::MemoryBudget budget{std::size_t{1} << 20};
  StreamRegistry registry;
  CountingProcedure procedure;
  ControlService service;
};

TEST_F(GatherTest, RowsArriveInOrderAndThenTheEnd) {
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(service.poll(), 1U);
  EXPECT_EQ(next(*in), "<empty>");
  EXPECT_EQ(push("one"), PushResult::kDone);
  EXPECT_EQ(push("two"), PushResult::kDone);
  procedure.output->finish();
  EXPECT_EQ(next(*in), "one");
  EXPECT_EQ(next(*in), "two");
  EXPECT_EQ(next(*in), "<end>");
}

TEST_F(GatherTest, RegisteringAndPollingRunNothing) {
  EXPECT_EQ(service.poll(), 0U);
  const auto in = input(Epoch(1));
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 0U);
  EXPECT_EQ(mesh[0].counters(kStream, kWorker, kLeaderSeat).starts, 0U);
}

TEST_F(GatherTest, StartingTwiceRunsOnce) {
  const auto in = input(Epoch(1));
  in->start();
  in->start();
  EXPECT_EQ(service.poll(), 1U);
  in->start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 1U);
}

TEST_F(GatherTest, CancelBeforeStartIsAnsweredWithoutRunning) {
  const auto in = input(Epoch(1));
  in->close();
  EXPECT_FALSE(mesh[0].quiescent());
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 0U);
  EXPECT_EQ(have(), HaveState::kClosed);
  EXPECT_TRUE(mesh[0].quiescent());
  in->start();
  EXPECT_EQ(service.poll(), 0U);
}

TEST_F(GatherTest, StartAndCancelSeenTogetherRunNothing) {
  const auto in = input(Epoch(1));
  in->start();
  in->close();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(have(), HaveState::kClosed);
}

TEST_F(GatherTest, StartOfAnOldEpochRunsNothing) {
  mesh[0].advance_epoch();
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 0U);
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(GatherTest, CancelOfAnOldEpochLeavesTheNewOneRunning) {
  const auto old = input(Epoch(1));
  mesh[0].advance_epoch();
  const auto in = input(Epoch(2));
  in->start();
  EXPECT_EQ(service.poll(), 1U);
  old->close();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(push("new"), PushResult::kDone);
  EXPECT_EQ(next(*in), "new");
}

TEST_F(GatherTest, OutputAnswersCancelWhenItIsGone) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  in->close();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(have(), HaveState::kOpen);
  EXPECT_FALSE(mesh[0].quiescent());
  EXPECT_TRUE(procedure.output->all_closed());
  EXPECT_EQ(push("late"), PushResult::kClosed);
  EXPECT_TRUE(procedure.output->reserve(kLeaderSeat, 8).empty());
  EXPECT_FALSE(mesh[0].quiescent());
  procedure.output.reset();
  EXPECT_EQ(have(), HaveState::kClosed);
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(GatherTest, ControlServiceAnswersCancelAfterTheEnd) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  procedure.output->finish();
  procedure.output.reset();
  EXPECT_EQ(next(*in), "<end>");
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(have(), HaveState::kEos);
  EXPECT_FALSE(mesh[0].quiescent());
  in.reset();
  EXPECT_FALSE(mesh[0].quiescent());
  service.poll();
  EXPECT_EQ(have(), HaveState::kClosed);
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(GatherTest, RecordsOfAnOldEpochAreNeverDelivered) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("old one"), PushResult::kDone);
  EXPECT_EQ(push("old two"), PushResult::kDone);
  EXPECT_EQ(next(*in), "old one");
  in.reset();
  procedure.output.reset();
  service.poll();
  ASSERT_TRUE(mesh[0].quiescent());
  mesh[0].advance_epoch();
  in = input(Epoch(2));
  in->start();
  service.poll();
  EXPECT_EQ(next(*in), "<empty>");
  EXPECT_EQ(push("new"), PushResult::kDone);
  procedure.output->finish();
  EXPECT_EQ(next(*in), "new");
  EXPECT_EQ(next(*in), "<end>");
  EXPECT_EQ(mesh[0].counters(kStream, kWorker, kLeaderSeat).starts, 2U);
}

TEST_F(GatherTest, OutputDestroyedUnfinishedFailsTheConsumer) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("half"), PushResult::kDone);
  procedure.output.reset();
  try {
    (void)next(*in);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kPeer);
  }
  in->close();
  service.poll();
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(GatherTest, ProcedureThatFailsFailsItsStreamOnce) {
  StreamRegistry other;
  FailingProcedure failing;
  other.add(kStream, failing);
  ControlService failing_service(mesh[1], other);
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_THROW(failing_service.poll(), base::Error);
  EXPECT_THROW((void)next(*in), base::Error);
  EXPECT_EQ(failing_service.poll(), 0U);
}

TEST_F(GatherTest, DeadProducerFailsTheConsumerAndOwesNothing) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  mesh[0].mark_dead(kWorker);
  mesh[0].mark_dead(kWorker);
  EXPECT_THROW((void)next(*in), base::Error);
  in.reset();
  EXPECT_TRUE(mesh[0].quiescent());
  mesh[0].advance_epoch();
  in = input(Epoch(2));
  in->start();
  EXPECT_THROW((void)next(*in), base::Error);
}

TEST_F(GatherTest, DeadConsumerClosesTheDestinationInEveryEpoch) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  mesh[1].mark_dead(kLeaderSeat);
  EXPECT_EQ(procedure.output->state(kLeaderSeat), DestinationState::kClosed);
  EXPECT_TRUE(mesh[1].query_closed());
  procedure.output.reset();
  EXPECT_TRUE(mesh[1].quiescent());
  mesh[1].advance_epoch();
  EXPECT_TRUE(mesh[1].quiescent());
}

TEST_F(GatherTest, RingIsHandedOutAtStartAndKeptAcrossEpochs) {
  const auto taken = [&] { return mesh[0].state().query().rings_taken.load(); };
  auto in = input(Epoch(1));
  EXPECT_EQ(taken(), 0U);
  in->start();
  EXPECT_EQ(taken(), 1U);
  in.reset();
  service.poll();
  mesh[0].advance_epoch();
  in = input(Epoch(2));
  in->start();
  EXPECT_EQ(taken(), 1U);
}

TEST_F(GatherTest, LargeMessageGoesInChunksAndIsChargedUntilReleased) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  std::string large(50000, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) {
    large[i] = static_cast<char>('a' + i % 26);
  }
  const std::vector<std::byte> bytes = bytes_of(large);
  RecordView record;
  unsigned fulls = 0;
  InputState state = InputState::kEmpty;
  while (procedure.output->push(kLeaderSeat, bytes, 7) == PushResult::kFull) {
    ++fulls;
    state = in->next(record);
    ASSERT_EQ(state, InputState::kEmpty);
  }
  EXPECT_GT(fulls, 5U);
  ASSERT_EQ(in->next(record), InputState::kRecord);
  EXPECT_EQ(text_of(record.payload), large);
  EXPECT_EQ(record.rows, 7U);
  EXPECT_EQ(budget.used_bytes(), large.size());
  in->release();
  EXPECT_EQ(budget.used_bytes(), 0U);
  const StreamCounters counters = mesh[0].counters(kStream, kWorker, kLeaderSeat);
  EXPECT_EQ(counters.records, 1U);
  EXPECT_EQ(counters.rows, 7U);
  EXPECT_EQ(counters.bytes, large.size());
  EXPECT_GT(counters.stalls, 0U);
}

TEST_F(GatherTest, LargeMessageBeyondTheBudgetAbandonsTheRun) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(procedure.output->push(kLeaderSeat, std::vector<std::byte>((1 << 20) + 1), 1),
            PushResult::kFull);
  try {
    (void)next(*in);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kAbandon);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace sluice::exchange
