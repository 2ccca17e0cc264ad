#include "exchange/ring.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <gtest/gtest.h>
#include <random>
#include <string>

#include "base/error.h"
#include "exchange/stream_counters.h"
#include "exchange/test_mesh.h"
#include "exchange/test_ring.h"

namespace sluice::exchange {
namespace {

constexpr base::Epoch kFirst{1};

RingSpace write(RingWriter& writer, const std::string& text) {
  std::byte* payload = nullptr;
  const RingSpace space = writer.reserve(text.size(), payload);
  if (space == RingSpace::kGranted) {
    std::memcpy(payload, text.data(), text.size());
    writer.commit({RecordKind::kWhole, 1, static_cast<std::uint32_t>(text.size()), 0});
  }
  return space;
}

TEST(Ring, RecordsArriveInOrderAndAligned) {
  TestRing ring(4096);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  RingRecord record;
  EXPECT_FALSE(reader.lease(record));
  ASSERT_EQ(write(writer, "one"), RingSpace::kGranted);
  ASSERT_EQ(write(writer, "two"), RingSpace::kGranted);
  ASSERT_TRUE(reader.lease(record));
  EXPECT_EQ(text_of(record.payload), "one");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record.payload.data()) % 32, 0U);
  EXPECT_EQ(record.tag.rows, 1U);
  reader.release();
  ASSERT_TRUE(reader.lease(record));
  EXPECT_EQ(text_of(record.payload), "two");
}

TEST(Ring, ReservedRecordIsInvisibleUntilCommitted) {
  TestRing ring(4096);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  std::byte* payload = nullptr;
  ASSERT_EQ(writer.reserve(100, payload), RingSpace::kGranted);
  RingRecord record;
  EXPECT_FALSE(reader.lease(record));
  writer.commit({RecordKind::kWhole, 5, 100, 0});
  ASSERT_TRUE(reader.lease(record));
  EXPECT_EQ(record.payload.size(), 100U);
}

TEST(Ring, FullRingRefusesPushAndKeepsItsBytes) {
  TestRing ring(256);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  for (const char* text : {"a", "b", "c", "d"}) {
    ASSERT_EQ(write(writer, text), RingSpace::kGranted);
  }
  EXPECT_EQ(write(writer, "e"), RingSpace::kFull);
  EXPECT_EQ(write(writer, "e"), RingSpace::kFull);
  EXPECT_EQ(read_counters(ring.shared()).stalls, 1U);
  RingRecord record;
  for (const char* text : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(reader.lease(record));
    EXPECT_EQ(text_of(record.payload), text);
    reader.release();
  }
  EXPECT_FALSE(reader.lease(record));
  EXPECT_EQ(write(writer, "e"), RingSpace::kGranted);
}

TEST(Ring, ProducerIsWokenOnceWhenHalfIsFree) {
  TestRing ring(256);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(write(writer, "x"), RingSpace::kGranted);
  }
  RingRecord record;
  ASSERT_EQ(write(writer, "x"), RingSpace::kFull);
  std::string wakes;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(reader.lease(record));
    reader.release();
    wakes += reader.take_wake() ? 'w' : '-';
  }
  EXPECT_EQ(wakes, "-w--");
}

TEST(Ring, ProducerThatNeverStalledIsNotWoken) {
  TestRing ring(256);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  RingRecord record;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(write(writer, "x"), RingSpace::kGranted);
    ASSERT_TRUE(reader.lease(record));
    reader.release();
    EXPECT_FALSE(reader.take_wake());
  }
}

TEST(Ring, HalfFreeIsAlwaysEnoughForTheLargestRecord) {
  for (std::size_t before = 0; before < 64; ++before) {
    TestRing ring(4096);
    RingWriter writer(ring.memory(), kFirst);
    RingReader reader(ring.memory(), kFirst);
    RingRecord record;
    // Begin anywhere in the ring, so that the record needs every length of pad.
    for (std::size_t i = 0; i < before; ++i) {
      ASSERT_EQ(write(writer, "x"), RingSpace::kGranted);
      ASSERT_TRUE(reader.lease(record));
      reader.release();
    }
    for (int i = 0; i < 32; ++i) {
      ASSERT_EQ(write(writer, "x"), RingSpace::kGranted);
    }
    ASSERT_EQ(write(writer, std::string(ring_record_bytes_max(4096), 'l')), RingSpace::kGranted)
        << before;
  }
}

