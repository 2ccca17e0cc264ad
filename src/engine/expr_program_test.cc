// The errors, borders and laziness of single kernels; expr_random_test.cc covers their values.
#include "engine/expr_program.h"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "base/error.h"
#include "engine/expr_naive_test.h"
#include "engine/physical.h"

namespace sluice::engine {
namespace {

using base::ErrorKind;
using base::Int128;
using naive::Row;
using naive::Value;
using plan::DataType;
using plan::Expr;
using plan::Op;
using plan::TypeKind;
using vector::Batch;
using vector::RowIndex;

constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;
const DataType kBool = DataType::of(TypeKind::kBool);
const DataType kInt16 = DataType::of(TypeKind::kInt16);
const DataType kInt32 = DataType::of(TypeKind::kInt32);
const DataType kInt64 = DataType::of(TypeKind::kInt64);
const DataType kFloat64 = DataType::of(TypeKind::kFloat64);
const DataType kDate = DataType::of(TypeKind::kDate);
const DataType kTimestamp = DataType::of(TypeKind::kTimestamp);
const DataType kText = DataType::of(TypeKind::kText);
const DataType kBpchar = DataType::of(TypeKind::kBpchar);

Value number(Int128 value) { return {false, value, 0, {}}; }
Value real(double value) { return {false, 0, value, {}}; }
Value text(std::string value) { return {false, 0, 0, std::move(value)}; }
Value null() { return {true, 0, 0, {}}; }

/// A batch of rows and what an expression makes of it.
class Table {
 public:
  Table(std::vector<DataType> types, const std::vector<Row>& rows)
      : types_(std::move(types)), builder_(physical_types_of(types_), budget_) {
    naive::fill(builder_, types_, rows);
  }
  [[nodiscard]] Batch batch() { return builder_.view(); }
  [[nodiscard]] Expr column(std::uint32_t i) const { return Expr::make_column(i, types_[i]); }

  std::vector<Value> evaluate(const Expr& expr) { return evaluate(expr, batch()); }
  std::vector<Value> evaluate(const Expr& expr, const Batch& batch) {
    ExprProgram program(expr, types_, budget_);
    const vector::ColumnView result = program.evaluate(batch);
    std::vector<Value> values;
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      values.push_back(naive::read(result, batch.row(i), expr.type));
    }
    return values;
  }
  std::vector<RowIndex> filter(const std::vector<Expr>& conjuncts) {
    Predicate predicate(conjuncts, types_, budget_);
    std::vector<RowIndex> passed(vector::kBatchRowsMax);
    passed.resize(predicate.filter(batch(), passed.data()));
    return passed;
  }
  base::Error error_of(const Expr& expr) {
    try {
      (void)evaluate(expr);
    } catch (const base::Error& error) {
      return error;
    }
    return {ErrorKind::kInternal, "00000", "no error"};
  }

