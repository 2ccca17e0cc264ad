#include "pg/source/decode/page_decoder.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>

#include "base/error.h"
#include "pg/source/decode/page_decoder_cases.h"
#include "vector/string_ref.h"
#include "vector/uuid_order.h"

namespace sluice::pg {
namespace {

using base::Int128;
using vector::PhysicalType;
using vector::StringRef;

constexpr AttributeLayout kUuid{vector::kUuidBytes, 1};

StoredValue stored_uuid(Int128 value) {
  std::array<std::uint8_t, vector::kUuidBytes> bytes{};
  vector::write_uuid(value, bytes.data());
  return stored_fixed(bytes);
}

constexpr Stage kStages = 4;

TEST(PageDecoder, DecodesEveryTypeBehindFixedAndVariableAttributes) {
  TupleBuilder builder({{1, 1}, {2, 2}, kInt4, kInt8Byte, kInt8Byte, kVarlena, kVarlena, kInt4});
  builder.add({stored_fixed<std::int8_t>(1), stored_fixed<std::int16_t>(-7), stored_fixed(123456),
               stored_fixed<std::int64_t>(-5'000'000'000), stored_fixed(2.5), money(-1234567),
               text("hello, long enough to be no inline string"), stored_fixed(42)});
  PageDecoder decoder(builder.attributes(),
                      {column(0, PhysicalType::kInt8), column(1, PhysicalType::kInt16),
                       column(2, PhysicalType::kInt32), column(3, PhysicalType::kInt64),
                       column(4, PhysicalType::kFloat64), decimal(5, 15, 2),
                       column(6, PhysicalType::kVarlen), column(7, PhysicalType::kInt32)});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  EXPECT_EQ(decoder.view(0).as<std::int8_t>()[0], 1);
  EXPECT_EQ(decoder.view(1).as<std::int16_t>()[0], -7);
  EXPECT_EQ(decoder.view(2).as<std::int32_t>()[0], 123456);
  EXPECT_EQ(decoder.view(3).as<std::int64_t>()[0], -5'000'000'000);
  EXPECT_EQ(decoder.view(4).as<double>()[0], 2.5);
  EXPECT_EQ(decoder.view(5).as<std::int64_t>()[0], -1234567);
  EXPECT_EQ(decoder.view(6).as<StringRef>()[0].view(), "hello, long enough to be no inline string");
  EXPECT_EQ(decoder.view(7).as<std::int32_t>()[0], 42);
  EXPECT_EQ(decoder.view(7).validity, nullptr);
}

TEST(PageDecoder, StringsOfEveryLengthAreWhole) {
  TupleBuilder builder({kVarlena, kVarlena});
  std::string bytes;
  for (int length = 0; length < 300; ++length) {
    builder.add({text(bytes), text(std::string(bytes.rbegin(), bytes.rend()))});
    bytes.push_back(static_cast<char>('a' + length % 26));
  }
  PageDecoder decoder(builder.attributes(),
                      {column(0, PhysicalType::kVarlen), column(1, PhysicalType::kVarlen)});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  for (std::uint32_t length = 0; length < 300; ++length) {
    const std::string_view want(bytes.data(), length);
    const StringRef& got = decoder.view(0).as<StringRef>()[length];
    ASSERT_EQ(got.view(), want);
    ASSERT_TRUE(got == StringRef(want)) << "prefix and padding differ";
    ASSERT_EQ(decoder.view(1).as<StringRef>()[length].view(),
              std::string(want.rbegin(), want.rend()));
  }
}

TEST(PageDecoder, NullsAndMissingAttributesAreMarked) {
  TupleBuilder builder({kInt4, kVarlena, kInt4, kInt4});
  builder.add({stored_fixed(1), text("a"), stored_fixed(10), stored_fixed(100)});
  builder.add({std::nullopt, std::nullopt, stored_fixed(20), std::nullopt});
  builder.add({stored_fixed(3), text("c")});
  ColumnTarget defaulted = column(2, PhysicalType::kInt32);
  defaulted.missing = stored_fixed(77).bytes;
  PageDecoder decoder(builder.attributes(),
                      {column(0, PhysicalType::kInt32), column(1, PhysicalType::kVarlen), defaulted,
                       column(3, PhysicalType::kInt32)});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  EXPECT_EQ(decoder.view(0).as<std::int32_t>()[0], 1);
  EXPECT_TRUE(decoder.view(0).is_null(1));
  EXPECT_EQ(decoder.view(0).as<std::int32_t>()[2], 3);
  EXPECT_TRUE(decoder.view(1).is_null(1));
  EXPECT_EQ(decoder.view(1).as<StringRef>()[1].size(), 0U);
  EXPECT_EQ(decoder.view(1).as<StringRef>()[2].view(), "c");
  EXPECT_EQ(decoder.view(2).validity, nullptr);
  EXPECT_EQ(decoder.view(2).as<std::int32_t>()[1], 20);
  EXPECT_EQ(decoder.view(2).as<std::int32_t>()[2], 77);
  EXPECT_FALSE(decoder.view(3).is_null(0));
  EXPECT_TRUE(decoder.view(3).is_null(1));
  EXPECT_TRUE(decoder.view(3).is_null(2));
}

TEST(PageDecoder, MissingVarlenasAreDecodedOnce) {
  TupleBuilder builder({kInt4, kVarlena, kVarlena, kVarlena});
  builder.add({stored_fixed(1)});
  ColumnTarget price = decimal(1, 15, 2);
  price.missing = stored_long(numeric_payload(995, 2)).bytes;
  ColumnTarget note = column(2, PhysicalType::kVarlen);
  note.missing = stored_long(bytes_of("a default of some length")).bytes;
  ColumnTarget nan = decimal(3, 20, 0);
  nan.missing = stored_long(Bytes{0x00, 0xC0}).bytes;
  PageDecoder decoder(builder.attributes(), {price, note, nan});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  EXPECT_EQ(decoder.view(0).as<std::int64_t>()[0], 995);
  EXPECT_FALSE(decoder.view(0).may_hold_nan);
  EXPECT_EQ(decoder.view(1).as<StringRef>()[0].view(), "a default of some length");
  EXPECT_TRUE(decoder.view(2).may_hold_nan);
  EXPECT_TRUE(decoder.view(2).as<Int128>()[0] == vector::kDecimalNan128);
}

TEST(PageDecoder, NanIsTheLargestValueAndIsTold) {
  TupleBuilder builder({kVarlena});
  builder.add({money(5)});
  PageDecoder decoder(builder.attributes(), {decimal(0, 15, 2)});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  EXPECT_FALSE(decoder.view(0).may_hold_nan);
  builder.add({stored_short(Bytes{0x00, 0xC0})});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  EXPECT_TRUE(decoder.view(0).may_hold_nan);
  EXPECT_EQ(decoder.view(0).as<std::int64_t>()[1], vector::kDecimalNan64);
}

TEST(PageDecoder, NumericOutsideItsDeclarationAbandonsTheRun) {
  TupleBuilder builder({kVarlena});
  builder.add({money(100000)});
  EXPECT_EQ(kind_of_failure(builder, {decimal(0, 5, 2)}), base::ErrorKind::kAbandon);
}

TEST(PageDecoder, ToastedValuesAreHandedOutAndStoredLater) {
  TupleBuilder builder({kVarlena, kVarlena, kInt4});
  builder.add({stored_toast_pointer(), stored_long(Bytes(8, 1), 2), stored_fixed(5)});
  builder.add({text("plain"), money(1), stored_fixed(6)});
  PageDecoder decoder(builder.attributes(), {column(0, PhysicalType::kVarlen), decimal(1, 15, 2),
                                             column(2, PhysicalType::kInt32)});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  ASSERT_EQ(decoder.toasted().size(), 2U);
  EXPECT_EQ(decoder.toasted()[0].column, 0);
  EXPECT_EQ(decoder.toasted()[0].row, 0);
  EXPECT_EQ(*decoder.toasted()[0].varlena, kExternalHeader);
  const Bytes unpacked = bytes_of("what was stored elsewhere");
  decoder.store_payload(decoder.toasted()[0], unpacked);
  decoder.store_payload(decoder.toasted()[1], numeric_payload(4321, 2));
  EXPECT_EQ(decoder.view(0).as<StringRef>()[0].view(), "what was stored elsewhere");
  EXPECT_EQ(decoder.view(1).as<std::int64_t>()[0], 4321);
  EXPECT_EQ(decoder.view(2).as<std::int32_t>()[0], 5);
  EXPECT_EQ(decoder.view(2).as<std::int32_t>()[1], 6);
}

TEST(PageDecoder, CstringsAndDroppedAttributesAreSkipped) {
  TupleBuilder builder({{kCStringLength, 1}, {12, 4}, {kVarlenaLength, 8}, {64, 1}, kInt8Byte});
  builder.add({StoredValue{bytes_of(std::string_view("abc\0", 4))}, StoredValue{Bytes(12, 9)},
               stored_long(Bytes(130, 3)), StoredValue{Bytes(64, 'n')},
               stored_fixed<std::int64_t>(8)});
  builder.add({StoredValue{bytes_of(std::string_view("\0", 1))}, std::nullopt, std::nullopt,
               StoredValue{Bytes(64, 'n')}, stored_fixed<std::int64_t>(9)});
  PageDecoder decoder(builder.attributes(), {column(4, PhysicalType::kInt64)});
  decoder.load(builder.tuples());
  decoder.decode_stage(0, nullptr, decoder.rows());
  EXPECT_EQ(decoder.view(0).as<std::int64_t>()[0], 8);
  EXPECT_EQ(decoder.view(0).as<std::int64_t>()[1], 9);
}

TEST(PageDecoder, ColumnsThatDoNotFitTheirAttributesAreRefused) {
  EXPECT_THROW(PageDecoder({kInt4}, {column(0, PhysicalType::kInt64)}), base::Error);
  EXPECT_THROW(PageDecoder({{kCStringLength, 1}}, {column(0, PhysicalType::kVarlen)}), base::Error);
  EXPECT_THROW(PageDecoder({kInt4}, {column(1, PhysicalType::kInt32)}), base::Error);
  EXPECT_THROW(
      PageDecoder({kInt4}, {column(0, PhysicalType::kInt32), column(0, PhysicalType::kInt32)}),
      base::Error);
  EXPECT_THROW(PageDecoder({kVarlena}, {decimal(0, 39, 2)}), base::Error);
  EXPECT_THROW(PageDecoder({{0, 4}}, {}), base::Error);
}

// The model: tuples of random relations, decoded one after the other in the plainest way.

struct ModelAttribute {
  AttributeLayout layout;
  PhysicalType type = PhysicalType::kInt32;
  int precision = 0;
  int scale = 0;
  std::optional<StoredValue> missing;
  Int128 missing_integer = 0;
  std::string missing_text;
};

struct ModelValue {
  bool is_null = false;
  bool is_toasted = false;
  Int128 integer = 0;
  std::string text;
};

class RandomRelation {
 public:
  explicit RandomRelation(std::uint64_t seed) : random_(seed) {
    const std::size_t count = 1 + random_() % (random_() % 8 == 0 ? 80 : 12);
    for (std::size_t i = 0; i < count; ++i) {
      attributes_.push_back(make_attribute());
    }
    null_percent_ = random_() % 3 == 0 ? 20 : random_() % 2;
    short_percent_ = random_() % 3 == 0 ? 20 : 0;
    toast_percent_ = random_() % 4 == 0 ? 10 : 0;
    long_percent_ = random_() % 3 == 0 ? 30 : 0;
  }

  [[nodiscard]] std::uint32_t pick(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_() % bound);
  }
  [[nodiscard]] const std::vector<ModelAttribute>& attributes() const { return attributes_; }
  [[nodiscard]] std::vector<AttributeLayout> layouts() const {
    std::vector<AttributeLayout> layouts;
    for (const ModelAttribute& attribute : attributes_) {
      layouts.push_back(attribute.layout);
    }
    return layouts;
  }

  /// Adds a tuple and returns the values that all attributes of it have.
  std::vector<ModelValue> add_tuple(TupleBuilder& builder) {
    std::vector<std::optional<StoredValue>> stored;
    std::vector<ModelValue> values;
    const std::size_t present = percent(short_percent_)
                                    ? pick(static_cast<std::uint32_t>(attributes_.size() + 1))
                                    : attributes_.size();
    for (std::size_t i = 0; i < attributes_.size(); ++i) {
      const ModelAttribute& attribute = attributes_[i];
      ModelValue value;
      if (i >= present) {
        value.is_null = !attribute.missing.has_value();
        value.integer = attribute.missing_integer;
        value.text = attribute.missing_text;
      } else if (percent(null_percent_)) {
        value.is_null = true;
        stored.emplace_back(std::nullopt);
      } else {
        stored.emplace_back(make_value(attribute, value));
      }
      values.push_back(std::move(value));
    }
    builder.add(stored);
    return values;
  }

 private:
  bool percent(std::uint64_t share) { return random_() % 100 < share; }

  ModelAttribute make_attribute() {
    ModelAttribute attribute;
    switch (pick(10)) {
      case 0:
        attribute = {{1, 1}, PhysicalType::kInt8, 0, 0, {}, 0, {}};
        break;
      case 1:
        attribute = {{2, 2}, PhysicalType::kInt16, 0, 0, {}, 0, {}};
        break;
      case 2:
        attribute = {{4, 4}, PhysicalType::kInt32, 0, 0, {}, 0, {}};
        break;
      case 3:
        attribute = {{8, 8}, PhysicalType::kInt64, 0, 0, {}, 0, {}};
        break;
      case 9: {  // bytes of a fixed length, handed on as they are
        const auto length = std::array<std::int16_t, 5>{4, 6, 12, 16, 64}[pick(5)];
        const auto alignment = static_cast<std::uint8_t>(1U << pick(4));
        attribute = {{length, alignment}, PhysicalType::kVarlen, 0, 0, {}, 0, {}};
        break;
      }
      case 8:
        attribute = {kUuid, PhysicalType::kInt128, 0, 0, {}, 0, {}};
        break;
      case 4:
      case 5: {
        const int precision = 1 + static_cast<int>(pick(38));
        const int scale = static_cast<int>(pick(static_cast<std::uint32_t>(precision) + 1));
        attribute = {kVarlena,  precision <= 18 ? PhysicalType::kInt64 : PhysicalType::kInt128,
                     precision, scale,
                     {},        0,
                     {}};
        break;
      }
      default:
        attribute = {{kVarlenaLength, static_cast<std::uint8_t>(pick(2) == 0 ? 4 : 8)},
                     PhysicalType::kVarlen,
                     0,
                     0,
                     {},
                     0,
                     {}};
    }
    if (pick(2) == 0) {
      ModelValue value;
      attribute.missing = make_value(attribute, value);
      attribute.missing_integer = value.integer;
      attribute.missing_text = value.text;
    }
    return attribute;
  }

  StoredValue make_varlena(const Bytes& payload, ModelValue& value) {
    if (percent(toast_percent_)) {
      value.is_toasted = true;
      return pick(2) == 0 ? stored_toast_pointer() : stored_long(Bytes(4 + pick(40), 7), 2);
    }
    if (payload.size() >= 127 || percent(long_percent_)) {
      return stored_long(payload);
    }
    return stored_short(payload);
  }

  StoredValue make_value(const ModelAttribute& attribute, ModelValue& value) {
    if (attribute.precision > 0) {
      Int128 bound = 1;
      const std::uint32_t digits = 1 + pick(static_cast<std::uint32_t>(attribute.precision));
      for (std::uint32_t i = 0; i < digits; ++i) {
        bound *= 10;
      }
      value.integer =
          static_cast<Int128>((static_cast<base::UInt128>(random_()) << 63 | random_()) %
                              static_cast<base::UInt128>(bound));
      return make_varlena(numeric_payload(value.integer, attribute.scale, percent(10)), value);
    }
    if (attribute.type == PhysicalType::kVarlen && attribute.layout.length > 0) {
      for (int i = 0; i < attribute.layout.length; ++i) {
        value.text.push_back(static_cast<char>(random_()));
      }
      StoredValue stored;
      stored.bytes = bytes_of(value.text);
      return stored;
    }
    if (attribute.type == PhysicalType::kVarlen) {
      const std::uint32_t size = pick(10) == 0 ? pick(400) : pick(20);
      for (std::uint32_t i = 0; i < size; ++i) {
        value.text.push_back(static_cast<char>(random_()));
      }
      return make_varlena(bytes_of(value.text), value);
    }
    const auto bits = static_cast<std::int64_t>(random_());
    switch (attribute.layout.length) {
      case 16:
        value.integer =
            static_cast<Int128>(static_cast<base::UInt128>(random_()) << 64 | random_());
        return stored_uuid(value.integer);
      case 1:
        value.integer = std::int64_t{static_cast<std::int8_t>(bits)};
        return stored_fixed(static_cast<std::int8_t>(bits));
      case 2:
        value.integer = static_cast<std::int16_t>(bits);
        return stored_fixed(static_cast<std::int16_t>(bits));
      case 4:
        value.integer = static_cast<std::int32_t>(bits);
        return stored_fixed(static_cast<std::int32_t>(bits));
      default:
        value.integer = bits;
        return stored_fixed(bits);
    }
  }

  std::mt19937_64 random_;
  std::vector<ModelAttribute> attributes_;
  std::uint64_t null_percent_ = 0;
  std::uint64_t short_percent_ = 0;
  std::uint64_t toast_percent_ = 0;
  std::uint64_t long_percent_ = 0;
};

void expect_value(const vector::ColumnView& view, std::uint32_t row, const ModelValue& want) {
  ASSERT_EQ(view.is_null(row), want.is_null);
  if (want.is_null) {
    if (view.type == PhysicalType::kVarlen) {
      ASSERT_EQ(view.as<StringRef>()[row].size(), 0U);
    }
    return;
  }
  switch (view.type) {
    case PhysicalType::kInt8:
      ASSERT_EQ(view.as<std::int8_t>()[row], want.integer);
      break;
    case PhysicalType::kInt16:
      ASSERT_EQ(view.as<std::int16_t>()[row], want.integer);
      break;
    case PhysicalType::kInt32:
      ASSERT_EQ(view.as<std::int32_t>()[row], want.integer);
      break;
    case PhysicalType::kInt128:
      ASSERT_TRUE(view.as<Int128>()[row] == want.integer);
      break;
    case PhysicalType::kVarlen:
      ASSERT_TRUE(view.as<StringRef>()[row] == StringRef(want.text));
      break;
    default:
      ASSERT_EQ(view.as<std::int64_t>()[row], want.integer);
  }
}

using ModelRows = std::vector<std::vector<ModelValue>>;

/// Every toasted value that the decoder names must be one in the model, and the other way round.
void store_toasted(PageDecoder& decoder, const std::vector<ColumnTarget>& columns,
                   const RandomRelation& relation, const ModelRows& rows, Stage stage,
                   std::span<const vector::RowIndex> wanted) {
  std::size_t expected = 0;
  for (const ColumnTarget& target : columns) {
    for (const vector::RowIndex row : wanted) {
      const ModelValue& value = rows[row][target.attribute];
      expected += target.stage == stage && value.is_toasted && !value.is_null ? 1 : 0;
    }
  }
  ASSERT_EQ(decoder.toasted().size(), expected);
  for (const ToastedValue& toasted : decoder.toasted()) {
    const ColumnTarget& target = columns[toasted.column];
    const ModelValue& value = rows[toasted.row][target.attribute];
    ASSERT_TRUE(value.is_toasted);
    if (target.precision > 0) {
      const int scale = relation.attributes()[target.attribute].scale;
      decoder.store_payload(toasted, numeric_payload(value.integer, scale));
    } else {
      const auto* data = reinterpret_cast<const std::uint8_t*>(value.text.data());
      decoder.store_payload(toasted, {data, value.text.size()});
    }
  }
}

void check_columns(const PageDecoder& decoder, const std::vector<ColumnTarget>& columns,
                   const ModelRows& rows, Stage stage, std::span<const vector::RowIndex> wanted) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].stage == stage) {
      for (const vector::RowIndex row : wanted) {
        ASSERT_NO_FATAL_FAILURE(expect_value(decoder.view(i), row, rows[row][columns[i].attribute]))
            << "column " << i << " row " << row;
      }
    }
  }
}

