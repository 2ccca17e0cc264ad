#include "vector/hash.h"

#include <array>
#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "vector/batch.h"

namespace sluice::vector {
namespace {

std::vector<std::uint64_t> hashes_of(const Batch& batch, const std::vector<std::uint32_t>& keys,
                                     const std::vector<KeyEquality>& equalities) {
  std::vector<std::uint64_t> hashes(batch.count());
  hash_keys(batch, keys, equalities, hashes.data());
  return hashes;
}

template <typename T>
ColumnView column_of(PhysicalType type, const std::vector<T>& values,
                     const std::uint64_t* validity = nullptr) {
  return {type, false, values.data(), validity};
}

TEST(HashKeys, SequentialIntegersSpreadOverHighAndLowBits) {
  std::vector<std::int32_t> values(kBatchRowsMax);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int32_t>(i * 4);
  }
  const std::array columns = {column_of(PhysicalType::kInt32, values)};
  const auto hashes = hashes_of({columns, kBatchRowsMax}, {0}, {KeyEquality::kBits});
  for (const int shift : {0, 32, 58}) {
    std::array<int, 64> buckets{};
    for (const std::uint64_t hash : hashes) {
      ++buckets[(hash >> shift) & 63];
    }
    for (const int bucket : buckets) {
      EXPECT_GT(bucket, 8);  // 32 are expected
      EXPECT_LT(bucket, 64);
    }
  }
  EXPECT_EQ(std::set(hashes.begin(), hashes.end()).size(), hashes.size());
}

TEST(HashKeys, EveryInputBitChangesAboutHalfOfTheHash) {
  for (int bit = 0; bit < 64; ++bit) {
    int changed = 0;
    for (std::uint64_t value = 0; value < 64; ++value) {
      changed += std::popcount(hash_integer(value) ^ hash_integer(value ^ (1ULL << bit)));
    }
    EXPECT_NEAR(changed / 64.0, 32.0, 5.0) << bit;
  }
}

TEST(HashKeys, TwoKeysDependOnTheirOrderAndHaveNoCollisionsOnAGrid) {
  std::vector<std::int64_t> a(kBatchRowsMax);
  std::vector<std::int64_t> b(kBatchRowsMax);
  for (std::size_t i = 0; i < kBatchRowsMax; ++i) {
    a[i] = static_cast<std::int64_t>(i / 64);
    b[i] = static_cast<std::int64_t>(i % 64);
  }
  const std::array columns = {column_of(PhysicalType::kInt64, a),
                              column_of(PhysicalType::kInt64, b)};
  const Batch batch(columns, kBatchRowsMax);
  const auto bits = KeyEquality::kBits;
  const auto ab = hashes_of(batch, {0, 1}, {bits, bits});
  const auto ba = hashes_of(batch, {1, 0}, {bits, bits});
  EXPECT_EQ(std::set(ab.begin(), ab.end()).size(), ab.size());
  EXPECT_NE(ab[1], ba[1]);
}

TEST(HashKeys, SelectionHashesTheSelectedRowsInOrder) {
  std::vector<std::int16_t> values = {5, 6, 7, 8};
  const std::array columns = {column_of(PhysicalType::kInt16, values)};
  const std::array<RowIndex, 2> selection = {1, 3};
  const auto all = hashes_of({columns, 4}, {0}, {KeyEquality::kBits});
  const auto some = hashes_of({columns, 4, selection.data(), 2}, {0}, {KeyEquality::kBits});
  EXPECT_EQ(some, (std::vector<std::uint64_t>{all[1], all[3]}));
}

TEST(HashKeys, NullsHashAlikeWhateverLiesUnderThem) {
  std::vector<std::int32_t> values = {1, 2, 3};
  const std::uint64_t validity = 0b100;
  const std::array columns = {column_of(PhysicalType::kInt32, values, &validity)};
  const auto hashes = hashes_of({columns, 3}, {0}, {KeyEquality::kBits});
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_NE(hashes[0], hashes[2]);
  EXPECT_TRUE(values_equal(columns[0], 0, columns[0], 1, KeyEquality::kBits));
  EXPECT_FALSE(values_equal(columns[0], 0, columns[0], 2, KeyEquality::kBits));
}

TEST(HashKeys, FloatsHashByPostgresEquality) {
  std::vector<double> values = {0.0, -0.0, std::numeric_limits<double>::quiet_NaN(),
                                std::bit_cast<double>(0xfff8000000000123ULL), 1.0};
  const std::array columns = {column_of(PhysicalType::kFloat64, values)};
  const auto hashes = hashes_of({columns, 5}, {0}, {KeyEquality::kFloat});
  EXPECT_EQ(hashes[0], hashes[1]);
  EXPECT_EQ(hashes[2], hashes[3]);
  EXPECT_NE(hashes[0], hashes[4]);
  EXPECT_TRUE(values_equal(columns[0], 0, columns[0], 1, KeyEquality::kFloat));
  EXPECT_TRUE(values_equal(columns[0], 2, columns[0], 3, KeyEquality::kFloat));
  EXPECT_FALSE(values_equal(columns[0], 2, columns[0], 4, KeyEquality::kFloat));
}

TEST(HashKeys, BlankPaddedStringsIgnoreTrailingBlanksOfAnyLength) {
  const std::vector<std::string> texts = {
      "abc", "abc   ", "abc                  ", "ab c",
      "",    "    ",   "thirteen bytes",        "thirteen bytes  "};
  std::vector<StringRef> values;
  values.reserve(texts.size());
  for (const std::string& text : texts) {
    values.emplace_back(std::string_view(text));
  }
  const std::array columns = {column_of(PhysicalType::kVarlen, values)};
  const Batch batch(columns, 8);
  const auto padded = hashes_of(batch, {0}, {KeyEquality::kBlankPadded});
  const auto bytes = hashes_of(batch, {0}, {KeyEquality::kBytes});
  for (const auto& [a, b] : {std::pair{0, 1}, {0, 2}, {4, 5}, {6, 7}}) {
    EXPECT_EQ(padded[a], padded[b]);
    EXPECT_TRUE(values_equal(columns[0], a, columns[0], b, KeyEquality::kBlankPadded));
    EXPECT_NE(bytes[a], bytes[b]);
    EXPECT_FALSE(values_equal(columns[0], a, columns[0], b, KeyEquality::kBytes));
  }
  EXPECT_NE(padded[0], padded[3]);
  EXPECT_EQ(bytes[0], hash_bytes("abc"));
  EXPECT_EQ(bytes[6], hash_bytes("thirteen bytes"));
}

TEST(HashKeys, WideIntegersDifferInEveryHalf) {
  std::vector<base::Int128> values = {1, static_cast<base::Int128>(1) << 64, -1, kDecimalNan128, 1};
  const std::array columns = {column_of(PhysicalType::kInt128, values)};
  const auto hashes = hashes_of({columns, 5}, {0}, {KeyEquality::kBits});
  EXPECT_EQ(std::set(hashes.begin(), hashes.end()).size(), 4U);
  EXPECT_EQ(hashes[0], hashes[4]);
}

TEST(HashKeys, BytesAtAnyAddressHashAlike) {
  for (std::size_t size : {0, 1, 4, 12, 13, 16, 17, 128, 300}) {
    const std::string text(size, 'q');
    const std::string moved = "x" + text;
    EXPECT_EQ(hash_bytes(text), hash_bytes(std::string_view(moved).substr(1)));
    EXPECT_NE(hash_bytes(text), hash_bytes(moved));
  }
}

}  // namespace
}  // namespace sluice::vector