 private:
  base::MemoryBudget budget_{kBudgetBytes};
  std::vector<DataType> types_;
  vector::BatchBuilder builder_;
};

Expr call(Op op, const DataType& type, std::vector<Expr> args) {
  return Expr::make_call(op, type, std::move(args));
}

void expect_query_error(const base::Error& error, std::string_view sqlstate,
                        std::string_view message) {
  EXPECT_EQ(error.kind(), ErrorKind::kQuery);
  EXPECT_EQ(error.sqlstate(), sqlstate);
  EXPECT_EQ(error.message(), message);
}

TEST(IntegerArithmetic, OverflowIsPostgresErrorOfEachType) {
  struct Case {
    DataType type;
    Int128 max;
    const char* message;
  };
  for (const Case& c : {Case{kInt16, INT16_MAX, "smallint out of range"},
                        Case{kInt32, INT32_MAX, "integer out of range"},
                        Case{kInt64, INT64_MAX, "bigint out of range"}}) {
    Table table({c.type}, {{number(c.max)}, {number(-c.max - 1)}});
    const Expr x = table.column(0);
    const Expr one = Expr::make_integer(1, c.type);
    for (const Expr& expr :
         {call(Op::kAdd, c.type, {x, one}), call(Op::kAdd, c.type, {one, x}),
          call(Op::kSubtract, c.type, {x, one}), call(Op::kSubtract, c.type, {one, x}),
          call(Op::kMultiply, c.type, {x, x}), call(Op::kNegate, c.type, {x}),
          call(Op::kMultiply, c.type, {x, Expr::make_integer(-1, c.type)})}) {
      expect_query_error(table.error_of(expr), "22003", c.message);
    }
    const Expr zero = Expr::make_integer(0, c.type);
    EXPECT_EQ(table.evaluate(call(Op::kAdd, c.type, {x, zero}))[1].integer, -c.max - 1);
  }
}

TEST(IntegerArithmetic, WhatLiesUnderANullOrOutsideTheSelectionDoesNotOverflow) {
  Value hidden = number(INT32_MAX);
  hidden.is_null = true;
  Table table({kInt32}, {{number(5)}, {hidden}, {number(INT32_MAX)}});
  const Expr sum = call(Op::kAdd, kInt32, {table.column(0), Expr::make_integer(1, kInt32)});
  const std::array<RowIndex, 2> selection = {0, 1};
  const Batch some(table.batch().columns(), 3, selection.data(), 2);
  const auto values = table.evaluate(sum, some);
  EXPECT_EQ(values[0].integer, 6);
  EXPECT_TRUE(values[1].is_null);
  expect_query_error(table.error_of(sum), "22003", "integer out of range");
}

TEST(FloatArithmetic, OverflowAndUnderflowAreToldApartByTheFirstFailingRow) {
  Table table({kFloat64}, {{real(1)}, {real(1e-200)}, {real(1e200)}});
  const Expr x = table.column(0);
  expect_query_error(table.error_of(call(Op::kMultiply, kFloat64, {x, x})), "22003",
                     "value out of range: underflow");
  Table large({kFloat64}, {{real(1e308)}});
  const Expr y = large.column(0);
  expect_query_error(large.error_of(call(Op::kAdd, kFloat64, {y, y})), "22003",
                     "value out of range: overflow");
  expect_query_error(large.error_of(call(Op::kMultiply, kFloat64, {y, Expr::make_float(10)})),
                     "22003", "value out of range: overflow");
}

TEST(FloatArithmetic, InfinitiesAndZerosAreNoFailures) {
  const double infinity = std::numeric_limits<double>::infinity();
  Table table({kFloat64}, {{real(infinity)}, {real(0)}});
  const Expr x = table.column(0);
  const auto product = table.evaluate(call(Op::kMultiply, kFloat64, {x, Expr::make_float(2)}));
  EXPECT_EQ(product[0].float64, infinity);
  EXPECT_EQ(product[1].float64, 0);
  const auto negated = table.evaluate(call(Op::kNegate, kFloat64, {x}));
  EXPECT_EQ(negated[0].float64, -infinity);
  EXPECT_TRUE(std::signbit(negated[1].float64));
}

TEST(DecimalArithmetic, ProductsOfTpchAreExact) {
  const DataType price = DataType::decimal(15, 2);
  Table table({price, price, price},
              {{number(10494950), number(10), number(8)}, {number(-100), number(0), number(3)}});
  const Expr one = Expr::make_integer(100, price);
  const Expr discounted = call(
      Op::kMultiply, DataType::decimal(31, 4),
      {table.column(0), call(Op::kSubtract, DataType::decimal(16, 2), {one, table.column(1)})});
  const Expr charge =
      call(Op::kMultiply, DataType::decimal(47, 6),
           {discounted, call(Op::kAdd, DataType::decimal(16, 2), {one, table.column(2)})});
  EXPECT_EQ(table.evaluate(discounted)[0].integer, Int128{10494950} * 90);
  EXPECT_EQ(table.evaluate(charge)[0].integer, Int128{10494950} * 90 * 108);
  EXPECT_EQ(table.evaluate(charge)[1].integer, Int128{-100} * 100 * 103);
}

TEST(DecimalArithmetic, BeyondThirtyEightDigitsAbandons) {
  Int128 limit = 1;
  for (int i = 0; i < 38; ++i) {
    limit *= 10;
  }
  const DataType wide = DataType::decimal(38, 0);
  Table table({wide}, {{number(limit - 1)}});
  const Expr x = table.column(0);
  const Expr one = Expr::make_integer(1, wide);
  EXPECT_EQ(table.error_of(call(Op::kAdd, wide, {x, one})).kind(), ErrorKind::kAbandon);
  EXPECT_EQ(table.error_of(call(Op::kMultiply, wide, {x, x})).kind(), ErrorKind::kAbandon);
  EXPECT_EQ(table.error_of(call(Op::kMultiply, wide, {x, Expr::make_integer(-2, wide)})).kind(),
            ErrorKind::kAbandon);
  EXPECT_EQ(table.evaluate(call(Op::kSubtract, wide, {x, one}))[0].integer, limit - 2);
  EXPECT_EQ(table.evaluate(call(Op::kMultiply, wide, {x, Expr::make_integer(-1, wide)}))[0].integer,
            1 - limit);
}

TEST(DecimalArithmetic, NanStaysNanInBothWidths) {
  const DataType narrow = DataType::decimal(10, 2);
  const DataType wide = DataType::decimal(30, 2);
  Table table({narrow, wide}, {{number(base::kInt128Max), number(7)},
                               {number(7), number(base::kInt128Max)},
                               {number(1), number(2)}});
  const auto sums = table.evaluate(call(Op::kAdd, wide, {table.column(0), table.column(1)}));
  EXPECT_EQ(sums[0].integer, base::kInt128Max);
  EXPECT_EQ(sums[1].integer, base::kInt128Max);
  EXPECT_EQ(sums[2].integer, 3);
  const auto casts = table.evaluate(call(Op::kCast, DataType::decimal(20, 4), {table.column(0)}));
  EXPECT_EQ(casts[0].integer, base::kInt128Max);
  EXPECT_EQ(casts[1].integer, 700);
  // NaN is greater than every number.
  EXPECT_EQ(
      table.filter({call(Op::kGreater, kBool, {table.column(0), Expr::make_integer(7, narrow)})}),
      (std::vector<RowIndex>{0}));
}

TEST(Compare, FloatsFollowPostgresOrder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Table table({kFloat64, kFloat64}, {{real(nan), real(nan)},
                                     {real(nan), real(1)},
                                     {real(1), real(nan)},
                                     {real(0.0), real(-0.0)}});
  const auto rows = [&](Op op) {
    return table.filter({call(op, kBool, {table.column(0), table.column(1)})});
  };
  EXPECT_EQ(rows(Op::kEqual), (std::vector<RowIndex>{0, 3}));
  EXPECT_EQ(rows(Op::kLess), (std::vector<RowIndex>{2}));
  EXPECT_EQ(rows(Op::kGreater), (std::vector<RowIndex>{1}));
  EXPECT_EQ(rows(Op::kGreaterEqual), (std::vector<RowIndex>{0, 1, 3}));
}

TEST(Compare, ConstantsMayStandOnEitherSide) {
  Table table({kInt32}, {{number(1)}, {number(2)}, {number(3)}});
  const Expr two = Expr::make_integer(2, kInt32);
  EXPECT_EQ(table.filter({call(Op::kLess, kBool, {two, table.column(0)})}),
            (std::vector<RowIndex>{2}));
  EXPECT_EQ(table.filter({call(Op::kGreaterEqual, kBool, {two, table.column(0)})}),
            (std::vector<RowIndex>{0, 1}));
  EXPECT_EQ(table.filter({call(Op::kEqual, kBool, {two, two})}).size(), 3U);
}

TEST(Compare, BlankPaddedStringsIgnoreTrailingBlanksOnly) {
  Table table({kBpchar}, {{text("MAIL      ")},
                          {text("MAIL")},
                          {text(" MAIL")},
                          {text("MAILS     ")},
                          {text("MAI       ")},
                          {null()}});
  const Expr mail = Expr::make_bytes("MAIL  ", kBpchar);
  EXPECT_EQ(table.filter({call(Op::kEqual, kBool, {table.column(0), mail})}),
            (std::vector<RowIndex>{0, 1}));
  EXPECT_EQ(table.filter({call(Op::kNotEqual, kBool, {table.column(0), mail})}),
            (std::vector<RowIndex>{2, 3, 4}));
  EXPECT_EQ(table.filter({call(Op::kLess, kBool, {table.column(0), mail})}),
            (std::vector<RowIndex>{2, 4}));
  EXPECT_EQ(table.filter({call(Op::kIn, kBool, {table.column(0), mail})}),
            (std::vector<RowIndex>{0, 1}));
}

TEST(Like, BpcharMatchesItsStoredBlanks) {
  Table table({kBpchar}, {{text("AB  ")}, {text("AB")}});
  const auto rows = [&](const char* pattern) {
    return table.filter(
        {call(Op::kLike, kBool, {table.column(0), Expr::make_bytes(pattern, kText)})});
  };
  EXPECT_EQ(rows("AB"), (std::vector<RowIndex>{1}));
  EXPECT_EQ(rows("AB%"), (std::vector<RowIndex>{0, 1}));
  EXPECT_EQ(rows("AB__"), (std::vector<RowIndex>{0}));
  const Expr trimmed = call(Op::kCast, kText, {table.column(0)});
  EXPECT_EQ(table.filter({call(Op::kLike, kBool, {trimmed, Expr::make_bytes("AB", kText)})}).size(),
            2U);
}

TEST(Substring, CountsCharactersFromOneAndCutsAtBothEnds) {
  Table table({kText, kInt32, kInt32}, {{text("h\xc3\xa9llo w\xc3\xb6rld"), number(1), number(2)},
                                        {text("h\xc3\xa9llo w\xc3\xb6rld"), number(-3), number(6)},
                                        {text("abc"), number(-5), number(3)},
                                        {text("abc"), number(3), number(INT32_MAX)},
                                        {text("abc"), number(4), number(1)},
                                        {text("a text of many bytes"), number(3), number(13)},
                                        {text("abc"), number(2), number(0)}});
  const auto values = table.evaluate(
      call(Op::kSubstring, kText, {table.column(0), table.column(1), table.column(2)}));
  const char* const expected[] = {"h\xc3\xa9", "h\xc3\xa9", "", "c", "", "text of many ", ""};
  for (std::size_t row = 0; row < std::size(expected); ++row) {
    EXPECT_EQ(values[row].bytes, expected[row]) << row;
  }
  const auto rests =
      table.evaluate(call(Op::kSubstring, kText, {table.column(0), table.column(1)}));
  EXPECT_EQ(rests[1].bytes, "h\xc3\xa9llo w\xc3\xb6rld");
  EXPECT_EQ(rests[3].bytes, "c");
}

TEST(Substring, NegativeLengthIsAnErrorOnlyWhereNothingIsNull) {
  const auto cut = [](const Row& row) {
    Table table({kText, kInt32, kInt32}, {row});
    return table.evaluate(
        call(Op::kSubstring, kText, {table.column(0), table.column(1), table.column(2)}));
  };
  EXPECT_TRUE(cut({null(), number(1), number(-1)})[0].is_null);
  EXPECT_TRUE(cut({text("abc"), null(), number(-1)})[0].is_null);
  EXPECT_TRUE(cut({text("abc"), number(1), null()})[0].is_null);
  try {
    (void)cut({text("abc"), number(1), number(-1)});
    FAIL() << "no error";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.sqlstate(), "22011");
  }
}

