#include "pg/source/decode/numeric_decode.h"

#include <gtest/gtest.h>
#include <random>

#include "pg/source/decode/tuple_builder.h"

namespace sluice::pg {
namespace {

using base::Int128;

Int128 power_of_ten(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) {
    power *= 10;
  }
  return power;
}

/// Both entries; decode_short() may decline, but must not differ. The payload stands behind a tuple
/// header.
NumericResult decode_both(const NumericDecoder& decoder, const Bytes& payload, bool& was_short) {
  const NumericResult result = decoder.decode(payload);
  was_short = false;
  if (payload.size() < 127) {
    Bytes tuple(kDataStartMin, 0xEE);
    const StoredValue stored = stored_short(payload);
    tuple.insert(tuple.end(), stored.bytes.begin(), stored.bytes.end());
    std::int64_t value = 0;
    const std::uint8_t* end = tuple.data() + tuple.size();
    if (decoder.cuts_digit() ? decoder.decode_short<true>(stored.bytes[0], end, value)
                             : decoder.decode_short<false>(stored.bytes[0], end, value)) {
      was_short = true;
      EXPECT_EQ(result.state, NumericState::kValue);
      EXPECT_TRUE(result.value == value);
    }
  }
  return result;
}

NumericResult decode_both(const NumericDecoder& decoder, const Bytes& payload) {
  bool was_short = false;
  return decode_both(decoder, payload, was_short);
}

Bytes words(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) {
    bytes.push_back(static_cast<std::uint8_t>(value));
    bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  }
  return bytes;
}

TEST(NumericDecode, RandomValuesOfEveryDeclarationComeBack) {
  std::mt19937_64 random(11);
  for (int precision = 1; precision <= 38; ++precision) {
    for (int scale = 0; scale <= precision; ++scale) {
      const NumericDecoder decoder(static_cast<std::uint8_t>(precision),
                                   static_cast<std::uint8_t>(scale));
      for (int i = 0; i < 60; ++i) {
        const int digits = 1 + static_cast<int>(random() % static_cast<unsigned>(precision));
        Int128 value = static_cast<Int128>((static_cast<base::UInt128>(random()) << 63 | random()) %
                                           static_cast<base::UInt128>(power_of_ten(digits)));
        if (random() % 4 == 0) {
          value -= value % power_of_ten(digits / 2);  // stored without its trailing zeros
        }
        if (random() % 2 == 0) {
          value = -value;
        }
        const NumericResult result =
            decode_both(decoder, numeric_payload(value, scale, random() % 3 == 0));
        ASSERT_EQ(result.state, NumericState::kValue) << precision << "," << scale;
        ASSERT_TRUE(result.value == value) << precision << "," << scale;
      }
      const Int128 largest = power_of_ten(precision) - 1;
      ASSERT_TRUE(decode_both(decoder, numeric_payload(largest, scale)).value == largest);
      ASSERT_TRUE(decode_both(decoder, numeric_payload(-largest, scale)).value == -largest);
    }
  }
}

TEST(NumericDecode, CommonMoneyTakesTheShortPath) {
  const NumericDecoder decoder(15, 2);
  for (const std::int64_t cents : {0, 1, 9, 10, 99, 100, 1700, 90105, 9999999, 104949500}) {
    bool was_short = false;
    EXPECT_TRUE(decode_both(decoder, numeric_payload(cents, 2), was_short).value == cents);
    EXPECT_TRUE(was_short) << cents;
  }
}

TEST(NumericDecode, AllSmallValuesOfScaleTwoAreExact) {
  const NumericDecoder decoder(15, 2);
  for (std::int64_t cents = -20000; cents <= 20000; ++cents) {
    ASSERT_TRUE(decode_both(decoder, numeric_payload(cents, 2)).value == cents);
  }
}

TEST(NumericDecode, ValuesOutsideTheDeclarationDoNotFit) {
  const NumericDecoder decoder(5, 2);
  EXPECT_EQ(decode_both(decoder, numeric_payload(100000, 2)).state, NumericState::kDoesNotFit);
  EXPECT_EQ(decode_both(decoder, numeric_payload(-100000, 2)).state, NumericState::kDoesNotFit);
  EXPECT_EQ(decode_both(decoder, numeric_payload(1234, 3)).state, NumericState::kDoesNotFit);
  EXPECT_EQ(decode_both(decoder, numeric_payload(1, 8)).state, NumericState::kDoesNotFit);
  EXPECT_EQ(decode_both(decoder, numeric_payload(power_of_ten(37), 0)).state,
            NumericState::kDoesNotFit);
  EXPECT_EQ(decode_both(decoder, words({0x0002, 32767, 1})).state, NumericState::kDoesNotFit);
  EXPECT_TRUE(decode_both(decoder, numeric_payload(1230, 3)).value == 123);
}

TEST(NumericDecode, EveryFourDigitGroupThatTheScaleCutsIsExactOrDeclined) {
  for (const int scale : {1, 2, 3}) {
    const NumericDecoder decoder(9, static_cast<std::uint8_t>(scale));
    const Int128 cut = power_of_ten(4 - scale);
    for (int group = 1; group < kNumericBase; ++group) {
      const NumericResult result = decode_both(decoder, words({0x8000 | 4 << 7 | 0x7F, group}));
      if (group % cut == 0) {
        ASSERT_EQ(result.state, NumericState::kValue);
        ASSERT_TRUE(result.value == group / cut);
      } else {
        ASSERT_EQ(result.state, NumericState::kDoesNotFit);
      }
    }
  }
}

TEST(NumericDecode, SpecialValuesAreTold) {
  const NumericDecoder decoder(15, 2);
  EXPECT_EQ(decode_both(decoder, words({0xC000})).state, NumericState::kNan);
  EXPECT_EQ(decode_both(decoder, words({0xC000, 0})).state, NumericState::kNan);  // before 9.1
  EXPECT_EQ(decode_both(decoder, words({0xD000})).state, NumericState::kDoesNotFit);
  EXPECT_EQ(decode_both(decoder, words({0xF000})).state, NumericState::kDoesNotFit);
}

TEST(NumericDecode, MalformedBytesAreCorrupt) {
  const NumericDecoder decoder(15, 2);
  EXPECT_EQ(decoder.decode(Bytes{}).state, NumericState::kCorrupt);
  EXPECT_EQ(decoder.decode(Bytes{0}).state, NumericState::kCorrupt);
  EXPECT_EQ(decoder.decode(Bytes{0, 0x80, 1}).state, NumericState::kCorrupt);
  EXPECT_EQ(decoder.decode(words({0x0002})).state, NumericState::kCorrupt);
  EXPECT_EQ(decoder.decode(words({0x8000, 10000})).state, NumericState::kCorrupt);
}

TEST(NumericDecode, StoredZeroDigitsCountAsNothing) {
  const NumericDecoder decoder(15, 2);
  EXPECT_TRUE(decode_both(decoder, words({0x8000 | 1, 0, 7, 0, 0, 0})).value == 700);
  EXPECT_TRUE(decode_both(decoder, words({0x8000 | 63})).value == 0);
}

}  // namespace
}  // namespace sluice::pg