std::vector<ColumnTarget> random_columns(RandomRelation& relation, std::uint64_t seed) {
  std::vector<ColumnTarget> columns;
  for (std::size_t i = 0; i < relation.attributes().size(); ++i) {
    const ModelAttribute& attribute = relation.attributes()[i];
    if (relation.pick(3) == 0) {
      continue;
    }
    ColumnTarget target =
        column(static_cast<int>(i), attribute.type, static_cast<Stage>(relation.pick(kStages)));
    target.precision = static_cast<std::uint8_t>(attribute.precision);
    target.scale = static_cast<std::uint8_t>(attribute.scale);
    if (attribute.missing) {
      target.missing = attribute.missing->bytes;
    }
    columns.push_back(std::move(target));
  }
  std::shuffle(columns.begin(), columns.end(), std::mt19937_64(seed));
  return columns;
}

/// Every stage for some of the rows of the one before, or for all of them.
void check_later_stages(PageDecoder& decoder, const std::vector<ColumnTarget>& columns,
                        RandomRelation& relation, const ModelRows& rows,
                        const std::vector<vector::RowIndex>& all) {
  std::vector<std::vector<vector::RowIndex>> selected = {all};
  for (Stage stage = 1; stage < kStages; ++stage) {
    const std::uint32_t share = std::array{100U, 60U, 10U}[relation.pick(3)];
    std::vector<vector::RowIndex> left;
    left.reserve(1);  // an empty selection is still one
    for (const vector::RowIndex row : selected.back()) {
      if (relation.pick(100) < share) {
        left.push_back(row);
      }
    }
    selected.push_back(left);
    decoder.decode_stage(stage, left.size() == all.size() ? nullptr : left.data(),
                         static_cast<std::uint32_t>(left.size()));
    ASSERT_NO_FATAL_FAILURE(store_toasted(decoder, columns, relation, rows, stage, left));
  }
  for (Stage stage = 0; stage < kStages; ++stage) {
    ASSERT_NO_FATAL_FAILURE(check_columns(decoder, columns, rows, stage, selected[stage]));
  }
}

