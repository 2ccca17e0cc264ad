#include "exchange/message_buffer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "exchange/test_mesh.h"

namespace sluice::exchange {
namespace {

class MessageBufferTest : public ::testing::Test {
 protected:
  RingRecord chunk(const std::string& text, std::uint32_t offset, std::uint32_t total,
                   std::uint32_t rows = 0) {
    bytes = bytes_of(text);
    return {bytes, {RecordKind::kChunk, rows, total, offset}};
  }
  void expect_corrupt(const RingRecord& record) {
    try {
      buffer.append(record);
      FAIL();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    }
    EXPECT_TRUE(buffer.empty());
    EXPECT_EQ(budget.used_bytes(), 0U);
  }
  std::vector<std::byte> bytes;
  base::MemoryBudget budget{1000};
  MessageBuffer buffer{budget};
};

TEST_F(MessageBufferTest, ChunksBecomeTheMessage) {
  buffer.append(chunk("hel", 0, 5));
  EXPECT_FALSE(buffer.complete());
  buffer.append(chunk("lo", 3, 5, 9));
  ASSERT_TRUE(buffer.complete());
  EXPECT_EQ(text_of(buffer.message()), "hello");
  EXPECT_EQ(buffer.rows(), 9U);
  EXPECT_EQ(budget.used_bytes(), 5U);
  buffer.reset();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(MessageBufferTest, MessageBeyondTheBudgetIsAbandoned) {
  try {
    buffer.append(chunk("x", 0, 1001));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kAbandon);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST_F(MessageBufferTest, ImpossibleLengthIsRefused) {
  expect_corrupt(chunk("x", 0, 0));
  expect_corrupt(chunk("x", 0, kMessageBytesMax + 1));
}

TEST_F(MessageBufferTest, ChunksThatDoNotFitTogetherAreRefused) {
  expect_corrupt(chunk("x", 1, 10));
  buffer.append(chunk("abc", 0, 10));
  expect_corrupt(chunk("def", 4, 10));
  buffer.append(chunk("abc", 0, 10));
  expect_corrupt(chunk("def", 3, 11));
  buffer.append(chunk("abc", 0, 4));
  expect_corrupt(chunk("def", 3, 4));
  buffer.append(chunk("abc", 0, 4));
  expect_corrupt(chunk("", 3, 4));
}

}  // namespace
}  // namespace sluice::exchange
