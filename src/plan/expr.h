// Expressions over the columns of one input, as a tree of values. Immutable after lowering.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/int128.h"
#include "plan/data_type.h"

namespace sluice::plan {

enum class ExprKind : std::uint8_t {
  kColumn = 0,    // `column` of the input
  kConstant = 1,  // `constant`
  kParam = 2,     // `column` is the number of a parameter; replaced by a constant before encoding
  kCall = 3,      // `op` of `args`
};

/// Operators. Operand types are exactly as the comment says: lowering inserts the casts.
/// NULL rules are SQL's: strict unless said otherwise.
enum class Op : std::uint8_t {
  // number x number of one kind. Integers: overflow is an error (22003, as PostgreSQL's).
  // Decimals: add and subtract want equal scales; multiply adds the scales.
  kAdd = 0,
  kSubtract = 1,
  kMultiply = 2,
  kNegate = 3,
  // T x T -> bool, all kinds; < on text only for byte order collations (C).
  kEqual = 10,
  kNotEqual = 11,
  kLess = 12,
  kLessEqual = 13,
  kGreater = 14,
  kGreaterEqual = 15,
  // bool..., three-valued; arguments are evaluated left to right only for the rows still undecided
  kAnd = 20,
  kOr = 21,
  kNot = 22,
  // T -> bool, never null
  kIsNull = 23,
  kIsNotNull = 24,
  // T x constant T... -> bool; a NULL among the constants has SQL's meaning
  kIn = 25,
  // text|bpchar x constant text -> bool, escape is backslash; for bpchar the stored blanks count
  kLike = 30,
  kNotLike = 31,
  // text, int4 [, int4] -> text: the characters of UTF-8 from a number (1 is the first) on, so many
  // or all; a negative count is an error (22011)
  kSubstring = 32,
  // when1, then1, when2, then2, ..., else: only the branch taken is evaluated for a row
  kCase = 40,
  // date|timestamp -> decimal(_, 0), as PostgreSQL 14+'s extract returns numeric
  kExtractYear = 50,
  // to `type`: integer to wider integer, integer to decimal, decimal to the same or a larger scale,
  // date to timestamp, bpchar to text (drops trailing blanks). float8 from integers.
  kCast = 60,
  // constant text, T... -> any: what the text says of the other arguments, NULLs included. The
  // engine does not read it (engine/foreign_function.h); up to a zero byte it is a name to show.
  // May raise any error.
  kForeign = 70,
};

/// A value of `Expr::type`. Shape: integers, dates, timestamps, bools and scaled decimals in
/// `integer`; a NaN decimal is base::kInt128Max.
struct Constant {
  bool is_null = false;
  base::Int128 integer = 0;
  double float64 = 0;
  std::string bytes;
};

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  DataType type;
  Op op = Op::kAdd;
  std::uint32_t column = 0;
  Constant constant;
  std::vector<Expr> args;

  [[nodiscard]] static Expr make_column(std::uint32_t column, DataType type);
  [[nodiscard]] static Expr make_param(std::uint32_t number, DataType type);
  [[nodiscard]] static Expr make_null(DataType type);
  [[nodiscard]] static Expr make_integer(base::Int128 value, DataType type);
  [[nodiscard]] static Expr make_float(double value);
  [[nodiscard]] static Expr make_bytes(std::string value, DataType type);
  [[nodiscard]] static Expr make_call(Op op, DataType type, std::vector<Expr> args);
};

[[nodiscard]] bool operator==(const Expr& a, const Expr& b) noexcept;

/// Checks the operand rules above, recursively, against the input's types.
/// Errors: kCorrupt naming the rule (expressions come out of a codec, too).
void validate_expr(const Expr& expr, const std::vector<DataType>& input);

/// Whether the count of a kSubstring may be negative.
[[nodiscard]] bool may_count_below_zero(const Expr& substring) noexcept;

/// Marks the columns that `expr` reads; `used` has one element a column.
void collect_columns(const Expr& expr, std::vector<bool>& used);

/// `used_name(i)` of the columns is taken from `names`, or `$i` where it is shorter.
[[nodiscard]] std::string to_string(const Expr& expr, const std::vector<std::string>& names);

}  // namespace sluice::plan