TEST(In, NullAmongTheConstantsMakesMissesNull) {
  Table table({kInt32}, {{number(1)}, {number(2)}, {null()}});
  const Expr in = call(Op::kIn, kBool,
                       {table.column(0), Expr::make_integer(1, kInt32), Expr::make_null(kInt32)});
  const auto values = table.evaluate(in);
  EXPECT_EQ(values[0].integer, 1);
  EXPECT_FALSE(values[0].is_null);
  EXPECT_TRUE(values[1].is_null);
  EXPECT_TRUE(values[2].is_null);
  EXPECT_TRUE(table.filter({call(Op::kNot, kBool, {in})}).empty());
}

TEST(In, LongListsOfEveryTypeFindExactlyTheirMembers) {
  const DataType wide = DataType::decimal(30, 0);
  std::vector<Row> rows;
  for (int i = 0; i < 200; ++i) {
    const Int128 large = static_cast<Int128>(i) << 64;
    rows.push_back({number(i), number(large), text("a rather long text " + std::to_string(i))});
  }
  Table table({kInt64, wide, kText}, rows);
  std::vector<Expr> integers = {table.column(0)};
  std::vector<Expr> decimals = {table.column(1)};
  std::vector<Expr> texts = {table.column(2)};
  std::vector<RowIndex> expected;
  for (int i = 3; i < 200; i += 7) {
    integers.push_back(Expr::make_integer(i, kInt64));
    decimals.push_back(Expr::make_integer(static_cast<Int128>(i) << 64, wide));
    texts.push_back(Expr::make_bytes("a rather long text " + std::to_string(i), kText));
    expected.push_back(static_cast<RowIndex>(i));
  }
  EXPECT_EQ(table.filter({call(Op::kIn, kBool, integers)}), expected);
  EXPECT_EQ(table.filter({call(Op::kIn, kBool, decimals)}), expected);
  EXPECT_EQ(table.filter({call(Op::kIn, kBool, texts)}), expected);
  EXPECT_EQ(table.filter({call(Op::kNot, kBool, {call(Op::kIn, kBool, texts)})}).size(),
            200 - expected.size());
}