TEST(Ring, LargestRecordIsAQuarterLessTheHeader) {
  EXPECT_EQ(ring_record_bytes_max(4096), 1024U - 32U);
  EXPECT_EQ(ring_record_bytes_max(64), 32U);
  TestRing ring(4096);
  RingWriter writer(ring.memory(), kFirst);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(write(writer, std::string(ring_record_bytes_max(4096), 'l')), RingSpace::kGranted);
  }
  EXPECT_EQ(write(writer, ""), RingSpace::kFull);
}

TEST(Ring, OneRecordRingHandsOverEveryRecord) {
  TestRing ring(64);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  RingRecord record;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(write(writer, std::to_string(i)), RingSpace::kGranted);
    ASSERT_EQ(write(writer, "no"), RingSpace::kFull);
    ASSERT_TRUE(reader.lease(record));
    EXPECT_EQ(text_of(record.payload), std::to_string(i));
    EXPECT_FALSE(reader.take_wake());
    reader.release();
    EXPECT_TRUE(reader.take_wake());
  }
}

TEST(Ring, LeasesAreFreedFirstInFirstOut) {
  TestRing ring(512);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(write(writer, std::to_string(i)), RingSpace::kGranted);
  }
  std::deque<RingRecord> held;
  for (std::size_t i = 0; i < RingReader::kLeasesMax; ++i) {
    RingRecord record;
    ASSERT_TRUE(reader.lease(record));
    held.push_back(record);
  }
  EXPECT_EQ(reader.lease_count(), 8U);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(text_of(held.front().payload), std::to_string(i));
    held.pop_front();
    EXPECT_EQ(write(writer, "new"), RingSpace::kFull);
    reader.release();
    ASSERT_EQ(write(writer, "new"), RingSpace::kGranted);
  }
}

TEST(Ring, ReaderOfANewEpochSkipsTheOldOneAndFreesIt) {
  TestRing ring(256);
  {
    RingWriter writer(ring.memory(), kFirst);
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(write(writer, "old"), RingSpace::kGranted);
    }
  }
  RingWriter writer(ring.memory(), base::Epoch(2));
  EXPECT_EQ(write(writer, "new"), RingSpace::kFull);
  RingReader reader(ring.memory(), base::Epoch(2));
  RingRecord record;
  EXPECT_FALSE(reader.lease(record));
  EXPECT_TRUE(reader.take_wake());
  EXPECT_EQ(write(writer, "new"), RingSpace::kGranted);
  ASSERT_TRUE(reader.lease(record));
  EXPECT_EQ(text_of(record.payload), "new");
}

TEST(Ring, ImpossibleReaderPositionIsCorruptForTheWriter) {
  for (const std::uint64_t position : {std::uint64_t{64}, ~std::uint64_t{0} - 511}) {
    TestRing ring(256);
    ring.shared().consumer.read_position.store(position);
    RingWriter writer(ring.memory(), kFirst);
    std::byte* payload = nullptr;
    EXPECT_EQ(writer.reserve(8, payload), RingSpace::kCorrupt);
  }
}

TEST(Ring, WritePositionBetweenTwoRecordsIsCorruptForTheWriter) {
  TestRing ring(256);
  // A record would end 6 bytes behind the ring.
  ring.shared().producer.write_position.store(256 - 58);
  ring.shared().consumer.read_position.store(256 - 58);
  RingWriter writer(ring.memory(), kFirst);
  std::byte* payload = nullptr;
  EXPECT_EQ(writer.reserve(8, payload), RingSpace::kCorrupt);
  EXPECT_FALSE(writer.reserved());
}

