#include "pg/port/numeric_format.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace sluice::pg {
namespace {

using base::Int128;

/// The 16-bit words after the varlena header.
std::vector<std::uint16_t> words_of(Int128 value, int scale) {
  alignas(8) char bytes[kNumericBytesMax];
  const std::size_t size = write_numeric(value, scale, bytes);
  std::vector<std::uint16_t> words((size - 4) / 2);
  std::memcpy(words.data(), bytes + 4, size - 4);
  return words;
}

constexpr std::uint16_t header(bool negative, int scale, int weight) {
  return static_cast<std::uint16_t>(0x8000 | (negative ? 0x2000 : 0) | (scale << 7) |
                                    (weight & 0x7F));
}

TEST(NumericFormat, ZeroKeepsItsScaleAndHasNoDigits) {
  EXPECT_EQ(words_of(0, 4), (std::vector<std::uint16_t>{header(false, 4, 0)}));
}

TEST(NumericFormat, DigitsAreAlignedAtThePoint) {
  // 12345.67 = 1 * 10^4 + 2345 + 6700 / 10^4
  EXPECT_EQ(words_of(1234567, 2), (std::vector<std::uint16_t>{header(false, 2, 1), 1, 2345, 6700}));
  EXPECT_EQ(words_of(-5, 2), (std::vector<std::uint16_t>{header(true, 2, -1), 500}));
}

TEST(NumericFormat, ZeroGroupsAtBothEndsAreNotStored) {
  EXPECT_EQ(words_of(120000000, 4), (std::vector<std::uint16_t>{header(false, 4, 1), 1, 2000}));
  EXPECT_EQ(words_of(Int128{100000000} * 10000, 4),
            (std::vector<std::uint16_t>{header(false, 4, 2), 1}));
  EXPECT_EQ(words_of(7, 12), (std::vector<std::uint16_t>{header(false, 12, -3), 7}));
}

TEST(NumericFormat, NanIsOneWord) {
  alignas(8) char bytes[kNumericBytesMax];
  EXPECT_EQ(write_numeric_nan(bytes), 6U);
  EXPECT_EQ(read_numeric(bytes + 4, 2).kind, NumericKind::kNan);
}

TEST(NumericFormat, InfinityIsNotFinite) {
  const std::uint16_t word = 0xD000;
  EXPECT_EQ(read_numeric(&word, sizeof word).kind, NumericKind::kInfinite);
}

TEST(NumericFormat, LongFormIsRead) {
  const std::uint16_t words[] = {0x4000 | 3, 0, 12, 5000};  // -12.500 with a long header
  const NumericValue value = read_numeric(words, sizeof words);
  EXPECT_EQ(value.kind, NumericKind::kFinite);
  EXPECT_TRUE(value.scaled == -12500);
  EXPECT_EQ(value.scale, 3);
}

TEST(NumericFormat, MoreThanThirtyEightDigitsAreTooLong) {
  const std::uint16_t words[] = {header(false, 0, 9), 100};  // 10^38
  EXPECT_EQ(read_numeric(words, sizeof words).kind, NumericKind::kTooLong);
  const std::uint16_t fits[] = {header(false, 0, 9), 99};
  EXPECT_EQ(read_numeric(fits, sizeof fits).kind, NumericKind::kFinite);
}

TEST(NumericFormat, WhatIsWrittenIsReadBack) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; ++i) {
    const int digits = 1 + static_cast<int>(random() % 38);
    Int128 value = static_cast<Int128>((static_cast<base::UInt128>(random()) << 64) | random());
    value %= power_of_ten(digits);
    const int scale = static_cast<int>(random() % 39);
    alignas(8) char bytes[kNumericBytesMax];
    const std::size_t size = write_numeric(value, scale, bytes);
    ASSERT_LE(size, kNumericBytesMax);
    const NumericValue read = read_numeric(bytes + 4, size - 4);
    ASSERT_EQ(read.kind, NumericKind::kFinite);
    ASSERT_TRUE(read.scaled == value);
    ASSERT_EQ(read.scale, scale);
  }
}

TEST(NumericFormat, RescaleIsExactOrNothing) {
  EXPECT_TRUE(rescale(1250, 3, 2) == Int128{125});
  EXPECT_FALSE(rescale(1251, 3, 2).has_value());
  EXPECT_TRUE(rescale(-5, 0, 3) == Int128{-5000});
  EXPECT_FALSE(rescale(power_of_ten(37), 0, 1).has_value());
}

}  // namespace
}  // namespace sluice::pg