/// x + 1 > 0 overflows where x is the largest integer.
Expr failing(const Expr& x) {
  return call(
      Op::kGreater, kBool,
      {call(Op::kAdd, kInt32, {x, Expr::make_integer(1, kInt32)}), Expr::make_integer(0, kInt32)});
}

TEST(Laziness, AndDoesNotEvaluateWhatAFalseHasDecided) {
  Table table({kInt32, kBool}, {{number(INT32_MAX), number(0)}, {number(1), number(1)}});
  const Expr guarded = call(Op::kAnd, kBool, {table.column(1), failing(table.column(0))});
  EXPECT_EQ(table.filter({guarded}), (std::vector<RowIndex>{1}));
  const auto values = table.evaluate(guarded);
  EXPECT_EQ(values[0].integer, 0);
  EXPECT_EQ(values[1].integer, 1);
  EXPECT_EQ(table.filter({table.column(1), failing(table.column(0))}), (std::vector<RowIndex>{1}));
}

TEST(Laziness, AndGoesOnAfterANullAsPostgresDoes) {
  Table table({kInt32, kBool}, {{number(INT32_MAX), null()}});
  const Expr both = call(Op::kAnd, kBool, {table.column(1), failing(table.column(0))});
  expect_query_error(table.error_of(both), "22003", "integer out of range");
  EXPECT_THROW((void)table.filter({both}), base::Error);
  // A list of conjuncts stops at the NULL.
  EXPECT_TRUE(table.filter({table.column(1), failing(table.column(0))}).empty());
}

