#include "exchange/stream_output.h"

#include <cstring>
#include <gtest/gtest.h>

#include "exchange/test_gather.h"

namespace sluice::exchange {
namespace {

using StreamOutputTest = GatherTest;

TEST_F(StreamOutputTest, OutputAnswersCancelWhenItIsGone) {
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

TEST_F(StreamOutputTest, DeadConsumerClosesTheDestinationInEveryEpoch) {
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

TEST_F(StreamOutputTest, LargeMessageGoesInChunksAndIsChargedUntilReleased) {
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

TEST_F(StreamOutputTest, ReservedRecordIsWrittenInPlace) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  const std::span<std::byte> space = procedure.output->reserve(kLeaderSeat, 5);
  ASSERT_EQ(space.size(), 5U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(space.data()) % 16, 0U);
  EXPECT_EQ(next(*in), "<empty>");
  std::memcpy(space.data(), "hello", 5);
  procedure.output->commit(kLeaderSeat, 3);
  RecordView record;
  ASSERT_EQ(in->next(record), InputState::kRecord);
  EXPECT_EQ(text_of(record.payload), "hello");
  EXPECT_EQ(record.payload.data(), space.data());
  EXPECT_EQ(record.rows, 3U);
  EXPECT_EQ(record.producer, kWorker);
}

TEST_F(StreamOutputTest, QuarterOfTheRingIsOneRecordAndAByteMoreIsChunks) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  const std::size_t limit = procedure.output->record_bytes_max();
  EXPECT_EQ(limit, kRingBytesMin / 4 - sizeof(RecordHeader));
  EXPECT_EQ(procedure.output->reserve(kLeaderSeat, limit).size(), limit);
  const std::string quarter(limit, 'q');
  EXPECT_EQ(push(quarter), PushResult::kDone);
  EXPECT_EQ(next(*in), quarter);
  EXPECT_EQ(budget.peak_bytes(), 0U);
  const std::string more(limit + 1, 'm');
  EXPECT_EQ(push(more), PushResult::kDone);
  EXPECT_EQ(next(*in), more);
  EXPECT_EQ(budget.peak_bytes(), limit + 1);
}

TEST_F(StreamOutputTest, FullRingAsksForPatienceAndTheConsumerRings) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  (void)mesh[1].take_bells();
  const std::string quarter(procedure.output->record_bytes_max(), 'q');
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(push(quarter), PushResult::kDone);
  }
  EXPECT_EQ(push(quarter), PushResult::kFull);
  EXPECT_TRUE(procedure.output->reserve(kLeaderSeat, 1).empty());
  EXPECT_EQ(next(*in), quarter);
  EXPECT_FALSE(mesh[1].take_bells());
  EXPECT_EQ(next(*in), quarter);
  EXPECT_TRUE(mesh[1].take_bells());
  EXPECT_EQ(push(quarter), PushResult::kDone);
}

TEST_F(StreamOutputTest, FinishIsNotAnsweredBeforeTheOutputOrTheServiceSaysSo) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  in->close();
  procedure.output->finish();
  EXPECT_FALSE(mesh[0].quiescent());
  procedure.output.reset();
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST_F(StreamOutputTest, EmptyRecordTravels) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  EXPECT_EQ(procedure.output->push(kLeaderSeat, {}, 17), PushResult::kDone);
  RecordView record;
  ASSERT_EQ(in->next(record), InputState::kRecord);
  EXPECT_TRUE(record.payload.empty());
  EXPECT_EQ(record.rows, 17U);
}

TEST_F(StreamOutputTest, ImpossibleConsumerPositionFailsTheStreamAndTheSeat) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  physical().consumer.read_position.store(1 << 20);
  EXPECT_EQ(push("row"), PushResult::kClosed);
  EXPECT_EQ(thrown_kind([&] { return service.poll(); }), base::ErrorKind::kCorrupt);
  EXPECT_EQ(service.poll(), 0U);
  procedure.output->finish();
  EXPECT_EQ(thrown_kind([&] { return next(*in); }), base::ErrorKind::kPeer);
}

TEST_F(StreamOutputTest, ImpossibleRingOffsetFailsTheStreamAndTheSeat) {
  for (const std::uint64_t offset : {std::uint64_t{8}, ~std::uint64_t{0}, std::uint64_t{1} << 40}) {
    mesh[0].advance_epoch();
    const auto in = input(mesh[0].epoch());
    in->start();
    const std::uint64_t sound = physical().consumer_control.ring_offset.exchange(offset);
    StreamOutput output(mesh[1], kStream, kLeaderOnly, mesh[0].epoch());
    EXPECT_EQ(output.state(kLeaderSeat), DestinationState::kClosed);
    EXPECT_EQ(thrown_kind([&] { return service.poll(); }), base::ErrorKind::kCorrupt);
    physical().consumer_control.ring_offset.store(sound);
    physical().producer_control.have.store(0);  // the failure would hold for ever
  }
}

TEST_F(StreamOutputTest, MessageBeyondAGibibyteAbandonsTheRun) {
  const auto in = input(Epoch(1));
  in->start();
  service.poll();
  const std::byte first{};
  // Refused by its length; not a byte is read.
  EXPECT_EQ(procedure.output->push(kLeaderSeat, {&first, std::size_t{kMessageBytesMax} + 1}, 1),
            PushResult::kClosed);
  EXPECT_EQ(have(), HaveState::kError);
  EXPECT_EQ(mesh[0].first_error().kind, base::ErrorKind::kAbandon);
  EXPECT_EQ(thrown_kind([&] { return service.poll(); }), base::ErrorKind::kAbandon);
}

