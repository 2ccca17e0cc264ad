// The edges of a stream's life: start and close in every order and at the worst moment, epochs
// without end, messages that just fit, and such as never will.
#include <atomic>
#include <barrier>
#include <random>
#include <thread>

#include "exchange/test_gather.h"

namespace sluice::exchange {
namespace {

class StreamEdgeTest : public GatherTest {
 protected:
  std::uint64_t want() { return physical().consumer_control.want.load(); }
  /// The producer's last step of an epoch.
  void answer() {
    procedure.output.reset();
    (void)service.poll();
  }
};

TEST_F(StreamEdgeTest, StartingAndClosingAgainSayNothingNew) {
  const auto in = input(Epoch(1));
  in->start();
  const std::uint64_t started = want();
  in->start();
  EXPECT_EQ(want(), started);
  EXPECT_EQ(service.poll(), 1U);
  in->close();
  const std::uint64_t closed = want();
  in->close();
  in->start();
  EXPECT_EQ(want(), closed);
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(procedure.starts, 1U);
  answer();
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(StreamEdgeTest, StartAfterCloseStartsNothing) {
  const auto in = input(Epoch(1));
  in->close();
  in->start();
  EXPECT_FALSE(in->started());
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(next(*in), "<end>");
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(StreamEdgeTest, ManyRescansWithRecordsInFlightDeliverNoOldOne) {
  constexpr std::uint32_t kRescans = 100'000;
  for (std::uint32_t run = 1; run <= kRescans; ++run) {
    const Epoch epoch = mesh[0].epoch();
    ASSERT_EQ(epoch, Epoch(run));
    const auto in = input(epoch);
    in->start();
    ASSERT_EQ(service.poll(), 1U);
    const std::string text = std::to_string(run);
    // Run after run some more stay unread, now and then a ring full of them.
    for (std::uint32_t i = 0; i <= run % 70; ++i) {
      if (push(text) == PushResult::kFull) {
        break;
      }
    }
    ASSERT_EQ(next(*in), text);
    in->close();
    answer();
    ASSERT_TRUE(mesh[0].quiescent());
    mesh[0].advance_epoch();
  }
}

TEST_F(StreamEdgeTest, AfterTheLastEpochNothingRunsAndNothingOldIsRead) {
  mesh[0].state().query().epoch = kEpochLast.value() - 1;
  for (int run = 0; run < 2; ++run) {
    const auto in = input(mesh[0].epoch());
    in->start();
    ASSERT_EQ(service.poll(), 1U);
    ASSERT_EQ(push("read " + std::to_string(run)), PushResult::kDone);
    ASSERT_EQ(push("left over"), PushResult::kDone);
    ASSERT_EQ(next(*in), "read " + std::to_string(run));
    in->close();
    answer();
    ASSERT_TRUE(mesh[0].quiescent());
    mesh[0].advance_epoch();
  }
  ASSERT_EQ(mesh[0].epoch(), kEpochLast);
  const auto in = input(mesh[0].epoch());
  in->start();
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kPeer);
}

TEST_F(StreamEdgeTest, TwoHundredMegabytesPassThroughARingOfFourKilobytes) {
  constexpr std::size_t kBytes = 200'000'000;
  base::MemoryBudget roomy{kBytes};
  StreamInput in(mesh[0], kStream, kWorkerOnly, Epoch(1), roomy);
  in.start();
  service.poll();
  std::vector<std::byte> value(kBytes);
  for (std::size_t i = 0; i < kBytes; i += 997) {
    value[i] = static_cast<std::byte>(i / 997);
  }
  RecordView record;
  PushResult pushed = PushResult::kFull;
  InputState state = InputState::kEmpty;
  while (pushed == PushResult::kFull || state == InputState::kEmpty) {
    if (pushed == PushResult::kFull) {
      pushed = procedure.output->push(kLeaderSeat, value, 1);
    }
    if (state == InputState::kEmpty) {
      state = in.next(record);
    }
  }
  ASSERT_EQ(pushed, PushResult::kDone);
  ASSERT_EQ(state, InputState::kRecord);
  EXPECT_TRUE(std::equal(record.payload.begin(), record.payload.end(), value.begin(), value.end()));
  in.release();
  EXPECT_EQ(roomy.used_bytes(), 0U);
}

TEST(StreamEdge, LargeMessagesOfSeveralProducersArePutTogetherOneByOne) {
  TestMesh mesh(mesh_config(4, {StreamAudience::kLeader}));
  constexpr std::size_t kBytes = 600'000;
  base::MemoryBudget for_one{kBytes};
  StreamInput in(mesh[0], kStream, SeatSet(0b1110), Epoch(1), for_one);
  in.start();
  std::vector<std::unique_ptr<StreamOutput>> outputs;
  std::vector<std::vector<std::byte>> values;
  std::vector<bool> pushed(3, false);
  for (std::uint16_t seat = 1; seat <= 3; ++seat) {
    outputs.push_back(std::make_unique<StreamOutput>(mesh[seat], kStream, kLeaderOnly, Epoch(1)));
    values.emplace_back(kBytes, static_cast<std::byte>(seat));
  }
  for (std::size_t received = 0; received != 3;) {
    for (std::size_t i = 0; i < 3; ++i) {
      pushed[i] = pushed[i] || outputs[i]->push(kLeaderSeat, values[i], 1) == PushResult::kDone;
    }
    RecordView record;
    if (in.next(record) == InputState::kRecord) {
      const std::vector<std::byte>& value = values[record.producer.index() - 1];
      EXPECT_TRUE(
          std::equal(record.payload.begin(), record.payload.end(), value.begin(), value.end()));
      in.release();
      ++received;
    }
  }
  EXPECT_EQ(pushed, std::vector<bool>(3, true));
  EXPECT_EQ(for_one.used_bytes(), 0U);
}

TEST_F(StreamEdgeTest, RecordThatEndsExactlyAtTheRingsEndNeedsNoPad) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  const std::string quarter(procedure.output->record_bytes_max(), 'q');
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(push(quarter), PushResult::kDone);
    }
    EXPECT_EQ(physical().producer.write_position, round * kRingBytesMin);
    EXPECT_EQ(push("no room"), PushResult::kFull);
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(next(*in), quarter);
    }
    EXPECT_EQ(next(*in), "<empty>");
  }
}

