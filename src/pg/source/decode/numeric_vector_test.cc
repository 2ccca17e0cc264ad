#include "pg/source/decode/numeric_vector.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

#include "base/error.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/decode/tuple_builder.h"

namespace sluice::pg {
namespace {

using base::Int128;
using vector::PhysicalType;

#define SLUICE_NEED_VECTORS()                                     \
  if (!NumericVector::is_supported()) {                           \
    GTEST_SKIP() << "this processor decodes numerics one by one"; \
  }

/// A varlena behind what stands in front of it in a tuple.
class StoredTuple {
 public:
  explicit StoredTuple(const Bytes& varlena) : bytes_(kDataStartMin + varlena.size(), 0xEE) {
    std::ranges::copy(varlena, bytes_.begin() + kDataStartMin);
  }
  [[nodiscard]] const std::uint8_t* at() const { return bytes_.data() + kDataStartMin; }
  [[nodiscard]] const std::uint8_t* end() const { return bytes_.data() + bytes_.size(); }
  [[nodiscard]] Bytes payload() const { return {at() + 1, end()}; }

 private:
  Bytes bytes_;
};

void put(Bytes& bytes, unsigned word) {
  bytes.push_back(static_cast<std::uint8_t>(word));
  bytes.push_back(static_cast<std::uint8_t>(word >> 8));
}

Bytes short_varlena(unsigned head, std::initializer_list<unsigned> digits) {
  Bytes payload;
  put(payload, head);
  for (const unsigned digit : digits) {
    put(payload, digit);
  }
  return stored_short(payload).bytes;
}

/// Any head with 0..4 digits, some of them no digits; now and then an odd length or a long header.
Bytes random_varlena(std::mt19937_64& random) {
  static constexpr std::array<unsigned, 8> kDigits = {0, 1, 10, 100, 5000, 9900, 9999, 10000};
  Bytes payload;
  if (random() % 8 == 0) {
    put(payload, static_cast<unsigned>(random()));
  } else {
    const unsigned weight = (static_cast<unsigned>(random() % 10) - 5) & kNumericShortWeightBits;
    put(payload, kNumericShort | weight | static_cast<unsigned>(random() % 128) << 7);
  }
  for (std::uint64_t digits = random() % 5; digits > 0; --digits) {
    put(payload, random() % 16 == 0  ? static_cast<unsigned>(random())
                 : random() % 2 == 0 ? kDigits[random() % kDigits.size()]
                                     : static_cast<unsigned>(random() % kNumericBase));
  }
  if (random() % 32 == 0) {
    payload.push_back(0);
  }
  return random() % 32 == 0 ? stored_long(payload).bytes : stored_short(payload).bytes;
}

/// Decodes `tuples` as one block. A usual row must have decode()'s value. Returns how many were
/// usual.
std::size_t check_block(const NumericDecoder& decoder, const std::vector<StoredTuple>& tuples) {
  NumericBlock block;
  for (std::size_t i = 0; i < tuples.size(); ++i) {
    block.set(i, tuples[i].at(), tuples[i].end());
  }
  const bool are_usual =
      NumericVector(decoder).decode(block, static_cast<std::uint32_t>(tuples.size()));
  std::size_t usual = 0;
  for (std::size_t i = 0; i < tuples.size(); ++i) {
    if (block.is_usual(i)) {
      ++usual;
      const NumericResult result = decoder.decode(tuples[i].payload());
      EXPECT_EQ(result.state, NumericState::kValue);
      EXPECT_TRUE(result.value == static_cast<std::int64_t>(block.words[i]))
          << testing::PrintToString(tuples[i].payload());
    }
  }
  EXPECT_EQ(are_usual, usual == tuples.size());
  return usual;
}

TEST(NumericVector, RandomBytesOfEveryDeclarationAndBlockLengthAgreeWithDecode) {
  SLUICE_NEED_VECTORS();
  std::mt19937_64 random(3);
  std::uint32_t rows = 1;
  std::size_t usual = 0;
  for (int precision = 1; precision <= 38; ++precision) {
    for (int scale = 0; scale <= precision; ++scale) {
      const NumericDecoder decoder(static_cast<std::uint8_t>(precision),
                                   static_cast<std::uint8_t>(scale));
      for (int i = 0; i < 8; ++i) {
        std::vector<StoredTuple> tuples;
        for (std::uint32_t row = 0; row < rows; ++row) {
          tuples.emplace_back(random_varlena(random));
        }
        usual += check_block(decoder, tuples);
        rows = rows % NumericBlock::kRows + 1;
      }
    }
  }
  EXPECT_GT(usual, 10'000U);
}

TEST(NumericVector, EveryDigitAndWeightAgreesWithDecode) {
  SLUICE_NEED_VECTORS();
  for (const int scale : {0, 1, 2, 3, 4, 6, 9}) {
    const NumericDecoder decoder(15, static_cast<std::uint8_t>(scale));
    for (unsigned weight = 0; weight <= kNumericShortWeightBits; ++weight) {
      const unsigned head = kNumericShort | weight | (weight & 1) << kNumericShortSignShift;
      std::vector<StoredTuple> tuples;
      for (const unsigned digit : {0U, 1U, 10U, 700U, 5000U, 9999U, 10000U, 0x7FFFU, 0xFFFFU}) {
        tuples.emplace_back(short_varlena(head, {digit}));
        tuples.emplace_back(short_varlena(head, {9999, digit}));
        tuples.emplace_back(short_varlena(head, {1, 0, digit}));
      }
      check_block(decoder, tuples);
    }
    unsigned step = kNumericBase;  // a stored digit that the scale cuts is a multiple of it
    for (int i = 0; i < scale && step > 1; ++i) {
      step /= 10;
    }
    for (unsigned digit = 0; digit < kNumericBase; ++digit) {
      const std::size_t usual =
          check_block(decoder, {StoredTuple(short_varlena(kNumericShort | 0x7F, {digit})),
                                StoredTuple(short_varlena(kNumericShort, {7, digit})),
                                StoredTuple(short_varlena(kNumericShort | 1, {7, 8, digit}))});
      if (scale <= kNumericGroupDigits && digit % step == 0) {
        ASSERT_EQ(usual, 3U) << scale << " " << digit;
      }
    }
  }
}

TEST(NumericVector, CommonMoneyIsUsual) {
  SLUICE_NEED_VECTORS();
  std::vector<StoredTuple> tuples;
  for (const std::int64_t cents : {0, 1, 9, 10, 99, 100, 1700, 90105, 9999999, 104949500}) {
    for (const std::int64_t sign : {1, -1}) {
      tuples.emplace_back(stored_short(numeric_payload(sign * cents, 2)).bytes);
    }
  }
  EXPECT_EQ(check_block(NumericDecoder(15, 2), tuples), tuples.size());
  EXPECT_LT(check_block(NumericDecoder(7, 2), tuples), tuples.size()) << "too large";
}

TEST(NumericVector, SpecialAndLongFormsAndTruncatedValuesAreUnusual) {
  SLUICE_NEED_VECTORS();
  const NumericDecoder decoder(15, 2);
  const std::vector<StoredTuple> tuples = {StoredTuple(short_varlena(kNumericNan, {})),
                                           StoredTuple(short_varlena(kNumericNan, {0})),
                                           StoredTuple(short_varlena(0xD000, {})),
                                           StoredTuple(short_varlena(0xF000, {})),
                                           StoredTuple(short_varlena(0, {0, 7})),
                                           StoredTuple(short_varlena(kNumericNegative, {0})),
                                           StoredTuple(stored_toast_pointer().bytes),
                                           StoredTuple({})};
  EXPECT_EQ(check_block(decoder, tuples), 0U);
  const Bytes whole = short_varlena(kNumericShort, {7, 5000});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    const auto end = whole.begin() + static_cast<std::ptrdiff_t>(bytes);
    EXPECT_EQ(check_block(decoder, {StoredTuple(Bytes(whole.begin(), end))}), 0U);
  }
}

struct Wanted {
  Int128 value = 0;
  bool is_toasted = false;
};

/// A column of usual and unusual values, one in `unusual_of` of the latter, and a second one behind
/// it, whose places depend on the first.
TupleBuilder mixed_tuples(std::uint32_t rows, std::uint64_t unusual_of, std::mt19937_64& random,
                          std::vector<Wanted>& wanted) {
  constexpr AttributeLayout kVarlena{kVarlenaLength, 4};
  TupleBuilder builder({kVarlena, kVarlena});
  for (std::uint32_t row = 0; row < rows; ++row) {
    const auto value = static_cast<std::int64_t>(random() % 20'000'000) - 10'000'000;
    const Int128 large = Int128{value} * 10'000'001;
    StoredValue stored = stored_short(numeric_payload(value, 2));
    Wanted want{value, false};
    switch (random() % unusual_of == 0 ? random() % 4 : 4) {
      case 0:
        stored = stored_toast_pointer();
        want = {0, true};
        break;
      case 1:
        stored = stored_short(numeric_payload(large, 2));
        want.value = large;
        break;
      case 2:
        stored = stored_long(numeric_payload(value, 2));
        break;
      case 3:
        stored = stored_short(numeric_payload(value, 2, true));
        break;
      default:
        break;
    }
    wanted.push_back(want);
    builder.add({stored, stored_short(numeric_payload(row, 2))});
  }
  return builder;
}

ColumnTarget decimal(std::uint16_t attribute, std::uint8_t precision) {
  ColumnTarget target;
  target.attribute = attribute;
  target.type = precision <= 18 ? PhysicalType::kInt64 : PhysicalType::kInt128;
  target.precision = precision;
  target.scale = 2;
  return target;
}

Int128 value_of(const vector::ColumnView& view, std::uint32_t row) {
  return view.type == PhysicalType::kInt64 ? Int128{view.as<std::int64_t>()[row]}
                                           : view.as<Int128>()[row];
}

void check_columns(std::uint32_t rows, std::uint64_t unusual_of, std::uint8_t precision,
                   bool is_dense) {
  std::mt19937_64 random(rows);
  std::vector<Wanted> wanted;
  const TupleBuilder builder = mixed_tuples(rows, unusual_of, random, wanted);
  PageDecoder decoder(builder.attributes(), {decimal(0, precision), decimal(1, precision)});
  decoder.load(builder.tuples());
  std::vector<vector::RowIndex> selection;
  for (std::uint32_t row = 0; row < rows; ++row) {
    if (is_dense || row % 3 != 1) {
      selection.push_back(static_cast<vector::RowIndex>(row));
    }
  }
  decoder.decode_stage(0, is_dense ? nullptr : selection.data(),
                       static_cast<std::uint32_t>(selection.size()));
  std::size_t toasted = 0;
  for (const vector::RowIndex row : selection) {
    ASSERT_TRUE(value_of(decoder.view(0), row) == wanted[row].value) << rows << " " << row;
    ASSERT_TRUE(value_of(decoder.view(1), row) == row) << rows << " " << row;
    if (wanted[row].is_toasted) {
      ASSERT_LT(toasted, decoder.toasted().size());
      ASSERT_EQ(decoder.toasted()[toasted++].row, row);
    }
  }
  ASSERT_EQ(toasted, decoder.toasted().size());
}

TEST(NumericVector, ColumnsOfAnyLengthAreWholeDenseAndSelected) {
  for (std::uint32_t rows = 1; rows <= 2 * NumericBlock::kRows + 10; ++rows) {
    for (const std::uint64_t unusual_of : {1U, 6U, 1000U}) {
      for (const std::uint8_t precision : {18, 20}) {
        check_columns(rows, unusual_of, precision, true);
        check_columns(rows, unusual_of, precision, false);
      }
    }
  }
  check_columns(vector::kBatchRowsMax, 1, 18, true);
}

TEST(NumericVector, TheFirstBadRowIsTheOneThatIsTold) {
  constexpr AttributeLayout kVarlena{kVarlenaLength, 4};
  const StoredValue misfit = stored_short(numeric_payload(1234, 3));
  const StoredValue broken = stored_short(Bytes{0, 0x80, 1});  // half a digit
  for (const bool misfit_first : {true, false}) {
    TupleBuilder builder({kVarlena});
    for (std::int64_t row = 0; row < 50; ++row) {
      const bool is_first = row == 10;
      builder.add({is_first || row == 20 ? (is_first == misfit_first ? misfit : broken)
                                         : stored_short(numeric_payload(row, 2))});
    }
    PageDecoder decoder(builder.attributes(), {decimal(0, 15)});
    decoder.load(builder.tuples());
    try {
      decoder.decode_stage(0, nullptr, decoder.rows());
      ADD_FAILURE() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), misfit_first ? base::ErrorKind::kAbandon : base::ErrorKind::kCorrupt);
    }
  }
}

}  // namespace
}  // namespace sluice::pg
