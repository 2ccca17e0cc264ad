// Random expressions over random batches, compared with the row-by-row evaluator.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "base/error.h"
#include "engine/expr_naive_test.h"
#include "engine/expr_program.h"
#include "engine/physical.h"

namespace sluice::engine {
namespace {

using base::Int128;
using naive::Row;
using naive::Value;
using plan::DataType;
using plan::Expr;
using plan::Op;
using plan::TypeKind;
using vector::Batch;
using vector::RowIndex;

constexpr std::size_t kBudgetBytes = std::size_t{256} << 20;

/// Columns of every type, one without and one with NULLs each.
std::vector<DataType> input_types() {
  std::vector<DataType> types;
  for (const DataType& type :
       {DataType::of(TypeKind::kBool), DataType::of(TypeKind::kInt16),
        DataType::of(TypeKind::kInt32), DataType::of(TypeKind::kInt64),
        DataType::of(TypeKind::kFloat64), DataType::decimal(15, 2), DataType::decimal(18, 0),
        DataType::decimal(30, 2), DataType::decimal(38, 0), DataType::of(TypeKind::kDate),
        DataType::of(TypeKind::kTimestamp), DataType::of(TypeKind::kText),
        DataType::of(TypeKind::kBpchar)}) {
    types.push_back(type);
    types.push_back(type);
  }
  return types;
}

class RandomExprs {
 public:
  explicit RandomExprs(unsigned seed) : random_(seed), types_(input_types()) {}

  [[nodiscard]] const std::vector<DataType>& types() const { return types_; }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  /// `wild` values lie at the ends of their types.
  Value value(const DataType& type, bool nullable, bool wild, bool nan = false) {
    Value value;
    value.is_null = nullable && below(5) == 0;
    const bool extreme = wild && below(40) == 0;
    switch (type.kind) {
      case TypeKind::kBool:
        value.integer = below(2);
        break;
      case TypeKind::kFloat64:
        value.float64 = float_value(extreme);
        break;
      case TypeKind::kText:
        value.bytes = text();
        break;
      case TypeKind::kBpchar:
        value.bytes = text() + std::string(below(4), ' ');
        break;
      case TypeKind::kDecimal:
        value.integer = decimal(type, extreme, nan && below(20) == 0);
        break;
      default:
        value.integer = integer(type.kind, extreme);
    }
    return value;
  }

  std::vector<Row> rows(std::size_t count, bool wild, bool nan) {
    std::vector<Row> result(count);
    for (Row& row : result) {
      for (std::size_t i = 0; i < types_.size(); ++i) {
        row.push_back(value(types_[i], i % 2 == 1, wild, nan));
      }
    }
    return result;
  }

  Expr expr(const DataType& type, int depth) {
    if (depth > 0 && below(6) == 0) {
      return case_of(type, depth);
    }
    switch (type.kind) {
      case TypeKind::kBool:
        return boolean(depth);
      case TypeKind::kInt16:
      case TypeKind::kInt32:
      case TypeKind::kInt64:
      case TypeKind::kFloat64:
        return number(type, depth);
      case TypeKind::kDecimal:
        return decimal(type, depth);
      case TypeKind::kTimestamp:
        return depth > 0 && below(3) == 0
                   ? Expr::make_call(Op::kCast, type, {expr(DataType::of(TypeKind::kDate), 0)})
                   : leaf(type);
      case TypeKind::kText:
        if (depth > 0 && below(3) == 0) {
          return substring(depth);
        }
        return depth > 0 && below(3) == 0
                   ? Expr::make_call(Op::kCast, type, {expr(DataType::of(TypeKind::kBpchar), 0)})
                   : leaf(type);
      default:
        return leaf(type);
    }
  }