TEST(Laziness, OrDoesNotEvaluateWhatATrueHasDecided) {
  Table table({kInt32, kBool}, {{number(INT32_MAX), number(1)}, {number(-5), number(0)}});
  const Expr guarded = call(Op::kOr, kBool, {table.column(1), failing(table.column(0))});
  EXPECT_EQ(table.filter({guarded}), (std::vector<RowIndex>{0}));
  EXPECT_EQ(table.evaluate(guarded)[0].integer, 1);
}

TEST(Laziness, CaseEvaluatesOnlyTheBranchTaken) {
  Table table(
      {kInt32, kBool},
      {{number(INT32_MAX), number(0)}, {number(1), number(1)}, {number(INT32_MAX), null()}});
  const Expr x = table.column(0);
  const Expr next = call(Op::kAdd, kInt32, {x, Expr::make_integer(1, kInt32)});
  const Expr guarded = call(Op::kCase, kInt32, {table.column(1), next, x});
  const auto values = table.evaluate(guarded);
  EXPECT_EQ(values[0].integer, INT32_MAX);
  EXPECT_EQ(values[1].integer, 2);
  EXPECT_EQ(values[2].integer, INT32_MAX);
  // The same expression outside of the CASE must not be computed for it.
  const Expr not_shared = call(Op::kCase, kInt32, {table.column(1), next, Expr::make_null(kInt32)});
  EXPECT_TRUE(table.evaluate(not_shared)[0].is_null);
}

