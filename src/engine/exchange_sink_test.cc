// Both ends of a DsmExchange over a real mesh, all seats in one thread.
#include "engine/exchange_sink.h"

#include <array>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "engine/exchange_source.h"
#include "engine/test_rows.h"
#include "exchange/stream_input.h"
#include "exchange/test_mesh.h"
#include "plan/plan_builder.h"

namespace sluice::engine::testing {
namespace {

using exchange::SeatIndex;
using exchange::SeatSet;
using exchange::StreamAudience;
using exchange::StreamId;
using plan::ExchangeKind;

constexpr std::uint16_t kSeats = 3;
constexpr exchange::Epoch kEpoch{1};

/// Seat 1 produces; consumers are seat 0 (gather) or all three.
class Stream {
 public:
  Stream(const Types& types, ExchangeKind kind)
      : types_(types),
        mesh_(exchange::mesh_config(
            kSeats,
            {kind == ExchangeKind::kGather ? StreamAudience::kLeader : StreamAudience::kSeats})) {
    node_.spec = plan::ExchangeSpec{StreamId(0), kind, {0}};
    node_.output = types;
    const SeatSet consumers = kind == ExchangeKind::kGather ? SeatSet::of(base::kLeaderSeat)
                                                            : SeatSet((1U << kSeats) - 1);
    sink_ = std::make_unique<ExchangeSink>(node_, 64, mesh_[1], consumers, kEpoch, budget_);
    consumers.for_each([&](SeatIndex seat) {
      inputs_[seat.index()] = std::make_unique<exchange::StreamInput>(
          mesh_[seat.index()], StreamId(0), SeatSet::of(SeatIndex(1)), kEpoch, budget_);
      sources_[seat.index()] = std::make_unique<ExchangeSource>(node_, *inputs_[seat.index()]);
    });
  }

  [[nodiscard]] ExchangeSink& sink() { return *sink_; }
  [[nodiscard]] std::size_t used_bytes() const { return budget_.used_bytes(); }
  void drop_sink() { sink_.reset(); }
  void close(std::size_t seat) { sources_[seat]->close(); }
  [[nodiscard]] const Rows& received(std::size_t seat) const { return received_[seat]; }
  [[nodiscard]] Rows all_received() const {
    Rows rows;
    for (const Rows& some : received_) {
      rows.insert(rows.end(), some.begin(), some.end());
    }
    return rows;
  }
  [[nodiscard]] exchange::StreamCounters counters(std::uint16_t seat) {
    return mesh_[0].counters(StreamId(0), SeatIndex(1), SeatIndex(seat));
  }

  /// Reads what is there; returns whether the stream has ended for this seat.
  bool read(std::size_t seat) {
    for (;;) {
      vector::Batch batch;
      switch (sources_[seat]->next(batch)) {
        case SourceState::kBatch:
          read_batch(batch, received_[seat]);
          break;
        case SourceState::kBlocked:
          return false;
        case SourceState::kEnd:
          return true;
      }
    }
  }
  /// Sends `rows` in batches of random sizes while `readers` read, and ends the stream.
  void send(const Rows& rows, const std::vector<std::size_t>& readers) {
    RandomRows random(7);
    for_batches(types_, rows, random, [&](const vector::Batch& batch) { offer(batch, readers); });
    finish(readers);
  }
  void finish(const std::vector<std::size_t>& readers) {
    while (sink_->finish() == SinkState::kBlocked) {
      for (const std::size_t seat : readers) {
        ASSERT_FALSE(read(seat));
      }
    }
    for (const std::size_t seat : readers) {
      EXPECT_TRUE(read(seat));
    }
  }
  void offer(const vector::Batch& batch, const std::vector<std::size_t>& readers) {
    while (sink_->consume(batch) == SinkState::kBlocked) {
      for (const std::size_t seat : readers) {
        ASSERT_FALSE(read(seat));
      }
    }
  }