 private:
  Int128 integer(TypeKind kind, bool extreme) {
    const int small = static_cast<int>(below(9)) - 4;
    if (!extreme) {
      return kind == TypeKind::kTimestamp ? Int128{small} * 86400 * 1000000 * 365 + below(1000)
             : kind == TypeKind::kDate    ? Int128{small} * 365 + below(3)
                                          : Int128{small};
    }
    switch (kind) {
      case TypeKind::kInt16:
        return below(2) == 0 ? INT16_MIN : INT16_MAX;
      case TypeKind::kDate:
        return below(4) == 0 ? INT32_MAX : -2451545 + Int128{below(120000000)};
      case TypeKind::kInt32:
        return below(2) == 0 ? INT32_MIN : INT32_MAX;
      case TypeKind::kTimestamp:
        return Int128{-211813488000000000} + below(1000000);
      default:
        return below(2) == 0 ? INT64_MIN : INT64_MAX;
    }
  }

  Int128 decimal(const DataType& type, bool extreme, bool nan) {
    if (nan) {
      return base::kInt128Max;
    }
    Int128 limit = 1;
    for (int i = 0; i < (extreme ? type.precision : 3); ++i) {
      limit *= 10;
    }
    const Int128 size = extreme ? limit - 1 - below(3) : Int128{below(1000)} % limit;
    return below(2) == 0 ? size : -size;
  }

  double float_value(bool extreme) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kValues[] = {0.0, -0.0, 1.0, -1.5, 3.25};
    constexpr double kExtremes[] = {
        1e308, -1e308, 1e-300, kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()};
    return extreme ? kExtremes[below(6)] : kValues[below(5)];
  }

  std::string text() {
    static const char* const kTexts[] = {"",
                                         "a",
                                         "ab",
                                         "abc",
                                         "b",
                                         "abcd",
                                         "abcdefghijkl",
                                         "abcdefghijklm",
                                         "abcdefghijklmnopq",
                                         "abcdefghijklmnopr",
                                         "\xc3\xa9t\xc3\xa9"};
    return kTexts[below(11)];
  }

  Expr constant(const DataType& type) {
    if (below(12) == 0) {
      return Expr::make_null(type);
    }
    const Value literal = value(type, false, true);
    if (type.kind == TypeKind::kFloat64) {
      return Expr::make_float(literal.float64);
    }
    return type.is_string() ? Expr::make_bytes(literal.bytes, type)
                            : Expr::make_integer(literal.integer, type);
  }

  Expr leaf(const DataType& type) {
    if (below(3) == 0) {
      return constant(type);
    }
    std::vector<std::uint32_t> columns;
    for (std::uint32_t i = 0; i < types_.size(); ++i) {
      if (types_[i] == type) {
        columns.push_back(i);
      }
    }
    return columns.empty()
               ? constant(type)
               : Expr::make_column(columns[below(static_cast<unsigned>(columns.size()))], type);
  }

  Expr substring(int depth) {
    const DataType type = DataType::of(TypeKind::kText);
    std::vector<Expr> args = {expr(type, depth - 1), expr(DataType::of(TypeKind::kInt32), 0)};
    if (below(3) != 0) {
      args.push_back(below(3) == 0 ? expr(DataType::of(TypeKind::kInt32), depth - 1)
                                   : Expr::make_integer(below(6), DataType::of(TypeKind::kInt32)));
    }
    return Expr::make_call(Op::kSubstring, type, std::move(args));
  }

  Expr case_of(const DataType& type, int depth) {
    std::vector<Expr> args;
    for (unsigned i = 0; i <= below(2); ++i) {
      args.push_back(expr(DataType::of(TypeKind::kBool), depth - 1));
      args.push_back(expr(type, depth - 1));
    }
    args.push_back(expr(type, depth - 1));
    return Expr::make_call(Op::kCase, type, std::move(args));
  }

