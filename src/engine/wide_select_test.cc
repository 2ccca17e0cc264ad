#include "engine/wide_select.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

namespace sluice::engine {
namespace {

using plan::Op;
using vector::RowIndex;

constexpr std::uint32_t kRowsMax = 77;  // no multiple of eight
constexpr RowIndex kUntouched = 0xABCD;
constexpr Op kComparisons[] = {Op::kEqual,     Op::kNotEqual, Op::kLess,
                               Op::kLessEqual, Op::kGreater,  Op::kGreaterEqual};

template <typename T>
bool compares(Op comparison, T value, T constant) {
  switch (comparison) {
    case Op::kEqual:
      return value == constant;
    case Op::kNotEqual:
      return value != constant;
    case Op::kLess:
      return value < constant;
    case Op::kLessEqual:
      return value <= constant;
    case Op::kGreater:
      return value > constant;
    default:
      return value >= constant;
  }
}

/// All rows, adjacent ones with gaps between them, and few.
std::vector<RowIndex> some_rows(std::mt19937& random, std::uint32_t one_in) {
  std::vector<RowIndex> rows;
  for (RowIndex row = 0; row < kRowsMax; ++row) {
    if (one_in == 1 || random() % one_in != 0) {
      rows.push_back(row);
    }
  }
  return rows;
}

template <typename T>
class WideSelect : public testing::Test {
 protected:
  void SetUp() override {
    if (!wide::is_supported()) {
      GTEST_SKIP() << "this processor has no AVX2";
    }
    // Few values, so that all are met; with both ends, and what differs in the upper half only.
    const T least = std::numeric_limits<T>::min();
    const T greatest = std::numeric_limits<T>::max();
    const T pool[] = {least, T(least + 1),        T(-1),           0,
                      1,     T(greatest / 2 + 1), T(greatest - 1), greatest};
    for (T& value : values_) {
      value = pool[random_() % std::size(pool)];
    }
    constants_.assign(std::begin(pool), std::end(pool));
  }

  std::mt19937 random_{7};
  T values_[kRowsMax]{};
  std::vector<T> constants_;
};

using Integers = testing::Types<std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(WideSelect, Integers);

TYPED_TEST(WideSelect, PicksTheRowsThatCompareSoAndNoOthers) {
  for (const Op comparison : kComparisons) {
    for (const TypeParam constant : this->constants_) {
      for (std::uint32_t count = 0; count <= kRowsMax; ++count) {
        std::vector<RowIndex> expected;
        for (RowIndex row = 0; row < count; ++row) {
          if (compares(comparison, this->values_[row], constant)) {
            expected.push_back(row);
          }
        }
        std::vector<RowIndex> passed(count + 8, kUntouched);
        const std::uint32_t found =
            wide::select(comparison, this->values_, constant, {nullptr, count}, passed.data());
        EXPECT_TRUE(std::all_of(passed.begin() + count, passed.end(),
                                [](RowIndex row) { return row == kUntouched; }));
        passed.resize(found);
        ASSERT_EQ(passed, expected) << static_cast<int>(comparison) << " " << count;
      }
    }
  }
}

TYPED_TEST(WideSelect, PicksAmongSelectedRowsInPlace) {
  for (const Op comparison : kComparisons) {
    for (const TypeParam constant : this->constants_) {
      for (const std::uint32_t one_in : {1U, 2U, 3U, 20U}) {
        const std::vector<RowIndex> rows = some_rows(this->random_, one_in);
        std::vector<RowIndex> expected;
        std::ranges::copy_if(rows, std::back_inserter(expected), [&](RowIndex row) {
          return compares(comparison, this->values_[row], constant);
        });
        const auto count = static_cast<std::uint32_t>(rows.size());
        std::vector<RowIndex> passed = rows;
        passed.resize(wide::select(comparison, this->values_, constant, {passed.data(), count},
                                   passed.data()));
        ASSERT_EQ(passed, expected) << static_cast<int>(comparison) << " " << one_in;
      }
    }
  }
}

TEST(WideKeepSet, KeepsTheValuesWhoseBitIsSetWhereverTheRangeLies) {
  if (!wide::is_supported()) {
    GTEST_SKIP() << "this processor has no AVX2";
  }
  std::mt19937 random(11);
  constexpr std::int64_t kLeast = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t kGreatest = std::numeric_limits<std::int32_t>::max();
  for (const std::uint64_t span : {0U, 1U, 63U, 64U, 1000U, 100'000U}) {
    for (const std::int64_t least :
         {kLeast, std::int64_t{-3}, std::int64_t{0}, kGreatest - static_cast<std::int64_t>(span)}) {
      const IntegerRange range{least, span};
      std::vector<std::uint64_t> words(span / 64 + 1);
      std::ranges::generate(words, [&] { return std::uint64_t{random()} << 32 | random(); });
      for (int round = 0; round < 20; ++round) {
        std::int32_t values[kRowsMax];
        for (std::int32_t& value : values) {
          const std::int64_t near = least - 2 + static_cast<std::int64_t>(random() % (span + 5));
          value = random() % 4 == 0
                      ? static_cast<std::int32_t>(random())
                      : static_cast<std::int32_t>(std::clamp(near, kLeast, kGreatest));
        }
        std::vector<RowIndex> rows = some_rows(random, round % 4 + 1U);
        rows.resize(rows.size() - static_cast<std::size_t>(round) % 9);
        std::vector<RowIndex> expected;
        std::ranges::copy_if(rows, std::back_inserter(expected), [&](RowIndex row) {
          const std::uint64_t bit = range.offset(values[row]);
          return bit <= span && (words[bit / 64] >> (bit % 64) & 1) != 0;
        });
        rows.resize(wide::keep_set(values, range, words.data(), rows.data(),
                                   static_cast<std::uint32_t>(rows.size())));
        ASSERT_EQ(rows, expected) << least << " " << span;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::engine
