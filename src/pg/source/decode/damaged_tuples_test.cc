#include <array>
#include <gtest/gtest.h>

#include "pg/source/decode/page_decoder_cases.h"

namespace sluice::pg {
namespace {

using vector::PhysicalType;

TEST(DamagedTuples, TruncatedTuplesAreCorruptAtEveryLength) {
  TupleBuilder whole({kInt4, kVarlena, kVarlena, kInt4});
  whole.add({stored_fixed(1), money(123456789), text("0123456789abcdef"), stored_fixed(2)});
  const TupleBytes tuple = whole.tuples()[0];
  for (std::uint32_t length = 0; length < tuple.length; ++length) {
    TupleBuilder cut(whole.attributes());
    cut.add_bytes({tuple.data, length});
    EXPECT_EQ(
        kind_of_failure(cut, {column(0, PhysicalType::kInt32), decimal(1, 15, 2),
                              column(2, PhysicalType::kVarlen), column(3, PhysicalType::kInt32)}),
        base::ErrorKind::kCorrupt)
        << length;
  }
}

TEST(DamagedTuples, OneTruncatedTupleAmongWholeOnesIsCorrupt) {
  TupleBuilder whole({kInt4, kInt4, kInt8Byte});
  whole.add({stored_fixed(1), stored_fixed(2), stored_fixed<std::int64_t>(3)});
  const TupleBytes tuple = whole.tuples()[0];
  const std::uint32_t values = tuple.length - 16;  // where the first begins
  const auto kind = [&](std::uint32_t length, const ColumnTarget& target) {
    TupleBuilder cut(whole.attributes());
    cut.add_bytes({tuple.data, tuple.length});
    cut.add_bytes({tuple.data, length});
    return kind_of_failure(cut, {target});
  };
  for (std::uint32_t length = 0; length < tuple.length; ++length) {
    EXPECT_EQ(kind(length, column(2, PhysicalType::kInt64)), base::ErrorKind::kCorrupt) << length;
  }
  for (std::uint32_t length = 0; length < values + 8; ++length) {
    EXPECT_EQ(kind(length, column(1, PhysicalType::kInt32)), base::ErrorKind::kCorrupt) << length;
  }
}

TEST(DamagedTuples, DataThatStartAtAnImpossiblePlaceAreCorrupt) {
  TupleBuilder whole({kInt4, kInt4});
  whole.add({stored_fixed(1), stored_fixed(2)});
  const TupleBytes tuple = whole.tuples()[0];
  const auto expect_corrupt = [&](int start, bool alone) {
    Bytes changed(tuple.data, tuple.data + tuple.length);
    changed[kDataStartOffset] = static_cast<std::uint8_t>(start);
    TupleBuilder group(whole.attributes());
    if (!alone) {
      group.add_bytes({tuple.data, tuple.length});
    }
    group.add_bytes(changed);
    EXPECT_EQ(kind_of_failure(group, {column(0, PhysicalType::kInt32)}), base::ErrorKind::kCorrupt)
        << start << (alone ? " alone" : " behind another");
  };
  for (const int start : {0, 16, 23, 25, 28, 40, 255}) {
    expect_corrupt(start, true);
    expect_corrupt(start, false);
  }
}

TEST(DamagedTuples, TruncatedBytesOfAFixedLengthAreCorrupt) {
  const AttributeLayout interval{16, 8};
  TupleBuilder whole({kInt4, interval});
  whole.add({stored_fixed(1), stored_fixed(std::array<std::uint8_t, 16>{})});
  const TupleBytes tuple = whole.tuples()[0];
  for (std::uint32_t length = tuple.length - 16; length < tuple.length; ++length) {
    TupleBuilder cut(whole.attributes());
    cut.add_bytes({tuple.data, length});
    EXPECT_EQ(kind_of_failure(cut, {column(1, PhysicalType::kVarlen)}), base::ErrorKind::kCorrupt)
        << length;
  }
}

TEST(DamagedTuples, UnknownToastPointersAreCorrupt) {
  TupleBuilder builder({kVarlena});
  StoredValue pointer = stored_toast_pointer();
  pointer.bytes[1] = 1;
  builder.add({pointer});
  EXPECT_EQ(kind_of_failure(builder, {column(0, PhysicalType::kVarlen)}),
            base::ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::pg