  Expr number(const DataType& type, int depth) {
    if (depth == 0) {
      return leaf(type);
    }
    const unsigned choice = below(6);
    if (choice == 0) {
      return Expr::make_call(Op::kNegate, type, {expr(type, depth - 1)});
    }
    if (choice == 1 && type.kind != TypeKind::kInt16) {
      const auto kind = type.kind == TypeKind::kInt32 ? TypeKind::kInt16 : TypeKind::kInt32;
      return Expr::make_call(Op::kCast, type, {expr(DataType::of(kind), depth - 1)});
    }
    return Expr::make_call(static_cast<Op>(below(3)), type,
                           {expr(type, depth - 1), expr(type, depth - 1)});
  }

  // Of `type`'s scale; arguments of either width.
  Expr decimal(const DataType& type, int depth) {
    if (depth == 0) {
      return leaf(type);
    }
    const DataType wide = DataType::decimal(38, type.scale);
    const DataType narrow = DataType::decimal(15, type.scale);
    const DataType& other = type.is_decimal64() || below(2) == 0 ? narrow : wide;
    switch (below(6)) {
      case 0:
        return Expr::make_call(Op::kNegate, type, {expr(type, depth - 1)});
      case 1:
        return Expr::make_call(
            Op::kCast, type, {expr(type.scale > 0 ? DataType::decimal(15, 0) : narrow, depth - 1)});
      case 2:
        return Expr::make_call(Op::kCast, type, {expr(DataType::of(TypeKind::kInt32), depth - 1)});
      case 3: {
        const DataType units = DataType::decimal(below(2) == 0 || type.is_decimal64() ? 15 : 38, 0);
        return Expr::make_call(Op::kMultiply, type,
                               {expr(other, depth - 1), expr(units, depth - 1)});
      }
      default:
        return Expr::make_call(below(2) == 0 ? Op::kAdd : Op::kSubtract, type,
                               {expr(other, depth - 1), expr(type, depth - 1)});
    }
  }

  Expr boolean(int depth) {
    const DataType type = DataType::of(TypeKind::kBool);
    if (depth == 0) {
      return leaf(type);
    }
    const DataType& argument = types_[below(static_cast<unsigned>(types_.size()))];
    switch (below(8)) {
      case 0:
        return Expr::make_call(Op::kNot, type, {expr(type, depth - 1)});
      case 1: {
        std::vector<Expr> args;
        for (unsigned i = 0; i < 2 + below(2); ++i) {
          args.push_back(expr(type, depth - 1));
        }
        return Expr::make_call(below(2) == 0 ? Op::kAnd : Op::kOr, type, std::move(args));
      }
      case 2:
        return Expr::make_call(below(2) == 0 ? Op::kIsNull : Op::kIsNotNull, type,
                               {expr(argument, depth - 1)});
      case 3: {
        std::vector<Expr> args = {expr(argument, depth - 1)};
        for (unsigned i = below(14); i > 0; --i) {
          args.push_back(constant(argument));
        }
        return Expr::make_call(Op::kIn, type, std::move(args));
      }
      case 4: {
        static const char* const kPatterns[] = {"a%",  "%c", "%b%d%", "ab",
                                                "_b%", "%",  "a\\",   "%\\"};
        const DataType text = DataType::of(below(2) == 0 ? TypeKind::kText : TypeKind::kBpchar);
        return Expr::make_call(
            below(2) == 0 ? Op::kLike : Op::kNotLike, type,
            {expr(text, depth - 1), Expr::make_bytes(kPatterns[below(below(8) == 0 ? 8 : 6)],
                                                     DataType::of(TypeKind::kText))});
      }
      case 5: {
        const DataType date = DataType::of(below(2) == 0 ? TypeKind::kDate : TypeKind::kTimestamp);
        const DataType year = DataType::decimal(below(2) == 0 ? 10 : 38, 0);
        return Expr::make_call(Op::kLess, type,
                               {Expr::make_call(Op::kExtractYear, year, {expr(date, depth - 1)}),
                                Expr::make_integer(2000, year)});
      }
      default:
        return Expr::make_call(static_cast<Op>(static_cast<unsigned>(Op::kEqual) + below(6)), type,
                               {expr(argument, depth - 1), expr(argument, depth - 1)});
    }
  }

