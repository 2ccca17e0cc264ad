#include "engine/physical.h"

#include <gtest/gtest.h>

namespace sluice::engine {
namespace {

using plan::DataType;
using plan::TypeKind;
using vector::KeyEquality;
using vector::PhysicalType;

TEST(Physical, DecimalWidthFollowsThePrecision) {
  EXPECT_EQ(physical_type_of(DataType::decimal(18, 2)), PhysicalType::kInt64);
  EXPECT_EQ(physical_type_of(DataType::decimal(19, 2)), PhysicalType::kInt128);
  EXPECT_EQ(physical_type_of(DataType::decimal(60, 2)), PhysicalType::kInt128);
}

TEST(Physical, EveryKindHasItsTypeAndEquality) {
  const std::vector<DataType> types = {
      DataType::of(TypeKind::kBool),      DataType::of(TypeKind::kInt16),
      DataType::of(TypeKind::kInt32),     DataType::of(TypeKind::kInt64),
      DataType::of(TypeKind::kFloat64),   DataType::of(TypeKind::kDate),
      DataType::of(TypeKind::kTimestamp), DataType::of(TypeKind::kText),
      DataType::of(TypeKind::kBpchar)};
  EXPECT_EQ(physical_types_of(types),
            (std::vector<PhysicalType>{
                PhysicalType::kInt8, PhysicalType::kInt16, PhysicalType::kInt32,
                PhysicalType::kInt64, PhysicalType::kFloat64, PhysicalType::kInt32,
                PhysicalType::kInt64, PhysicalType::kVarlen, PhysicalType::kVarlen}));
  EXPECT_EQ(key_equality_of(types[4]), KeyEquality::kFloat);
  EXPECT_EQ(key_equality_of(types[7]), KeyEquality::kBytes);
  EXPECT_EQ(key_equality_of(types[8]), KeyEquality::kBlankPadded);
  EXPECT_EQ(key_equality_of(types[5]), KeyEquality::kBits);
}

}  // namespace
}  // namespace sluice::engine
