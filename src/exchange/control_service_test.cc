#include "exchange/control_service.h"

#include <gtest/gtest.h>

#include "exchange/test_gather.h"

namespace sluice::exchange {
namespace {

using ControlServiceTest = GatherTest;

class FailingProcedure final : public StreamProcedure {
 public:
  void start(StreamId, Epoch) override {
    throw base::Error(base::ErrorKind::kQuery, "58P01", "no such file");
  }
};

class SilentProcedure final : public StreamProcedure {
 public:
  void start(StreamId, Epoch) override {}
};

TEST_F(ControlServiceTest, RegisteringAndPollingRunNothing) {
  EXPECT_EQ(service.poll(), 0U);
  const auto in = input(Epoch(1));
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 0U);
  EXPECT_EQ(mesh[0].counters(kStream, kWorker, kLeaderSeat).starts, 0U);
}

TEST_F(ControlServiceTest, StartingTwiceRunsOnce) {
  const auto in = input(Epoch(1));
  in->start();
  in->start();
  EXPECT_EQ(service.poll(), 1U);
  in->start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 1U);
}

TEST_F(ControlServiceTest, CancelBeforeStartIsAnsweredWithoutRunning) {
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

TEST_F(ControlServiceTest, StartAndCancelSeenTogetherRunNothing) {
  const auto in = input(Epoch(1));
  in->start();
  in->close();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(have(), HaveState::kClosed);
}

TEST_F(ControlServiceTest, StartOfAnOldEpochRunsNothing) {
  mesh[0].advance_epoch();
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 0U);
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(ControlServiceTest, CancelOfAnOldEpochLeavesTheNewOneRunning) {
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

TEST_F(ControlServiceTest, WordOfALaterEpochIsNotAnsweredYet) {
  physical().consumer_control.want = want_word(Epoch(2), WantState::kStart);
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(physical().producer_control.have, 0U);
  mesh[0].advance_epoch();
  EXPECT_EQ(service.poll(), 1U);
}

TEST_F(ControlServiceTest, ControlServiceAnswersCancelAfterTheEnd) {
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

TEST_F(ControlServiceTest, ProcedureThatFailsFailsItsStreamOnce) {
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

TEST_F(ControlServiceTest, ProcedureWithoutAnOutputIsAnError) {
  StreamRegistry other;
  SilentProcedure silent;
  other.add(kStream, silent);
  ControlService silent_service(mesh[1], other);
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(thrown_kind([&] { return silent_service.poll(); }), base::ErrorKind::kInternal);
  EXPECT_EQ(have(), HaveState::kError);
}

TEST_F(ControlServiceTest, StreamOfAFailedSeatIsNotStarted) {
  mesh[1].fail(base::ErrorKind::kQuery, "division by zero");
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kPeer);
}

TEST_F(ControlServiceTest, FailedSeatStillAnswersCancel) {
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(service.poll(), 1U);
  mesh[1].fail(base::ErrorKind::kQuery, "division by zero");
  procedure.output.reset();
  in->close();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(ControlServiceTest, NothingStartsAfterTheQueryIsClosed) {
  const auto in = input(Epoch(1));
  in->start();
  mesh[0].close_query();
  EXPECT_EQ(service.poll(), 0U);
}

TEST_F(ControlServiceTest, StreamWithoutAProcedureIsAnError) {
  StreamRegistry empty;
  ControlService other(mesh[1], empty);
  const auto in = input(Epoch(1));
  EXPECT_EQ(other.poll(), 0U);
  in->start();
  EXPECT_EQ(thrown_kind([&] { return other.poll(); }), base::ErrorKind::kInternal);
  EXPECT_EQ(have(), HaveState::kError);
}

// Two seats; stream 0 is gathered from the fragment that reads stream 1, which reads stream 2.
class CancelTest : public ::testing::Test {
 protected:
  static constexpr SeatSet kBoth = SeatSet(3);
  CancelTest()
      : mesh(mesh_config(
            2, {StreamAudience::kLeader, StreamAudience::kSeats, StreamAudience::kSeats})) {
    for (std::size_t seat = 0; seat < 2; ++seat) {
      registries.push_back(std::make_unique<StreamRegistry>());
      for (std::uint16_t stream = 0; stream < 3; ++stream) {
        const SeatSet consumers = stream == 0 ? kLeaderOnly : kBoth;
        procedures.push_back(std::make_unique<CountingProcedure>(mesh[seat], consumers));
        registries[seat]->add(StreamId(stream), *procedures.back());
        StreamLinks links{consumers, {}, kBoth};
        if (stream < 2) {
          links.inputs.emplace_back(static_cast<std::uint16_t>(stream + 1));
        }
        registries[seat]->link(StreamId(stream), links);
      }
      services.push_back(std::make_unique<ControlService>(mesh[seat], *registries[seat]));
    }
  }
  CountingProcedure& procedure(std::size_t seat, std::size_t stream) {
    return *procedures[seat * 3 + stream];
  }
  StreamInput input(std::size_t seat, std::uint16_t stream) {
    return StreamInput(mesh[seat], StreamId(stream), kBoth, mesh[0].epoch(), budget);
  }
  unsigned poll_all() {
    unsigned starts = 0;
    for (int round = 0; round < 4; ++round) {
      starts += services[0]->poll() + services[1]->poll();
    }
    return starts;
  }

  TestMesh mesh;
  base::MemoryBudget budget{1 << 20};
  std::vector<std::unique_ptr<StreamRegistry>> registries;
  std::vector<std::unique_ptr<CountingProcedure>> procedures;
  std::vector<std::unique_ptr<ControlService>> services;
};

TEST_F(CancelTest, CancelOfTheRootReachesEveryStreamBelowWithoutRunningAny) {
  StreamInput root = input(0, 0);
  root.close();
  EXPECT_EQ(poll_all(), 0U);
  EXPECT_TRUE(mesh[0].quiescent());
  for (const PhysicalStream& stream : mesh[0].state().physicals()) {
    EXPECT_EQ(want_in(stream.consumer_control.want, Epoch(1)), WantState::kClose);
    EXPECT_EQ(have_in(stream.producer_control.have, Epoch(1)), HaveState::kClosed);
  }
}

TEST_F(CancelTest, SeatThatNeverRanItsFragmentDoesNotHoldUpItsProducers) {
  StreamInput root = input(0, 0);
  root.start();
  // Seat 0 sees the START and runs; seat 1 will only see the CLOSE.
  ASSERT_EQ(services[0]->poll(), 1U);
  StreamInput below = input(0, 1);
  below.start();
  root.close();
  ASSERT_EQ(services[0]->poll(), 1U);
  StreamOutput& output = *procedure(0, 1).output;
  EXPECT_EQ(output.state(SeatIndex(1)), DestinationState::kWaiting);
  below.close();
  EXPECT_FALSE(output.all_closed());
  EXPECT_EQ(services[1]->poll(), 0U);
  EXPECT_TRUE(output.all_closed());
  for (const auto& each : procedures) {
    each->output.reset();
  }
  EXPECT_EQ(procedure(1, 0).starts, 0U);
  // The fragment of stream 1 ran in seat 0 alone and closes its own input there.
  { StreamInput lowest = input(0, 2); }
  EXPECT_EQ(poll_all(), 0U);
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(CancelTest, ProcedureRunsOnceWhoeverElseAsksLater) {
  CountingProcedure narrow(mesh[0], kLeaderOnly);
  StreamRegistry registry;
  registry.add(StreamId(2), narrow);
  ControlService service(mesh[0], registry);
  StreamInput first = input(0, 2);
  first.start();
  EXPECT_EQ(service.poll(), 1U);
  StreamInput stranger = input(1, 2);
  stranger.start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(narrow.starts, 1U);
}

TEST_F(CancelTest, StreamThatOneConsumerStillWantsIsNotCancelled) {
  StreamInput first = input(0, 1);
  first.close();
  EXPECT_EQ(poll_all(), 0U);
  StreamInput second = input(1, 1);
  second.start();
  EXPECT_EQ(poll_all(), 2U);
  EXPECT_EQ(procedure(0, 1).output->state(SeatIndex(0)), DestinationState::kClosed);
  EXPECT_EQ(procedure(0, 1).output->state(SeatIndex(1)), DestinationState::kOpen);
  StreamInput lowest = input(0, 2);
  lowest.start();
  EXPECT_EQ(poll_all(), 2U);
}

}  // namespace
}  // namespace sluice::exchange