  std::mt19937 random_;
  std::vector<DataType> types_;
};

/// What the evaluator says of each counted row, and the errors that some row raises.
struct Expected {
  std::vector<std::optional<Value>> values;  // none where the row raises
  std::set<std::string> errors;              // SQLSTATE and message
  bool abandons = false;
};

Expected expect(const Expr& expr, const std::vector<Row>& rows, const Batch& batch) {
  Expected expected;
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    try {
      expected.values.emplace_back(naive::evaluate(expr, rows[batch.row(i)]));
    } catch (const base::Error& error) {
      expected.values.emplace_back(std::nullopt);
      if (error.kind() == base::ErrorKind::kAbandon) {
        expected.abandons = true;
      } else {
        expected.errors.insert(std::string(error.sqlstate()) + error.message());
      }
    }
  }
  return expected;
}

/// One random batch, dense or selected.
class RandomBatch {
 public:
  RandomBatch(RandomExprs& random, base::MemoryBudget& budget)
      : builder_(physical_types_of(random.types()), budget) {
    constexpr std::uint32_t kCounts[] = {0, 1, 63, 64, 65, 130, 300};
    const std::uint32_t count =
        random.below(20) == 0 ? vector::kBatchRowsMax : kCounts[random.below(7)];
    rows_ = random.rows(count, random.below(3) == 0, random.below(3) == 0);
    naive::fill(builder_, random.types(), rows_);
    batch_ = builder_.view();
    if (random.below(2) == 0) {
      const unsigned odds = 1 + random.below(4);
      for (std::uint32_t row = 0; row < count; ++row) {
        if (random.below(odds) == 0) {
          selection_.push_back(static_cast<RowIndex>(row));
        }
      }
      selection_.reserve(1);  // never null
      batch_ = Batch(batch_.columns(), count, selection_.data(),
                     static_cast<std::uint32_t>(selection_.size()));
    }
  }
  [[nodiscard]] const Batch& batch() const { return batch_; }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  vector::BatchBuilder builder_;
  std::vector<Row> rows_;
  std::vector<RowIndex> selection_;
  Batch batch_;
};

void check_values(const Expr& expr, const Expected& expected, const Batch& batch,
                  const vector::ColumnView& result) {
  EXPECT_TRUE(expected.errors.empty());
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    if (!expected.values[i].has_value()) {
      continue;  // a row that abandons may also not be evaluated
    }
    const Value actual = naive::read(result, batch.row(i), expr.type);
    ASSERT_TRUE(naive::same(*expected.values[i], actual, expr.type))
        << naive::describe(*expected.values[i], expr.type) << " but got "
        << naive::describe(actual, expr.type);
  }
}

void check_error(const Expected& expected, const base::Error& error) {
  if (error.kind() == base::ErrorKind::kAbandon) {
    EXPECT_TRUE(expected.abandons) << error.message();
    return;
  }
  EXPECT_EQ(error.kind(), base::ErrorKind::kQuery) << error.message();
  EXPECT_TRUE(expected.errors.contains(std::string(error.sqlstate()) + error.message()))
      << error.message();
}

TEST(ExprProgram, RandomExpressionsEqualTheRowByRowEvaluator) {
  RandomExprs random(20240607);
  unsigned computed = 0;
  unsigned raised = 0;
  for (int round = 0; round < 2500; ++round) {
    SCOPED_TRACE(round);
    base::MemoryBudget budget(kBudgetBytes);
    const RandomBatch input(random, budget);
    const auto& types = random.types();
    const Expr expr = random.expr(types[random.below(static_cast<unsigned>(types.size()))],
                                  1 + static_cast<int>(random.below(3)));
    SCOPED_TRACE(plan::to_string(expr, {}));
    const Expected expected = expect(expr, input.rows(), input.batch());
    ExprProgram program(expr, types, budget);
    try {
      check_values(expr, expected, input.batch(), program.evaluate(input.batch()));
      ++computed;
    } catch (const base::Error& error) {
      check_error(expected, error);
      ++raised;
    }
    if (testing::Test::HasFailure()) {
      return;
    }
  }
  EXPECT_GT(computed, 1200U);
  EXPECT_GT(raised, 40U);
}

