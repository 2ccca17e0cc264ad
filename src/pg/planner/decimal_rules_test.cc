#include "pg/planner/decimal_rules.h"

#include <gtest/gtest.h>

namespace sluice::pg {
namespace {

using plan::DataType;

TEST(DecimalRules, SumHasOneDigitMoreThanTheLargerOperand) {
  EXPECT_EQ(sum_decimal(DataType::decimal(1, 0), DataType::decimal(15, 2)),
            (DecimalBound{DataType::decimal(16, 2), false}));
}

TEST(DecimalRules, ProductAddsDigitsAndScales) {
  EXPECT_EQ(product_decimal(DataType::decimal(15, 2), DataType::decimal(16, 2)),
            (DecimalBound{DataType::decimal(31, 4), false}));
}

TEST(DecimalRules, ProductBeyondTheDigitsIsCappedAndMayOverflow) {
  EXPECT_EQ(product_decimal(DataType::decimal(31, 4), DataType::decimal(16, 2)),
            (DecimalBound{DataType::decimal(38, 6), true}));
}

TEST(DecimalRules, ProductOfTooManyFractionDigitsHasNoType) {
  EXPECT_FALSE(product_decimal(DataType::decimal(38, 20), DataType::decimal(38, 19)).has_value());
}

TEST(DecimalRules, CommonTypeKeepsTheIntegerDigitsOfBoth) {
  EXPECT_EQ(common_decimal(DataType::decimal(10, 0), DataType::decimal(5, 4)),
            (DecimalBound{DataType::decimal(14, 4), false}));
  EXPECT_TRUE(common_decimal(DataType::decimal(38, 0), DataType::decimal(2, 2)).may_overflow);
}

TEST(DecimalRules, FractionsAloneHaveNoIntegerDigits) {
  EXPECT_EQ(product_decimal(DataType::decimal(2, 2), DataType::decimal(3, 3)),
            (DecimalBound{DataType::decimal(5, 5), false}));
}

TEST(DecimalRules, IntegerKindsFitTheirDecimals) {
  EXPECT_EQ(decimal_of_integer(plan::TypeKind::kInt16), DataType::decimal(5, 0));
  EXPECT_EQ(decimal_of_integer(plan::TypeKind::kInt32), DataType::decimal(10, 0));
  EXPECT_EQ(decimal_of_integer(plan::TypeKind::kInt64), DataType::decimal(19, 0));
}

}  // namespace
}  // namespace sluice::pg
