#include "exchange/stream_input.h"

#include <cstring>
#include <gtest/gtest.h>

#include "exchange/test_gather.h"

namespace sluice::exchange {
namespace {

using StreamInputTest = GatherTest;

TEST_F(StreamInputTest, RowsArriveInOrderAndThenTheEnd) {
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

TEST_F(StreamInputTest, RecordsOfAnOldEpochAreNeverDelivered) {
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

TEST_F(StreamInputTest, OutputDestroyedUnfinishedFailsTheConsumer) {
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

TEST_F(StreamInputTest, DeadProducerFailsTheConsumerAndOwesNothing) {
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

TEST_F(StreamInputTest, RingIsHandedOutAtStartAndKeptAcrossEpochs) {
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

TEST_F(StreamInputTest, LargeMessageBeyondTheBudgetAbandonsTheRun) {
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

TEST_F(StreamInputTest, InputOfNoProducersIsAtItsEnd) {
  StreamInput in(mesh[0], kStream, SeatSet(), Epoch(1), budget);
  in.start();
  EXPECT_EQ(next(in), "<end>");
}

TEST_F(StreamInputTest, ReadingBeforeTheStartIsAnError) {
  const auto in = input(Epoch(1));
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kInternal);
}

TEST_F(StreamInputTest, ReadingUnderALeaseIsAnError) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("a"), PushResult::kDone);
  RecordView record;
  ASSERT_EQ(in->next(record), InputState::kRecord);
  EXPECT_EQ(thrown_kind([&] { return in->next(record); }), base::ErrorKind::kInternal);
}

TEST_F(StreamInputTest, ReadingAfterCloseEnds) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("a"), PushResult::kDone);
  in->close();
  in->close();
  EXPECT_EQ(next(*in), "<end>");
}

TEST_F(StreamInputTest, StreamThatDoesNotLeadHereIsRefused) {
  EXPECT_EQ(thrown_kind([&] {
              return StreamInput(mesh[1], kStream, kWorkerOnly, Epoch(1), budget).started();
            }),
            base::ErrorKind::kInternal);
  EXPECT_EQ(thrown_kind([&] {
              return StreamInput(mesh[0], StreamId(1), kWorkerOnly, Epoch(1), budget).started();
            }),
            base::ErrorKind::kInternal);
}

TEST_F(StreamInputTest, EndIsReportedOnlyAfterEverythingWasRead) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("last"), PushResult::kDone);
  procedure.output->finish();
  procedure.output.reset();
  EXPECT_EQ(next(*in), "last");
  EXPECT_EQ(next(*in), "<end>");
  EXPECT_EQ(next(*in), "<end>");
}

TEST_F(StreamInputTest, SeatThatFailsAfterTheEndStillFailsTheConsumer) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("row"), PushResult::kDone);
  procedure.output->finish();
  EXPECT_TRUE(mesh[1].fail(base::ErrorKind::kQuery, "late"));
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kPeer);
}

TEST_F(StreamInputTest, InputOfAnEpochThatIsOverIsCancelled) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  mesh[0].advance_epoch();
  const auto later = input(Epoch(2));
  later->start();
  service.poll();
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kCancelled);
}

TEST_F(StreamInputTest, ScribbledRecordIsCorruptNotACrash) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(push("row"), PushResult::kDone);
  const auto ring = mesh[0].state().ring_of(physical());
  ASSERT_TRUE(ring.has_value());
  std::memset(ring->bytes.data(), 0xFF, sizeof(RecordHeader));
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kCorrupt);
  in->close();
}

TEST_F(StreamInputTest, ScribbledAnswerIsCorruptNotAPeersFailure) {
  for (const std::uint64_t answer : {have_word(Epoch(1), HaveState::kClosed) + 1,
                                     have_word(Epoch(2), HaveState::kOpen), ~std::uint64_t{0}}) {
    physical().producer_control.have = answer;
    const auto in = input(Epoch(1));
    in->start();
    EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kCorrupt);
  }
}

TEST_F(StreamInputTest, WholeRecordWithinALargeMessageIsCorrupt) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  const auto ring = mesh[0].state().ring_of(physical());
  ASSERT_TRUE(ring.has_value());
  RingWriter writer(*ring, Epoch(1));
  std::byte* payload = nullptr;
  ASSERT_EQ(writer.reserve(8, payload), RingSpace::kGranted);
  writer.commit({RecordKind::kChunk, 0, 16, 0});
  ASSERT_EQ(writer.reserve(8, payload), RingSpace::kGranted);
  writer.commit({RecordKind::kWhole, 1, 8, 0});
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kCorrupt);
}

TEST_F(StreamInputTest, RegionWithoutARingLeftIsCorrupt) {
  mesh[0].state().query().rings_taken = 2;
  const auto in = input(Epoch(1));
  in->start();
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kCorrupt);
}

TEST_F(StreamInputTest, ProducerThatStallsWithinALargeMessageIsRungForItsChunks) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  ASSERT_EQ(procedure.output->push(kLeaderSeat, std::vector<std::byte>(20000), 1),
            PushResult::kFull);
  (void)mesh[1].take_bells();
  EXPECT_EQ(next(*in), "<empty>");
  EXPECT_TRUE(mesh[1].take_bells());
}

TEST_F(StreamInputTest, ProducerThatStallsBehindAnOldEpochIsRungWhenThatIsDropped) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  while (push("old") == PushResult::kDone) {
  }
  in.reset();
  procedure.output.reset();
  mesh[0].advance_epoch();
  in = input(Epoch(2));
  in->start();
  service.poll();
  ASSERT_EQ(push("new"), PushResult::kFull);
  (void)mesh[1].take_bells();
  EXPECT_EQ(next(*in), "<empty>");
  EXPECT_TRUE(mesh[1].take_bells());
}

TEST_F(StreamInputTest, LargeMessageCutOffByTheEndIsCorrupt) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(procedure.output->push(kLeaderSeat, std::vector<std::byte>(20000), 1),
            PushResult::kFull);
  EXPECT_EQ(next(*in), "<empty>");
  EXPECT_EQ(budget.used_bytes(), 20000U);
  procedure.output->finish();
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kCorrupt);
  in->close();
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace sluice::exchange
