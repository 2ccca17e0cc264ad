#include "plan/expr.h"

#include <array>
#include <gtest/gtest.h>
#include <limits>

#include "base/error.h"
#include "plan/limits.h"
#include "plan/plan_builder.h"

namespace sluice::plan {
namespace {

constexpr DataType kDecimal4 = DataType::decimal(15, 4);

/// One column of each type; column i has kAll[i].
constexpr std::array kAll = {kBool, kInt2,      kInt4, kInt8,   kFloat8,  kMoney,
                             kDate, kTimestamp, kText, kBpchar, kDecimal4};

Expr col(const DataType& type) {
  for (std::uint32_t i = 0; i < kAll.size(); ++i) {
    if (kAll[i] == type) {
      return Expr::make_column(i, type);
    }
  }
  throw std::logic_error("no such column");
}

Expr call(Op op, DataType type, std::vector<Expr> args) {
  return Expr::make_call(op, type, std::move(args));
}

bool is_valid(const Expr& expr) {
  try {
    validate_expr(expr, {kAll.begin(), kAll.end()});
    return true;
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    return false;
  }
}

TEST(ValidateExpr, ColumnsAreInRangeAndOfTheInputsType) {
  EXPECT_TRUE(is_valid(Expr::make_column(2, kInt4)));
  EXPECT_FALSE(is_valid(Expr::make_column(2, kInt8)));
  EXPECT_FALSE(is_valid(Expr::make_column(static_cast<std::uint32_t>(kAll.size()), kInt4)));
}

TEST(ValidateExpr, ConstantsFitTheirRepresentation) {
  EXPECT_TRUE(is_valid(Expr::make_integer(1, kBool)));
  EXPECT_FALSE(is_valid(Expr::make_integer(2, kBool)));
  EXPECT_TRUE(is_valid(Expr::make_integer(-32768, kInt2)));
  EXPECT_FALSE(is_valid(Expr::make_integer(32768, kInt2)));
  EXPECT_FALSE(is_valid(Expr::make_integer(std::int64_t{1} << 31, kDate)));
  EXPECT_FALSE(is_valid(Expr::make_integer(base::Int128{1} << 63, kInt8)));
  EXPECT_TRUE(is_valid(Expr::make_integer(base::kInt128Max, kMoney)));
  EXPECT_FALSE(is_valid(Expr::make_integer(std::numeric_limits<std::int64_t>::max(), kMoney)));
  EXPECT_TRUE(is_valid(Expr::make_integer(base::Int128{1} << 100, DataType::decimal(38, 2))));
  EXPECT_TRUE(is_valid(Expr::make_null(kInt2)));
}

TEST(ValidateExpr, TypesAreKnown) {
  EXPECT_FALSE(is_valid(Expr::make_null(DataType{TypeKind::kDecimal, 0, 0})));
  EXPECT_FALSE(is_valid(Expr::make_null(DataType{TypeKind::kDecimal, 39, 0})));
  EXPECT_FALSE(is_valid(Expr::make_null(DataType{TypeKind::kDecimal, 20, 39})));
  EXPECT_FALSE(is_valid(Expr::make_null(DataType{TypeKind::kInt32, 3, 0})));
  EXPECT_FALSE(is_valid(
      Expr::make_null(DataType{static_cast<TypeKind>(static_cast<int>(kTypeKindLast) + 1), 0, 0})));
}

TEST(ValidateExpr, OnlyWhatHasAnOrderIsOrdered) {
  for (int kind = 0; kind <= static_cast<int>(kTypeKindLast); ++kind) {
    DataType type = DataType::of(static_cast<TypeKind>(kind));
    type.precision = type.kind == TypeKind::kDecimal ? 5 : 0;
    const bool opaque = type.kind == TypeKind::kOpaque;
    const bool handle = type.kind == TypeKind::kHandle;
    const Expr none = Expr::make_null(type);
    EXPECT_EQ(is_valid(call(Op::kEqual, kBool, {none, none})), !opaque);
    EXPECT_EQ(is_valid(call(Op::kLess, kBool, {none, none})), !opaque && !handle);
    EXPECT_EQ(is_valid(call(Op::kIn, kBool, {none, none})), !opaque);
  }
}

TEST(ValidateExpr, ArithmeticStaysInOneKindOfNumber) {
  for (const DataType& type : {kInt2, kInt4, kInt8, kFloat8}) {
    EXPECT_TRUE(is_valid(call(Op::kAdd, type, {col(type), col(type)})));
    EXPECT_TRUE(is_valid(call(Op::kNegate, type, {col(type)})));
    EXPECT_FALSE(is_valid(call(Op::kAdd, type, {col(type)})));
  }
  EXPECT_FALSE(is_valid(call(Op::kAdd, kInt8, {col(kInt4), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kMultiply, kInt8, {col(kInt4), col(kInt8)})));
  EXPECT_FALSE(is_valid(call(Op::kSubtract, kDate, {col(kDate), col(kDate)})));
  EXPECT_FALSE(is_valid(call(Op::kNegate, kText, {col(kText)})));
}

TEST(ValidateExpr, DecimalScalesAgreeInSumsAndAddUpInProducts) {
  EXPECT_TRUE(is_valid(call(Op::kAdd, DataType::decimal(38, 2), {col(kMoney), col(kMoney)})));
  EXPECT_FALSE(is_valid(call(Op::kAdd, DataType::decimal(38, 3), {col(kMoney), col(kMoney)})));
  EXPECT_FALSE(is_valid(call(Op::kAdd, DataType::decimal(38, 4), {col(kMoney), col(kDecimal4)})));
  const std::vector<Expr> mixed = {col(kMoney), col(kDecimal4)};
  EXPECT_TRUE(is_valid(call(Op::kMultiply, DataType::decimal(30, 6), mixed)));
  EXPECT_FALSE(is_valid(call(Op::kMultiply, DataType::decimal(30, 4), mixed)));
}

TEST(ValidateExpr, ComparisonsTakeOneType) {
  for (const DataType& type : kAll) {
    EXPECT_TRUE(is_valid(call(Op::kLess, kBool, {col(type), col(type)})));
  }
  EXPECT_FALSE(is_valid(call(Op::kEqual, kBool, {col(kInt4), col(kInt8)})));
  EXPECT_FALSE(is_valid(call(Op::kEqual, kBool, {col(kText), col(kBpchar)})));
  EXPECT_FALSE(is_valid(call(Op::kEqual, kBool, {col(kMoney), col(kDecimal4)})));
  EXPECT_FALSE(is_valid(call(Op::kEqual, kInt4, {col(kInt4), col(kInt4)})));
  const Expr narrow = Expr::make_integer(7, DataType::decimal(4, 2));
  const Expr wide = Expr::make_integer(7, DataType::decimal(20, 2));
  EXPECT_TRUE(is_valid(call(Op::kEqual, kBool, {col(kMoney), narrow})));
  EXPECT_FALSE(is_valid(call(Op::kEqual, kBool, {col(kMoney), wide})));
}

TEST(ValidateExpr, LogicTakesBools) {
  EXPECT_TRUE(is_valid(call(Op::kAnd, kBool, {col(kBool), col(kBool), col(kBool)})));
  EXPECT_TRUE(is_valid(call(Op::kOr, kBool, {col(kBool)})));
  EXPECT_FALSE(is_valid(call(Op::kOr, kBool, {})));
  EXPECT_FALSE(is_valid(call(Op::kAnd, kBool, {col(kBool), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kNot, kBool, {col(kBool), col(kBool)})));
  EXPECT_TRUE(is_valid(call(Op::kIsNull, kBool, {col(kText)})));
  EXPECT_FALSE(is_valid(call(Op::kIsNotNull, kInt4, {col(kText)})));
}

TEST(ValidateExpr, InAndLikeTakeConstants) {
  EXPECT_TRUE(is_valid(
      call(Op::kIn, kBool, {col(kInt4), Expr::make_integer(1, kInt4), Expr::make_null(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kIn, kBool, {col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kIn, kBool, {col(kInt4), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kIn, kBool, {col(kInt4), Expr::make_integer(1, kInt8)})));
  const Expr pattern = Expr::make_bytes("%x_", kText);
  EXPECT_TRUE(is_valid(call(Op::kLike, kBool, {col(kText), pattern})));
  EXPECT_TRUE(is_valid(call(Op::kNotLike, kBool, {col(kBpchar), pattern})));
  EXPECT_FALSE(is_valid(call(Op::kLike, kBool, {col(kInt4), pattern})));
  EXPECT_FALSE(is_valid(call(Op::kLike, kBool, {col(kText), col(kText)})));
  EXPECT_FALSE(is_valid(call(Op::kLike, kBool, {col(kText), Expr::make_null(kText)})));
}

TEST(ValidateExpr, SubstringTakesTextAndInt4) {
  EXPECT_TRUE(is_valid(call(Op::kSubstring, kText, {col(kText), col(kInt4)})));
  EXPECT_TRUE(is_valid(call(Op::kSubstring, kText, {col(kText), col(kInt4), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kSubstring, kText, {col(kText)})));
  EXPECT_FALSE(is_valid(call(Op::kSubstring, kText, {col(kBpchar), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kSubstring, kText, {col(kText), col(kInt8)})));
  EXPECT_FALSE(is_valid(call(Op::kSubstring, kBpchar, {col(kText), col(kInt4)})));
}

TEST(ValidateExpr, ForeignHasAText) {
  const Expr text = Expr::make_bytes("f", kText);
  EXPECT_TRUE(is_valid(call(Op::kForeign, kMoney, {text, col(kText), col(kInt4)})));
  EXPECT_TRUE(is_valid(call(Op::kForeign, kInt4, {text})));
  EXPECT_FALSE(is_valid(call(Op::kForeign, kInt4, {})));
  EXPECT_FALSE(is_valid(call(Op::kForeign, kInt4, {col(kText), col(kText)})));
  EXPECT_FALSE(is_valid(call(Op::kForeign, kInt4, {Expr::make_null(kText)})));
}

TEST(ValidateExpr, CaseHasPairsAnElseAndOneType) {
  EXPECT_TRUE(is_valid(call(Op::kCase, kInt4, {col(kBool), col(kInt4), Expr::make_null(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kCase, kInt4, {col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kCase, kInt4, {col(kBool), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kCase, kInt4, {col(kInt4), col(kInt4), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kCase, kInt4, {col(kBool), col(kInt8), col(kInt4)})));
  EXPECT_FALSE(is_valid(call(Op::kCase, kInt4, {col(kBool), col(kInt4), col(kInt8)})));
}

TEST(ValidateExpr, CastsAreThoseOfTheList) {
  const auto casts = [](const DataType& from, const DataType& to) {
    return is_valid(call(Op::kCast, to, {col(from)}));
  };
  EXPECT_TRUE(casts(kInt2, kInt4));
  EXPECT_TRUE(casts(kInt4, kInt8));
  EXPECT_TRUE(casts(kInt4, kMoney));
  EXPECT_TRUE(casts(kInt8, kFloat8));
  EXPECT_TRUE(casts(kMoney, kDecimal4));
  EXPECT_TRUE(casts(kMoney, DataType::decimal(38, 2)));
  EXPECT_TRUE(casts(kDate, kTimestamp));
  EXPECT_TRUE(casts(kBpchar, kText));
  EXPECT_FALSE(casts(kInt8, kInt4));
  EXPECT_FALSE(casts(kInt4, kInt4));
  EXPECT_FALSE(casts(kDecimal4, kMoney));
  EXPECT_FALSE(casts(kMoney, kInt8));
  EXPECT_FALSE(casts(kMoney, kFloat8));
  EXPECT_FALSE(casts(kTimestamp, kDate));
  EXPECT_FALSE(casts(kText, kBpchar));
  EXPECT_FALSE(casts(kBool, kInt4));
}

TEST(ValidateExpr, ExtractIsAWholeDecimalOfAMoment) {
  EXPECT_TRUE(is_valid(call(Op::kExtractYear, DataType::decimal(10, 0), {col(kDate)})));
  EXPECT_TRUE(is_valid(call(Op::kExtractYear, DataType::decimal(10, 0), {col(kTimestamp)})));
  EXPECT_FALSE(is_valid(call(Op::kExtractYear, DataType::decimal(10, 1), {col(kDate)})));
  EXPECT_FALSE(is_valid(call(Op::kExtractYear, DataType::decimal(10, 0), {col(kInt4)})));
}

TEST(ValidateExpr, UnknownOperatorsAndKindsAreRefused) {
  for (int op = 0; op < 256; ++op) {
    const Expr expr = call(static_cast<Op>(op), kBool, {col(kBool)});
    const bool known = is_valid(expr);
    const bool unary = expr.op == Op::kNot || expr.op == Op::kAnd || expr.op == Op::kOr ||
                       expr.op == Op::kIsNull || expr.op == Op::kIsNotNull;
    EXPECT_EQ(known, unary) << op;
  }
  Expr kind = col(kBool);
  kind.kind = static_cast<ExprKind>(4);
  EXPECT_FALSE(is_valid(kind));
}

Expr nested(std::size_t levels) {
  Expr expr = col(kBool);
  for (std::size_t i = 1; i < levels; ++i) {
    expr = call(Op::kNot, kBool, {std::move(expr)});
  }
  return expr;
}

TEST(ValidateExpr, DepthIsBounded) {
  EXPECT_TRUE(is_valid(nested(kExprDepthMax)));
  EXPECT_FALSE(is_valid(nested(kExprDepthMax + 1)));
}

TEST(Expr, EqualityLooksAtWhatCountsForTheKindAndType) {
  EXPECT_TRUE(Expr::make_integer(5, kInt4) == Expr::make_integer(5, kInt4));
  EXPECT_FALSE(Expr::make_integer(5, kInt4) == Expr::make_integer(5, kInt8));
  EXPECT_FALSE(Expr::make_integer(5, kInt4) == Expr::make_null(kInt4));
  EXPECT_FALSE(Expr::make_bytes("a", kText) == Expr::make_bytes("b", kText));
  EXPECT_FALSE(Expr::make_float(0.0) == Expr::make_float(-0.0));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(Expr::make_float(nan) == Expr::make_float(nan));
  EXPECT_FALSE(Expr::make_column(1, kInt4) == Expr::make_param(1, kInt4));
  EXPECT_FALSE(nested(3) == nested(4));
}

TEST(Expr, CollectColumnsMarksWhatIsRead) {
  std::vector<bool> used(4);
  collect_columns(call(Op::kAnd, kBool,
                       {compare(Op::kLess, Expr::make_column(3, kInt4), Expr::make_param(0, kInt4)),
                        Expr::make_column(1, kBool), Expr::make_column(9, kBool)}),
                  used);
  EXPECT_EQ(used, (std::vector<bool>{false, true, false, true}));
}

TEST(Expr, PrintsAsPostgresqlSpellsIt) {
  const std::vector<std::string> names = {"flag", "small", "n"};
  const auto text = [&names](const Expr& expr) { return to_string(expr, names); };
  EXPECT_EQ(
      text(compare(Op::kLessEqual, Expr::make_column(2, kInt4), Expr::make_integer(-5, kInt4))),
      "(n <= -5)");
  EXPECT_EQ(text(Expr::make_column(7, kInt4)), "$7");
  EXPECT_EQ(text(Expr::make_param(1, kInt4)), "param 1");
  EXPECT_EQ(text(Expr::make_integer(-5, DataType::decimal(4, 2))), "-0.05");
  EXPECT_EQ(text(Expr::make_integer(12345, DataType::decimal(5, 2))), "123.45");
  EXPECT_EQ(text(Expr::make_integer(base::kInt128Max, kMoney)), "'NaN'");
  EXPECT_EQ(text(Expr::make_integer(base::kInt128Min, DataType::decimal(38, 0))),
            "-170141183460469231731687303715884105728");
  EXPECT_EQ(text(Expr::make_bytes("it's", kText)), "'it''s'::text");
  EXPECT_EQ(text(Expr::make_null(kInt4)), "NULL::int4");
  EXPECT_EQ(text(Expr::make_integer(1, kBool)), "true");
  EXPECT_EQ(text(call(Op::kCase, kInt4,
                      {Expr::make_column(0, kBool), Expr::make_integer(1, kInt4),
                       Expr::make_integer(0, kInt4)})),
            "CASE WHEN flag THEN 1 ELSE 0 END");
  EXPECT_EQ(text(call(Op::kIn, kBool,
                      {Expr::make_column(2, kInt4), Expr::make_integer(1, kInt4),
                       Expr::make_integer(2, kInt4)})),
            "(n IN (1, 2))");
  EXPECT_EQ(text(call(Op::kCast, kInt8, {Expr::make_column(2, kInt4)})), "(n)::int8");
}

TEST(Expr, PrintsDatesAndTimestamps) {
  const auto date = [](std::int64_t day) { return to_string(Expr::make_integer(day, kDate), {}); };
  EXPECT_EQ(date(0), "'2000-01-01'::date");
  EXPECT_EQ(date(-486), "'1998-09-02'::date");
  EXPECT_EQ(date(59), "'2000-02-29'::date");
  EXPECT_EQ(date(-730119), "'0001-01-01'::date");
  EXPECT_EQ(date(-730120), "'0001-12-31 BC'::date");
  EXPECT_EQ(date(std::numeric_limits<std::int32_t>::max()), "'infinity'::date");
  EXPECT_EQ(date(std::numeric_limits<std::int32_t>::min()), "'-infinity'::date");
  EXPECT_EQ(to_string(Expr::make_integer(-1, kTimestamp), {}),
            "'1999-12-31 23:59:59.999999'::timestamp");
}

}  // namespace
}  // namespace sluice::plan