void check_seed(std::uint64_t seed) {
  RandomRelation relation(seed);
  const std::vector<ColumnTarget> columns = random_columns(relation, seed);
  PageDecoder decoder(relation.layouts(), columns);
  for (int group = 0; group < 2; ++group) {
    TupleBuilder builder(relation.layouts());
    ModelRows rows;
    const std::uint32_t count = relation.pick(700);
    std::vector<vector::RowIndex> all;
    for (std::uint32_t row = 0; row < count; ++row) {
      rows.push_back(relation.add_tuple(builder));
      all.push_back(static_cast<vector::RowIndex>(row));
    }
    decoder.load(builder.tuples());
    decoder.decode_stage(0, nullptr, decoder.rows());
    ASSERT_NO_FATAL_FAILURE(store_toasted(decoder, columns, relation, rows, 0, all));
    ASSERT_NO_FATAL_FAILURE(check_columns(decoder, columns, rows, 0, all));
    for (int window = 0; window < 3; ++window) {
      ASSERT_NO_FATAL_FAILURE(check_later_stages(decoder, columns, relation, rows, all));
    }
  }
}

TEST(PageDecoder, AgreesWithTuplesBuiltAtRandom) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    ASSERT_NO_FATAL_FAILURE(check_seed(seed)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice::pg