TEST_F(StreamOutputTest, MessageBeyondAGibibyteThatNobodyWantsIsDropped) {
  auto in = input(Epoch(1));
  in->start();
  service.poll();
  in->close();
  const std::byte first{};
  EXPECT_EQ(procedure.output->push(kLeaderSeat, {&first, std::size_t{kMessageBytesMax} + 1}, 1),
            PushResult::kClosed);
  EXPECT_EQ(service.poll(), 0U);
  EXPECT_FALSE(mesh[0].first_error().set);
}

// Two consumers; the worker produces for both seats.
class FanOutTest : public ::testing::Test {
 protected:
  std::unique_ptr<StreamInput> input(std::size_t seat) {
    return std::make_unique<StreamInput>(mesh[seat], kStream, kWorkerOnly, Epoch(1), budget);
  }
  TestMesh mesh{mesh_config(2, {StreamAudience::kSeats})};
  base::MemoryBudget budget{1 << 20};
  RecordView record;
};

TEST_F(FanOutTest, ConsumerThatHasNotStartedMakesTheProducerWait) {
  const auto first = input(0);
  const auto second = input(1);
  first->start();
  StreamOutput output(mesh[1], kStream, SeatSet(3), Epoch(1));
  EXPECT_EQ(output.state(SeatIndex(0)), DestinationState::kOpen);
  EXPECT_EQ(output.state(SeatIndex(1)), DestinationState::kWaiting);
  EXPECT_EQ(output.push(SeatIndex(1), bytes_of("later"), 1), PushResult::kFull);
  EXPECT_TRUE(output.reserve(SeatIndex(1), 5).empty());
  second->start();
  EXPECT_EQ(output.push(SeatIndex(1), bytes_of("later"), 1), PushResult::kDone);
  ASSERT_EQ(second->next(record), InputState::kRecord);
  EXPECT_EQ(text_of(record.payload), "later");
  EXPECT_EQ(first->next(record), InputState::kEmpty);
}

TEST_F(FanOutTest, EndReachesAConsumerThatStartsLater) {
  const auto second = input(1);
  {
    StreamOutput output(mesh[1], kStream, SeatSet(3), Epoch(1));
    output.finish();
  }
  second->start();
  EXPECT_EQ(second->next(record), InputState::kEnd);
}

TEST(StreamOutput, ItsEndRingsTheLeaderAndItsOwnSeatThoughNeitherReadsIt) {
  TestMesh mesh(mesh_config(3, {StreamAudience::kSeats}));
  StreamOutput output(mesh[1], kStream, SeatSet::of(SeatIndex(2)), Epoch(1));
  for (std::size_t seat = 0; seat < 3; ++seat) {
    (void)mesh[seat].take_bells();
  }
  output.finish();
  EXPECT_TRUE(mesh[0].take_bells());
  EXPECT_TRUE(mesh[1].take_bells());
  EXPECT_TRUE(mesh[2].take_bells());
}

TEST_F(FanOutTest, OneConsumerThatClosesDoesNotEndTheOther) {
  const auto first = input(0);
  const auto second = input(1);
  first->start();
  second->start();
  StreamOutput output(mesh[1], kStream, SeatSet(3), Epoch(1));
  first->close();
  EXPECT_EQ(output.push(SeatIndex(0), bytes_of("x"), 1), PushResult::kClosed);
  EXPECT_FALSE(output.all_closed());
  EXPECT_EQ(output.push(SeatIndex(1), bytes_of("y"), 1), PushResult::kDone);
  ASSERT_EQ(second->next(record), InputState::kRecord);
  second->release();
  second->close();
  EXPECT_TRUE(output.all_closed());
}

TEST_F(FanOutTest, RecordCommittedAfterTheConsumerClosedIsDropped) {
  const auto first = input(0);
  first->start();
  StreamOutput output(mesh[1], kStream, SeatSet(3), Epoch(1));
  ASSERT_FALSE(output.reserve(SeatIndex(0), 4).empty());
  first->close();
  EXPECT_EQ(output.state(SeatIndex(0)), DestinationState::kClosed);
  output.commit(SeatIndex(0), 1);
  EXPECT_EQ(mesh[0].counters(kStream, kWorker, SeatIndex(0)).records, 0U);
}

TEST_F(FanOutTest, SeatThatReadsItsOwnFailedStreamNamesTheCause) {
  const auto own = input(1);
  own->start();
  StreamOutput output(mesh[1], kStream, SeatSet(3), Epoch(1));
  const std::byte first{};
  EXPECT_EQ(output.push(SeatIndex(1), {&first, std::size_t{kMessageBytesMax} + 1}, 1),
            PushResult::kClosed);
  EXPECT_EQ(thrown_kind([&] { return own->next(record); }), base::ErrorKind::kAbandon);
}

TEST_F(FanOutTest, SilentConsumerDoesNotHoldUpQuiescenceOnceTheOutputIsGone) {
  const auto first = input(0);
  first->start();
  {
    StreamOutput output(mesh[1], kStream, SeatSet(3), Epoch(1));
    first->close();
    EXPECT_FALSE(mesh[0].quiescent());
    (void)mesh[0].take_bells();
  }
  EXPECT_TRUE(mesh[0].take_bells());
  EXPECT_TRUE(mesh[0].quiescent());
}

}  // namespace
}  // namespace sluice::exchange