TEST(ExprPrograms, ExpressionsThatShareTheirPartsEqualTheRowByRowEvaluator) {
  RandomExprs random(4711);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    base::MemoryBudget budget(kBudgetBytes);
    const RandomBatch input(random, budget);
    const DataType type = DataType::decimal(15, 2);
    const Expr part = random.expr(type, 2);
    const Expr wide = Expr::make_call(Op::kMultiply, DataType::decimal(33, 4), {part, part});
    const Expr lazy = Expr::make_call(Op::kCase, type,
                                      {random.expr(DataType::of(TypeKind::kBool), 2), part, part});
    const std::vector<Expr> exprs = {part, wide, lazy, part};
    try {
      ExprPrograms programs(exprs, random.types(), budget);
      const auto results = programs.evaluate(input.batch());
      for (std::size_t i = 0; i < exprs.size(); ++i) {
        check_values(exprs[i], expect(exprs[i], input.rows(), input.batch()), input.batch(),
                     results[i]);
      }
    } catch (const base::Error& error) {
      Expected all;
      for (const Expr& expr : exprs) {
        const Expected one = expect(expr, input.rows(), input.batch());
        all.errors.insert(one.errors.begin(), one.errors.end());
        all.abandons = all.abandons || one.abandons;
      }
      check_error(all, error);
    }
    if (testing::Test::HasFailure()) {
      return;
    }
  }
}

TEST(Predicate, RandomConjunctsPassTheRowsTheEvaluatorPasses) {
  RandomExprs random(99);
  unsigned passes = 0;
  for (int round = 0; round < 1500; ++round) {
    SCOPED_TRACE(round);
    base::MemoryBudget budget(kBudgetBytes);
    const RandomBatch input(random, budget);
    const Batch& batch = input.batch();
    std::vector<Expr> conjuncts;
    std::string trace;
    for (unsigned i = random.below(4); i > 0; --i) {
      conjuncts.push_back(
          random.expr(DataType::of(TypeKind::kBool), 1 + static_cast<int>(random.below(3))));
    }
    for (const Expr& conjunct : conjuncts) {
      trace += plan::to_string(conjunct, {}) + "; ";
    }
    SCOPED_TRACE(trace);
    // A row leaves at the first conjunct that is not true, as in PostgreSQL's qual lists.
    Expected expected;
    std::vector<RowIndex> rows;
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      const std::vector<Row> row = {input.rows()[batch.row(i)]};
      bool passed = true;
      for (const Expr& conjunct : conjuncts) {
        const Expected one = expect(conjunct, row, Batch({}, 1));
        expected.errors.insert(one.errors.begin(), one.errors.end());
        expected.abandons = expected.abandons || one.abandons;
        const auto& value = one.values[0];
        passed = value.has_value() && !value->is_null && value->integer != 0;
        if (!passed) {
          break;
        }
      }
      if (passed) {
        rows.push_back(static_cast<RowIndex>(batch.row(i)));
      }
    }
    Predicate predicate(conjuncts, random.types(), budget);
    EXPECT_EQ(predicate.empty(), conjuncts.empty());
    std::vector<RowIndex> passed(vector::kBatchRowsMax);
    try {
      passed.resize(predicate.filter(batch, passed.data()));
      EXPECT_TRUE(expected.errors.empty());
      if (!expected.abandons) {
        ASSERT_EQ(passed, rows);
      }
      passes += static_cast<unsigned>(rows.size());
    } catch (const base::Error& error) {
      check_error(expected, error);
    }
    if (testing::Test::HasFailure()) {
      return;
    }
  }
  EXPECT_GT(passes, 3000U);
}

}  // namespace
}  // namespace sluice::engine