/// A close in one thread while the producer comes to its end, or fails, in another: whoever is
/// first, the reader gets all rows or stops, and the epoch ends.
class CloseRaceTest : public GatherTest, public ::testing::WithParamInterface<bool> {
 protected:
  void produce(bool fails) {
    for (int i = 0; i < 3; ++i) {
      (void)push("row");
    }
    if (!fails) {
      procedure.output->finish();
    }
    procedure.output.reset();
  }
  /// Returns whether everything was right.
  bool read_and_close(StreamInput& in, unsigned looks) {
    try {
      for (; looks != 0; --looks) {
        const std::string text = next(in);
        if (text != "row" && text != "<empty>" && text != "<end>") {
          return false;
        }
      }
    } catch (const base::Error& error) {
      if (error.kind() != base::ErrorKind::kPeer || !GetParam()) {
        return false;
      }
    }
    in.close();
    return next(in) == "<end>";
  }
};

TEST_P(CloseRaceTest, EndsTheEpochWhoeverIsFirst) {
  constexpr int kRounds = 4000;
  std::barrier<> begin(2);
  std::barrier<> end(2);
  std::thread producer([&] {
    for (int round = 0; round < kRounds; ++round) {
      begin.arrive_and_wait();
      produce(GetParam());
      (void)service.poll();
      end.arrive_and_wait();
    }
  });
  std::mt19937 random(5);
  int wrong = 0;
  int open = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto in = input(mesh[0].epoch());
    in->start();
    (void)service.poll();  // the producer's thread waits at the barrier
    begin.arrive_and_wait();
    wrong += read_and_close(*in, random() % 8) ? 0 : 1;
    end.arrive_and_wait();
    (void)service.poll();
    open += mesh[0].quiescent() ? 0 : 1;
    mesh[0].advance_epoch();
  }
  producer.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(open, 0);
  EXPECT_EQ(procedure.starts, static_cast<unsigned>(kRounds));
}

INSTANTIATE_TEST_SUITE_P(With, CloseRaceTest, ::testing::Bool(), [](const auto& race) {
  return std::string(race.param ? "Error" : "EndOfStream");
});

}  // namespace
}  // namespace sluice::exchange
