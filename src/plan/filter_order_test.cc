#include "plan/filter_order.h"

#include <gtest/gtest.h>

namespace sluice::plan {
namespace {

constexpr DataType kInt{TypeKind::kInt32};
constexpr DataType kBool{TypeKind::kBool};

ScanSpec scan_of(const std::vector<std::int16_t>& attributes) {
  ScanSpec scan;
  for (const std::int16_t attribute : attributes) {
    scan.columns.push_back({attribute, kInt, "c"});
  }
  return scan;
}

Expr less(std::uint32_t column, std::int64_t bound) {
  return Expr::make_call(Op::kLess, kBool,
                         {Expr::make_column(column, kInt), Expr::make_integer(bound, kInt)});
}

Expr sum_less(std::uint32_t column) {
  Expr sum = Expr::make_call(Op::kAdd, kInt,
                             {Expr::make_column(column, kInt), Expr::make_integer(1, kInt)});
  return Expr::make_call(Op::kLess, kBool, {sum, Expr::make_integer(0, kInt)});
}

TEST(FilterOrder, ConditionsOnEarlyAttributesComeFirst) {
  ScanSpec scan = scan_of({11, 7, 5});
  scan.filters = {less(0, 1), less(0, 2), less(1, 3), less(2, 4)};
  order_filters(scan);
  EXPECT_EQ(scan.filters, (std::vector<Expr>{less(2, 4), less(1, 3), less(0, 1), less(0, 2)}));
}

TEST(FilterOrder, ConditionIsPlacedByTheLastAttributeItReads) {
  ScanSpec scan = scan_of({3, 9, 5});
  const Expr both = Expr::make_call(Op::kOr, kBool, {less(0, 1), less(1, 1)});
  scan.filters = {both, less(2, 1)};
  order_filters(scan);
  EXPECT_EQ(scan.filters, (std::vector<Expr>{less(2, 1), both}));
}

TEST(FilterOrder, OnlyALikeThatEndsInItsEscapeMayRaise) {
  const DataType text{TypeKind::kText};
  const auto may_raise_with = [&text](const char* pattern) {
    return may_raise(Expr::make_call(
        Op::kLike, kBool, {Expr::make_column(0, text), Expr::make_bytes(pattern, text)}));
  };
  for (const char* pattern : {"", "%", "a\\%b", "a\\\\", "\\\\"}) {
    EXPECT_FALSE(may_raise_with(pattern)) << pattern;
  }
  for (const char* pattern : {"\\", "a\\", "a\\\\\\"}) {
    EXPECT_TRUE(may_raise_with(pattern)) << pattern;
  }
}

TEST(FilterOrder, NothingMovesAcrossAConditionThatMayRaise) {
  ScanSpec scan = scan_of({11, 7, 5});
  scan.filters = {less(0, 1), sum_less(1), less(2, 4), less(1, 4)};
  const std::vector<Expr> before = scan.filters;
  order_filters(scan);
  EXPECT_EQ(scan.filters, before);
}

TEST(FilterOrder, ArithmeticBelowLogicMayRaise) {
  EXPECT_FALSE(may_raise(less(0, 1)));
  EXPECT_TRUE(may_raise(sum_less(0)));
  EXPECT_TRUE(may_raise(Expr::make_call(Op::kNot, kBool, {sum_less(0)})));
}

TEST(FilterOrder, DecimalArithmeticRaisesNothing) {
  const DataType money = DataType::decimal(10, 2);
  const Expr sum =
      Expr::make_call(Op::kAdd, money, {Expr::make_column(0, money), Expr::make_integer(1, money)});
  EXPECT_FALSE(may_raise(Expr::make_call(Op::kLess, kBool, {sum, Expr::make_integer(0, money)})));
}

TEST(FilterOrder, TestStandsBeforeConditionsOnLaterAttributes) {
  ScanSpec scan = scan_of({1, 5, 7, 11});
  scan.filters = {less(1, 1), less(2, 1), less(3, 1)};
  EXPECT_EQ(place_of_test(scan, 0), 0U);
  EXPECT_EQ(place_of_test(scan, 1), 1U);
  EXPECT_EQ(place_of_test(scan, 2), 2U);
  EXPECT_EQ(place_of_test(scan, 3), 3U);
}

TEST(FilterOrder, TestStandsBehindEveryConditionThatMayRaise) {
  ScanSpec scan = scan_of({1, 5, 7});
  scan.filters = {less(1, 1), sum_less(1), less(2, 1)};
  EXPECT_EQ(place_of_test(scan, 0), 2U);
}

}  // namespace
}  // namespace sluice::plan