// What a scribbled header or position does to a reader.
class DamagedRingTest : public ::testing::Test {
 protected:
  DamagedRingTest() : ring(256), writer(ring.memory(), kFirst), reader(ring.memory(), kFirst) {
    EXPECT_EQ(write(writer, "record"), RingSpace::kGranted);
    std::memcpy(&header, ring.data(), sizeof(header));
  }
  void expect_corrupt() {
    std::memcpy(ring.data(), &header, sizeof(header));
    RingRecord record;
    try {
      (void)reader.lease(record);
      FAIL() << "the damage went unnoticed";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    }
  }
  TestRing ring;
  RingWriter writer;
  RingReader reader;
  RecordHeader header;
};

TEST_F(DamagedRingTest, RecordOfMoreThanAQuarterIsRefused) {
  EXPECT_EQ(write(writer, "another"), RingSpace::kGranted);
  header.payload_bytes = 64;
  expect_corrupt();
}

// Reads from a ring of 1 KiB: after `skipped` records the next of `records`, each of 64 bytes, says
// that its payload has `payload_bytes`.
base::ErrorKind read_damaged(unsigned skipped, unsigned records, std::uint32_t payload_bytes) {
  TestRing ring(1024);
  RingWriter writer(ring.memory(), kFirst);
  RingReader reader(ring.memory(), kFirst);
  RingRecord record;
  for (unsigned i = 0; i < skipped; ++i) {
    EXPECT_EQ(write(writer, "skipped"), RingSpace::kGranted);
    EXPECT_TRUE(reader.lease(record));
    reader.release();
  }
  for (unsigned i = 0; i < records; ++i) {
    EXPECT_EQ(write(writer, "record"), RingSpace::kGranted);
  }
  std::memcpy(ring.data() + skipped * kRecordAlignment, &payload_bytes, sizeof(payload_bytes));
  try {
    (void)reader.lease(record);
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "the damage went unnoticed";
  return base::ErrorKind::kInternal;
}

TEST(Ring, LengthBeyondTheWrittenIsRefused) {
  EXPECT_EQ(read_damaged(0, 1, 100), base::ErrorKind::kCorrupt);
}
TEST(Ring, LengthBeyondTheRingsEndIsRefused) {
  EXPECT_EQ(read_damaged(15, 3, 100), base::ErrorKind::kCorrupt);
}
TEST_F(DamagedRingTest, LengthThatOverflowsIsRefused) {
  header.payload_bytes = 0xFFFFFFFF;
  expect_corrupt();
}
TEST_F(DamagedRingTest, UnknownKindIsRefused) {
  header.kind = RecordKind{77};
  expect_corrupt();
}
TEST_F(DamagedRingTest, PadThatEndsEarlyIsRefused) {
  header.kind = RecordKind::kPad;
  expect_corrupt();
}
TEST_F(DamagedRingTest, LaterEpochIsRefused) {
  header.epoch = 2;
  expect_corrupt();
}
TEST_F(DamagedRingTest, GapInTheSequenceIsRefused) {
  header.sequence = 1;
  expect_corrupt();
}
TEST_F(DamagedRingTest, WritePositionBeyondTheRingIsRefused) {
  ring.shared().producer.write_position.store(320);
  expect_corrupt();
}
TEST_F(DamagedRingTest, MisalignedWritePositionIsRefused) {
  ring.shared().producer.write_position.store(65);
  expect_corrupt();
}
TEST_F(DamagedRingTest, WritePositionThatWentBackIsRefused) {
  RingRecord record;
  ASSERT_TRUE(reader.lease(record));
  reader.release();
  ring.shared().producer.write_position.store(0);
  expect_corrupt();
}

TEST_F(DamagedRingTest, DamagedPositionsAreRefusedAgainAfterTheError) {
  ring.shared().producer.write_position.store(65);
  expect_corrupt();
  expect_corrupt();
}

// Random operations on both ends against a queue of strings.
class RingModel {
 public:
  RingModel(std::size_t ring_bytes, unsigned seed)
      : ring_(ring_bytes), limit_(ring_record_bytes_max(ring_bytes)), random_(seed) {
    begin_epoch();
  }

  void step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        push();
        break;
      case 3:
      case 4:
        lease();
        break;
      case 5:
      case 6:
        release();
        break;
      default:
        if (random_() % 64 == 0) {
          begin_epoch();
        }
    }
    ASSERT_TRUE(writer_.invariants());
    ASSERT_TRUE(reader_.invariants());
  }
  [[nodiscard]] std::size_t delivered() const { return delivered_; }

 private:
  void begin_epoch() {
    epoch_ = base::Epoch(epoch_.value() + 1);
    writer_ = RingWriter(ring_.memory(), epoch_);
    reader_ = RingReader(ring_.memory(), epoch_);
    written_.clear();
    leased_.clear();
    model_stalled_ = false;
  }

  std::size_t pick_bytes() {
    switch (random_() % 4) {
      case 0:
        return limit_;  // exactly a quarter
      case 1:
        return limit_ - random_() % 2;
      case 2:
        return std::min<std::size_t>(random_() % 34, limit_);  // around one unit of alignment
      default:
        return random_() % (limit_ + 1);
    }
  }

  void push() {
    const std::string text(pick_bytes(), static_cast<char>('a' + random_() % 26));
    switch (write(writer_, text)) {
      case RingSpace::kGranted:
        written_.push_back(text);
        model_stalled_ = false;
        break;
      case RingSpace::kFull:
        // With nothing in it a ring takes any record, unless an older epoch still fills it.
        ASSERT_TRUE(!written_.empty() || !leased_.empty() || !drained_);
        model_stalled_ = true;
        break;
      case RingSpace::kCorrupt:
        FAIL();
    }
    drained_ = false;
  }

  void lease() {
    if (leased_.size() == RingReader::kLeasesMax) {
      return;
    }
    RingRecord record;
    if (!reader_.lease(record)) {
      ASSERT_TRUE(written_.empty());
      drained_ = leased_.empty();
      check_wake();
      return;
    }
    ASSERT_FALSE(written_.empty());
    ASSERT_EQ(text_of(record.payload), written_.front());
    leased_.push_back({written_.front(), record});
    written_.pop_front();
    ++delivered_;
  }

  void release() {
    if (leased_.empty()) {
      return;
    }
    // Still the same bytes: nobody has written over a leased record.
    ASSERT_EQ(text_of(leased_.front().second.payload), leased_.front().first);
    leased_.pop_front();
    reader_.release();
    check_wake();
  }

  // A stalled producer is woken at the latest when the ring is empty, and then has room for the
  // largest record. One that went on by itself may be woken in vain.
  void check_wake() {
    if (reader_.take_wake() && model_stalled_) {
      std::byte* payload = nullptr;
      ASSERT_EQ(writer_.reserve(limit_, payload), RingSpace::kGranted);
      model_stalled_ = false;
    }
    if (written_.empty() && leased_.empty()) {
      ASSERT_FALSE(model_stalled_);
    }
  }

  TestRing ring_;
  std::size_t limit_;
  std::mt19937 random_;
  base::Epoch epoch_;
  RingWriter writer_;
  RingReader reader_;
  std::deque<std::string> written_;
  std::deque<std::pair<std::string, RingRecord>> leased_;
  bool model_stalled_ = false;
  bool drained_ = true;
  std::size_t delivered_ = 0;
};

TEST(Ring, BehavesAsAQueueOfStringsForRandomOperations) {
  for (const std::size_t ring_bytes : {64U, 128U, 256U, 512U, 1024U, 4096U}) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      RingModel model(ring_bytes, seed);
      for (int i = 0; i < 4000 && !::testing::Test::HasFatalFailure(); ++i) {
        model.step();
      }
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << ring_bytes << " bytes, seed " << seed;
      EXPECT_GT(model.delivered(), 200U);
    }
  }
}

}  // namespace
}  // namespace sluice::exchange
