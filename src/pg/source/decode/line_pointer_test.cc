#include "pg/source/decode/line_pointer.h"

#include <gtest/gtest.h>
#include <vector>

#include "pg/source/decode/heap_format.h"

namespace sluice::pg {
namespace {

constexpr std::size_t kBytes = 1024;

class LinePointerTest : public ::testing::Test {
 protected:
  LinePointerTest() : page(kBytes, 0) {}
  void set_lines_end(std::uint16_t end) { std::memcpy(page.data() + kLinesEndOffset, &end, 2); }
  void add_line(std::uint32_t offset, std::uint32_t state, std::uint32_t length) {
    const std::uint32_t word = offset | state << kLineStateShift | length << kLineLengthShift;
    std::memcpy(page.data() + kPageHeaderBytes + lines * kLineBytes, &word, sizeof word);
    ++lines;
    set_lines_end(static_cast<std::uint16_t>(kPageHeaderBytes + lines * kLineBytes));
  }
  LineState read(std::uint32_t line) { return read_line(page, line, tuple); }

  std::vector<std::uint8_t> page;
  std::size_t lines = 0;
  TupleBytes tuple;
};

TEST_F(LinePointerTest, EmptyPageHasNoLines) {
  EXPECT_EQ(line_count(page), 0U);
  set_lines_end(kPageHeaderBytes);
  EXPECT_EQ(line_count(page), 0U);
}

TEST_F(LinePointerTest, OnlyNormalLinesHaveTuples) {
  for (std::uint32_t state = 0; state < 4; ++state) {
    add_line(512, state, 100);
  }
  ASSERT_EQ(line_count(page), 4U);
  EXPECT_EQ(read(0), LineState::kNoTuple);
  EXPECT_EQ(read(1), LineState::kTuple);
  EXPECT_EQ(tuple.data, page.data() + 512);
  EXPECT_EQ(tuple.length, 100U);
  EXPECT_EQ(read(2), LineState::kNoTuple);
  EXPECT_EQ(read(3), LineState::kNoTuple);
}

TEST_F(LinePointerTest, TupleMayEndWithThePageAndNotBehindIt) {
  add_line(kBytes - 100, kLineNormal, 100);
  add_line(kBytes - 99, kLineNormal, 100);
  add_line(kLineOffsetMask, kLineNormal, 100);
  add_line(0, kLineNormal, kLineOffsetMask);
  EXPECT_EQ(read(0), LineState::kTuple);
  EXPECT_EQ(read(1), LineState::kBroken);
  EXPECT_EQ(read(2), LineState::kBroken);
  EXPECT_EQ(read(3), LineState::kBroken);
}

TEST_F(LinePointerTest, TupleWithoutRoomForItsHeaderIsBroken) {
  add_line(512, kLineNormal, kDataStartMin - 1);
  add_line(512, kLineNormal, 0);
  EXPECT_EQ(read(0), LineState::kBroken);
  EXPECT_EQ(read(1), LineState::kBroken);
}

TEST_F(LinePointerTest, LinesBeyondThePageAreNotCounted) {
  set_lines_end(0xFFFF);
  EXPECT_EQ(line_count(page), (kBytes - kPageHeaderBytes) / kLineBytes);
}

}  // namespace
}  // namespace sluice::pg