 private:
  Types types_;
  exchange::TestMesh mesh_;
  base::MemoryBudget budget_{std::size_t{1} << 30};
  plan::PlanNode node_;
  std::unique_ptr<ExchangeSink> sink_;
  std::array<std::unique_ptr<exchange::StreamInput>, kSeats> inputs_;
  std::array<std::unique_ptr<ExchangeSource>, kSeats> sources_;
  std::array<Rows, kSeats> received_;
};

Rows random_rows(std::uint64_t seed, std::size_t count) {
  RandomOptions options;
  options.distinct = 100;
  return RandomRows(seed).rows(all_types(), count, options);
}

TEST(ExchangeSink, GatherBringsEveryTypeUnchanged) {
  const Rows rows = random_rows(1, 5000);
  Stream stream(all_types(), ExchangeKind::kGather);
  stream.send(rows, {0});
  EXPECT_EQ(sorted_texts(all_types(), stream.received(0)), sorted_texts(all_types(), rows));
}

TEST(ExchangeSink, RedistributeBringsEveryRowOnceAndEqualKeysTogether) {
  const Types types = all_types();
  for (std::size_t key = 0; key < types.size(); ++key) {
    Types rotated(types.begin() + static_cast<std::ptrdiff_t>(key), types.end());
    rotated.insert(rotated.end(), types.begin(), types.begin() + static_cast<std::ptrdiff_t>(key));
    RandomOptions options;
    options.distinct = 50;
    const Rows rows = RandomRows(key).rows(rotated, 2000, options);
    Stream stream(rotated, ExchangeKind::kRedistribute);
    stream.send(rows, {0, 1, 2});
    EXPECT_EQ(sorted_texts(rotated, stream.all_received()), sorted_texts(rotated, rows));
    std::map<std::string, std::size_t> seat_of;
    for (std::size_t seat = 0; seat < kSeats; ++seat) {
      for (const Row& row : stream.received(seat)) {
        std::string name = text_of(rotated[0], row[0]);
        if (rotated[0].kind == plan::TypeKind::kBpchar && !row[0].null) {
          name = std::string(vector::without_trailing_blanks(row[0].text));
        }
        name = name == "-0.000000" ? "0.000000" : name;
        EXPECT_EQ(seat_of.try_emplace(name, seat).first->second, seat) << name;
      }
    }
  }
}

TEST(ExchangeSink, BroadcastBringsEveryRowToEveryone) {
  const Rows rows = random_rows(3, 5000);
  Stream stream(all_types(), ExchangeKind::kBroadcast);
  stream.send(rows, {2, 0, 1});
  for (std::size_t seat = 0; seat < kSeats; ++seat) {
    EXPECT_EQ(sorted_texts(all_types(), stream.received(seat)), sorted_texts(all_types(), rows));
  }
}

TEST(ExchangeSink, ASlowConsumerOfABroadcastHoldsItBackWithoutLossOrRepetition) {
  const Types types = {plan::kInt8};
  Rows rows;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    rows.push_back({of(i)});
  }
  Stream stream(types, ExchangeKind::kBroadcast);
  std::size_t sent = 0;
  bool finished = false;
  for (int round = 0; !finished; ++round) {
    for (const std::size_t fast : {0U, 1U}) {
      (void)stream.read(fast);
    }
    if (sent < rows.size()) {
      const std::size_t count = std::min<std::size_t>(300, rows.size() - sent);
      const OwnedBatch batch(types, std::span(rows).subspan(sent, count), false);
      SinkState state = stream.sink().consume(batch.get());
      for (int tries = 0; state == SinkState::kBlocked && tries < 10; ++tries) {
        (void)stream.read(0);
        (void)stream.read(1);
        state = stream.sink().consume(batch.get());
      }
      if (state == SinkState::kBlocked) {
        // Held back by the slow one alone: the others have all that was taken so far.
        EXPECT_LT(stream.received(2).size(), stream.received(0).size());
        EXPECT_EQ(stream.received(0).size(), stream.received(1).size());
        while (stream.sink().consume(batch.get()) == SinkState::kBlocked) {
          ASSERT_FALSE(stream.read(2));
        }
      }
      sent += count;
    } else {
      (void)stream.read(2);
      finished = stream.sink().finish() == SinkState::kAccepted;
    }
  }
  for (std::size_t seat = 0; seat < kSeats; ++seat) {
    EXPECT_TRUE(stream.read(seat));
    EXPECT_EQ(sorted_texts(types, stream.received(seat)), sorted_texts(types, rows));
  }
}

TEST(ExchangeSink, AConsumerThatHasNotStartedHoldsTheStreamBack) {
  const Types types = {plan::kInt8};
  Stream stream(types, ExchangeKind::kGather);
  const Rows rows(2000, Row{of(1)});
  const OwnedBatch batch(types, rows, false);
  EXPECT_EQ(stream.sink().consume(batch.get()), SinkState::kBlocked);
  EXPECT_EQ(stream.sink().consume(batch.get()), SinkState::kBlocked);
  EXPECT_EQ(stream.counters(0).records, 0U);
  stream.offer(batch.get(), {0});
  while (stream.sink().finish() == SinkState::kBlocked) {
    (void)stream.read(0);
  }
  EXPECT_TRUE(stream.read(0));
  EXPECT_EQ(stream.received(0).size(), rows.size());
}

TEST(ExchangeSink, AClosedConsumerGetsNothingMoreAndTheOthersAll) {
  const Rows rows = random_rows(4, 3000);
  Stream stream(all_types(), ExchangeKind::kBroadcast);
  stream.close(1);
  stream.send(rows, {0, 2});
  EXPECT_TRUE(stream.received(1).empty());
  EXPECT_EQ(stream.counters(1).records, 0U);
  EXPECT_EQ(stream.received(0).size(), rows.size());
  EXPECT_EQ(stream.received(2).size(), rows.size());
}

TEST(ExchangeSink, WhenAllHaveClosedItIsClosedAndNotWanted) {
  const Types types = {plan::kInt8};
  const Rows rows(10, Row{of(1)});
  const OwnedBatch batch(types, rows, false);
  for (const ExchangeKind kind :
       {ExchangeKind::kGather, ExchangeKind::kBroadcast, ExchangeKind::kRedistribute}) {
    Stream stream(types, kind);
    const std::size_t seats = kind == ExchangeKind::kGather ? 1 : kSeats;
    EXPECT_TRUE(stream.sink().wanted());
    EXPECT_EQ(stream.sink().consume(batch.get()), SinkState::kAccepted);
    for (std::size_t seat = 0; seat < seats; ++seat) {
      EXPECT_TRUE(stream.sink().wanted());
      stream.close(seat);
    }
    EXPECT_FALSE(stream.sink().wanted());
    EXPECT_EQ(stream.sink().consume(batch.get()), SinkState::kClosed);
    EXPECT_EQ(stream.sink().finish(), SinkState::kAccepted);
  }
}

TEST(ExchangeSink, WhenAllHaveClosedTheRestOfAHalfSentBatchIsNotLookedAt) {
  const Types types = {plan::kText};
  Stream stream(types, ExchangeKind::kBroadcast);
  for (const std::size_t seat : {0U, 1U, 2U}) {
    EXPECT_FALSE(stream.read(seat));
  }
  const Rows rows(2000, Row{of_text(std::string(40, 'x'))});
  auto batch = std::make_unique<OwnedBatch>(types, rows, false);
  // The slow one holds the batch back with slices to come, that the others would take.
  while (stream.sink().consume(batch->get()) == SinkState::kBlocked &&
         stream.counters(0).records == stream.counters(2).records) {
    (void)stream.read(0);
    (void)stream.read(1);
  }
  ASSERT_GT(stream.counters(0).records, stream.counters(2).records);
  for (const std::size_t seat : {0U, 1U, 2U}) {
    stream.close(seat);
  }
  EXPECT_EQ(stream.sink().consume(batch->get()), SinkState::kClosed);
  batch.reset();
  EXPECT_EQ(stream.sink().finish(), SinkState::kAccepted);
}

TEST(ExchangeSink, RowsWithoutColumnsTravelAsACount) {
  for (const ExchangeKind kind : {ExchangeKind::kGather, ExchangeKind::kBroadcast}) {
    Stream stream({}, kind);
    const std::vector<std::size_t> readers = kind == ExchangeKind::kGather
                                                 ? std::vector<std::size_t>{0}
                                                 : std::vector<std::size_t>{0, 1, 2};
    for (const std::uint32_t rows : {1U, 2048U, 7U, 1500U}) {
      stream.offer(vector::Batch({}, rows), readers);
    }
    stream.finish(readers);
    EXPECT_EQ(stream.received(0).size(), 3556U);
  }
}

TEST(ExchangeSink, ARowLargerThanTheRingTravelsInPieces) {
  const Types types = {plan::kInt4, plan::kText};
  Rows rows;
  for (std::int64_t i = 0; i < 60; ++i) {
    const std::size_t length = i % 7 == 0 ? 50'000U + static_cast<std::size_t>(i) : 100U;
    rows.push_back({of(i), of_text(std::string(length, static_cast<char>('a' + i % 26)))});
  }
  for (const ExchangeKind kind : {ExchangeKind::kRedistribute, ExchangeKind::kBroadcast}) {
    Stream stream(types, kind);
    stream.send(rows, {0, 1, 2});
    const Rows received =
        kind == ExchangeKind::kBroadcast ? stream.received(2) : stream.all_received();
    EXPECT_EQ(sorted_texts(types, received), sorted_texts(types, rows));
  }
}

TEST(ExchangeSink, WhatALargeRowTookIsGivenBackOnceItIsSent) {
  const Types types = {plan::kInt4, plan::kText};
  Rows rows;
  for (std::int64_t i = 0; i < 30; ++i) {
    rows.push_back({of(i), of_text(std::string(1'000'000, 'x'))});
  }
  for (const ExchangeKind kind : {ExchangeKind::kRedistribute, ExchangeKind::kBroadcast}) {
    Stream stream(types, kind);
    stream.send(rows, {0, 1, 2});
    EXPECT_LT(stream.used_bytes(), 500'000U);
  }
}

TEST(ExchangeSink, SmallBatchesShareARecord) {
  const Types types = {plan::kInt8};
  Stream stream(types, ExchangeKind::kGather);
  (void)stream.read(0);
  for (std::int64_t i = 0; i < 100; ++i) {
    const Rows rows(1, Row{of(i)});
    const OwnedBatch batch(types, rows, false);
    EXPECT_EQ(stream.sink().consume(batch.get()), SinkState::kAccepted);
  }
  EXPECT_EQ(stream.sink().finish(), SinkState::kAccepted);
  EXPECT_TRUE(stream.read(0));
  EXPECT_EQ(stream.received(0).size(), 100U);
  EXPECT_LE(stream.counters(0).records, 2U);
}

TEST(ExchangeSink, RecordsOfSmallBatchesHoldNoMoreRowsThanABatch) {
  Stream stream({}, ExchangeKind::kGather);
  for (int i = 0; i < 30; ++i) {
    stream.offer(vector::Batch({}, 100), {0});
  }
  stream.finish({0});
  EXPECT_EQ(stream.received(0).size(), 3000U);
  EXPECT_EQ(stream.counters(0).records, 2U);
}

TEST(ExchangeSink, AStreamThatIsDroppedUnfinishedFailsItsConsumers) {
  Stream stream({plan::kInt8}, ExchangeKind::kGather);
  EXPECT_FALSE(stream.read(0));
  stream.drop_sink();
  EXPECT_THROW((void)stream.read(0), base::Error);
}

TEST(ExchangeSource, AskingForRowsIsWhatStartsTheStream) {
  Stream stream({plan::kInt8}, ExchangeKind::kGather);
  const Rows rows(2000, Row{of(5)});
  const OwnedBatch batch({plan::kInt8}, rows, false);
  EXPECT_EQ(stream.sink().consume(batch.get()), SinkState::kBlocked);
  (void)stream.read(0);
  EXPECT_NE(stream.sink().consume(batch.get()), SinkState::kClosed);
  EXPECT_NE(stream.counters(0).records, 0U);
}

}  // namespace
}  // namespace sluice::engine::testing