TEST(Case, BranchesOfConstantsColumnsAndNullsMeetInOneColumn) {
  Table table(
      {kText, kInt32},
      {{text("PROMO BRUSHED TIN"), number(4)}, {text("STANDARD"), number(5)}, {null(), number(6)}});
  const Expr promo = call(Op::kLike, kBool, {table.column(0), Expr::make_bytes("PROMO%", kText)});
  const auto values =
      table.evaluate(call(Op::kCase, kInt32,
                          {promo, table.column(1), call(Op::kIsNull, kBool, {table.column(0)}),
                           Expr::make_null(kInt32), Expr::make_integer(0, kInt32)}));
  EXPECT_EQ(values[0].integer, 4);
  EXPECT_EQ(values[1].integer, 0);
  EXPECT_FALSE(values[1].is_null);
  EXPECT_TRUE(values[2].is_null);
}

TEST(Cast, DateBecomesTimestampWithItsInfinitiesAndBorder) {
  constexpr std::int32_t kEnd = 109203528 - 2451545;
  Table table({kDate}, {{number(1)},
                        {number(INT32_MAX)},
                        {number(INT32_MIN)},
                        {number(kEnd - 1)},
                        {number(-2451545)}});
  const auto values = table.evaluate(call(Op::kCast, kTimestamp, {table.column(0)}));
  EXPECT_EQ(values[0].integer, Int128{86400000000});
  EXPECT_EQ(values[1].integer, INT64_MAX);
  EXPECT_EQ(values[2].integer, INT64_MIN);
  EXPECT_EQ(values[3].integer, Int128{kEnd - 1} * 86400000000);
  EXPECT_EQ(values[4].integer, Int128{-2451545} * 86400000000);
  Table beyond({kDate}, {{number(kEnd)}});
  expect_query_error(beyond.error_of(call(Op::kCast, kTimestamp, {beyond.column(0)})), "22008",
                     "date out of range for timestamp");
}

TEST(ExtractYear, CountsWithoutAYearZero) {
  const DataType year = DataType::decimal(10, 0);
  // 2000-01-01, 1999-12-31, 0001-01-01, 1 BC's last day, 4714-11-24 BC, the last date
  Table table({kDate}, {{number(0)},
                        {number(-1)},
                        {number(-730119)},
                        {number(-730120)},
                        {number(-2451545)},
                        {number(2145031948)}});
  const auto values = table.evaluate(call(Op::kExtractYear, year, {table.column(0)}));
  const std::array<std::int64_t, 6> expected = {2000, 1999, 1, -1, -4714, 5874897};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(static_cast<std::int64_t>(values[i].integer), expected[i]) << i;
  }
  Table moments({kTimestamp}, {{number(-1)}, {number(0)}, {number(Int128{86400000000} * 366)}});
  const auto years = moments.evaluate(call(Op::kExtractYear, year, {moments.column(0)}));
  EXPECT_EQ(years[0].integer, 1999);
  EXPECT_EQ(years[1].integer, 2000);
  EXPECT_EQ(years[2].integer, 2001);
}

TEST(ExtractYear, InfinityAbandons) {
  const DataType year = DataType::decimal(38, 0);
  Table dates({kDate}, {{number(INT32_MAX)}});
  EXPECT_EQ(dates.error_of(call(Op::kExtractYear, year, {dates.column(0)})).kind(),
            ErrorKind::kAbandon);
  Table moments({kTimestamp}, {{number(INT64_MIN)}});
  EXPECT_EQ(moments.error_of(call(Op::kExtractYear, year, {moments.column(0)})).kind(),
            ErrorKind::kAbandon);
}

TEST(ExprProgram, ColumnsPassThroughWithoutACopy) {
  Table table({kInt32}, {{number(1)}});
  base::MemoryBudget budget(kBudgetBytes);
  ExprProgram program(table.column(0), {kInt32}, budget);
  EXPECT_EQ(program.evaluate(table.batch()).values, table.batch().column(0).values);
}

TEST(ExprProgram, AbandonsAtConstructionWhenTheBudgetIsGone) {
  base::MemoryBudget budget(4096);
  const Expr x = Expr::make_column(0, kInt64);
  EXPECT_THROW(ExprProgram(call(Op::kAdd, kInt64, {x, x}), {kInt64}, budget), base::Error);
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace sluice::engine
