#include "engine/expr_naive_test.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "engine/physical.h"

namespace sluice::engine::naive {

using base::Int128;
using plan::DataType;
using plan::Expr;
using plan::ExprKind;
using plan::Op;
using plan::TypeKind;
using vector::PhysicalType;

namespace {

constexpr Int128 kNan = base::kInt128Max;

[[noreturn]] void fail(const char* sqlstate, const char* message) {
  throw base::Error(base::ErrorKind::kQuery, sqlstate, message);
}

[[noreturn]] void abandon() { base::throw_abandon("too large"); }

Value null_value() { return {true, 0, 0, {}}; }
Value integer_value(Int128 integer) { return {false, integer, 0, {}}; }
Value float_value(double value) { return {false, 0, value, {}}; }
Value bytes_value(std::string bytes) { return {false, 0, 0, std::move(bytes)}; }

Int128 decimal_limit() {
  Int128 limit = 1;
  for (int i = 0; i < 38; ++i) {
    limit *= 10;
  }
  return limit;
}

Int128 checked_decimal(Int128 value, bool overflow, const DataType& type) {
  if (overflow || value >= decimal_limit() || value <= -decimal_limit()) {
    abandon();
  }
  if (type.is_decimal64() && static_cast<std::int64_t>(value) != value) {
    abandon();
  }
  return value;
}

Int128 checked_integer(Int128 value, const DataType& type) {
  switch (type.kind) {
    case TypeKind::kInt16:
      if (static_cast<std::int16_t>(value) != value) {
        fail("22003", "smallint out of range");
      }
      break;
    case TypeKind::kInt32:
      if (static_cast<std::int32_t>(value) != value) {
        fail("22003", "integer out of range");
      }
      break;
    default:
      if (static_cast<std::int64_t>(value) != value) {
        fail("22003", "bigint out of range");
      }
  }
  return value;
}

double float_arithmetic(Op op, double a, double b) {
  const double result = op == Op::kAdd ? a + b : op == Op::kSubtract ? a - b : a * b;
  if (std::isinf(result) && !std::isinf(a) && !std::isinf(b)) {
    fail("22003", "value out of range: overflow");
  }
  if (op == Op::kMultiply && result == 0 && a != 0 && b != 0) {
    fail("22003", "value out of range: underflow");
  }
  return result;
}

Value arithmetic(const Expr& expr, const Value& a, const Value& b) {
  if (expr.type.kind == TypeKind::kFloat64) {
    return float_value(float_arithmetic(expr.op, a.float64, b.float64));
  }
  const bool decimal = expr.type.kind == TypeKind::kDecimal;
  if (decimal && (a.integer == kNan || b.integer == kNan)) {
    return integer_value(kNan);
  }
  Int128 result = 0;
  bool overflow = false;
  switch (expr.op) {
    case Op::kAdd:
      overflow = __builtin_add_overflow(a.integer, b.integer, &result);
      break;
    case Op::kSubtract:
      overflow = __builtin_sub_overflow(a.integer, b.integer, &result);
      break;
    default:
      overflow = __builtin_mul_overflow(a.integer, b.integer, &result);
  }
  return integer_value(decimal ? checked_decimal(result, overflow, expr.type)
                               : checked_integer(result, expr.type));
}

Value negate(const Expr& expr, const Value& a) {
  if (expr.type.kind == TypeKind::kFloat64) {
    return float_value(-a.float64);
  }
  if (expr.type.kind == TypeKind::kDecimal) {
    return integer_value(a.integer == kNan ? kNan : -a.integer);
  }
  return integer_value(checked_integer(-a.integer, expr.type));
}

std::string without_blanks(std::string text) {
  while (!text.empty() && text.back() == ' ') {
    text.pop_back();
  }
  return text;
}

int compare(const Value& a, const Value& b, const DataType& type) {
  if (type.kind == TypeKind::kFloat64) {
    if (std::isnan(a.float64) || std::isnan(b.float64)) {
      return static_cast<int>(std::isnan(a.float64)) - static_cast<int>(std::isnan(b.float64));
    }
    return a.float64 < b.float64 ? -1 : a.float64 > b.float64 ? 1 : 0;
  }
  if (type.is_string()) {
    const bool padded = type.kind == TypeKind::kBpchar;
    const std::string left = padded ? without_blanks(a.bytes) : a.bytes;
    const std::string right = padded ? without_blanks(b.bytes) : b.bytes;
    const int order = left.compare(right);  // char_traits<char> compares as unsigned
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  return a.integer < b.integer ? -1 : a.integer > b.integer ? 1 : 0;
}

bool holds(Op op, int order) {
  switch (op) {
    case Op::kEqual:
      return order == 0;
    case Op::kNotEqual:
      return order != 0;
    case Op::kLess:
      return order < 0;
    case Op::kLessEqual:
      return order <= 0;
    case Op::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

Value junction(const Expr& expr, const Row& row, bool decider) {
  bool has_null = false;
  for (const Expr& arg : expr.args) {
    const Value value = evaluate(arg, row);
    if (value.is_null) {
      has_null = true;
    } else if ((value.integer != 0) == decider) {
      return integer_value(decider ? 1 : 0);
    }
  }
  return has_null ? null_value() : integer_value(decider ? 0 : 1);
}

Value in(const Expr& expr, const Row& row) {
  const Value value = evaluate(expr.args[0], row);
  if (expr.args.size() == 1) {
    return integer_value(0);
  }
  if (value.is_null) {
    return null_value();
  }
  bool has_null = false;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    const Value constant = evaluate(expr.args[i], row);
    has_null = has_null || constant.is_null;
    if (!constant.is_null && compare(value, constant, expr.args[0].type) == 0) {
      return integer_value(1);
    }
  }
  return has_null ? null_value() : integer_value(0);
}

Value case_of(const Expr& expr, const Row& row) {
  for (std::size_t i = 0; i + 1 < expr.args.size(); i += 2) {
    const Value when = evaluate(expr.args[i], row);
    if (!when.is_null && when.integer != 0) {
      return evaluate(expr.args[i + 1], row);
    }
  }
  return evaluate(expr.args.back(), row);
}

Value year_of(const Value& value, const DataType& type) {
  using namespace std::chrono;
  const auto integer = static_cast<std::int64_t>(value.integer);
  const bool is_date = type.kind == TypeKind::kDate;
  if (is_date ? integer == INT32_MIN || integer == INT32_MAX
              : integer == INT64_MIN || integer == INT64_MAX) {
    abandon();
  }
  const sys_days epoch = year(2000) / January / 1;
  // The calendar repeats after 400 years; chrono's own ends with year 32767.
  const std::int64_t day = is_date ? integer : floor<days>(microseconds(integer)).count();
  const std::int64_t periods = day / 146097;
  const year_month_day date(epoch + days(day - periods * 146097));
  const std::int64_t years = static_cast<int>(date.year()) + periods * 400;
  return integer_value(years > 0 ? years : years - 1);
}

Value cast(const Expr& expr, const Value& value) {
  const DataType& from = expr.args[0].type;
  const DataType& to = expr.type;
  if (to.kind == TypeKind::kDecimal) {
    if (from.kind == TypeKind::kDecimal && value.integer == kNan) {
      return value;
    }
    Int128 result = value.integer;
    bool overflow = false;
    for (int i = from.scale; i < to.scale; ++i) {
      overflow = overflow || __builtin_mul_overflow(result, Int128{10}, &result);
    }
    return integer_value(checked_decimal(result, overflow, to));
  }
  if (to.kind == TypeKind::kFloat64) {
    return from.kind == TypeKind::kFloat64
               ? value
               : float_value(static_cast<double>(static_cast<std::int64_t>(value.integer)));
  }
  if (from.kind == TypeKind::kDate && to.kind == TypeKind::kTimestamp) {
    if (value.integer == INT32_MIN) {
      return integer_value(INT64_MIN);
    }
    if (value.integer == INT32_MAX) {
      return integer_value(INT64_MAX);
    }
    const Int128 micros = value.integer * 86400 * 1000000;
    if (micros >= Int128{9223371331200000000}) {
      fail("22008", "date out of range for timestamp");
    }
    return integer_value(micros);
  }
  if (from.kind == TypeKind::kBpchar && to.kind == TypeKind::kText) {
    return bytes_value(without_blanks(value.bytes));
  }
  return value;
}

// Without its characters outside of [begin, end), counted one by one.
Value substring(const std::vector<Value>& args) {
  if (args.size() == 3 && args[2].integer < 0) {
    fail("22011", "negative substring length not allowed");
  }
  std::string result;
  std::int64_t number = 0;
  for (const char byte : args[0].bytes) {
    number += (static_cast<unsigned char>(byte) & 0xc0) == 0x80 ? 0 : 1;
    const bool before_end = args.size() == 2 || number < args[1].integer + args[2].integer;
    if (number >= args[1].integer && before_end) {
      result += byte;
    }
  }
  return bytes_value(std::move(result));
}

Value strict_call(const Expr& expr, const Row& row) {
  std::vector<Value> args;
  bool has_null = false;
  for (const Expr& arg : expr.args) {
    args.push_back(evaluate(arg, row));
    has_null = has_null || args.back().is_null;
  }
  if (has_null) {
    return null_value();
  }
  switch (expr.op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
      return arithmetic(expr, args[0], args[1]);
    case Op::kNegate:
      return negate(expr, args[0]);
    case Op::kNot:
      return integer_value(args[0].integer == 0 ? 1 : 0);
    case Op::kLike:
      return integer_value(like(args[0].bytes, args[1].bytes) ? 1 : 0);
    case Op::kNotLike:
      return integer_value(like(args[0].bytes, args[1].bytes) ? 0 : 1);
    case Op::kSubstring:
      return substring(args);
    case Op::kExtractYear:
      return year_of(args[0], expr.args[0].type);
    case Op::kCast:
      return cast(expr, args[0]);
    default:
      return integer_value(holds(expr.op, compare(args[0], args[1], expr.args[0].type)) ? 1 : 0);
  }
}

// 1 matches, 0 does not, -1 does not and no later start would.
int match(std::string_view text, std::string_view pattern) {
  const auto skip_character = [](std::string_view rest) {
    rest.remove_prefix(1);
    while (!rest.empty() && (rest[0] & 0xc0) == 0x80) {
      rest.remove_prefix(1);
    }
    return rest;
  };
  while (!text.empty() && !pattern.empty()) {
    if (pattern[0] == '%') {
      while (!pattern.empty() && (pattern[0] == '%' || pattern[0] == '_')) {
        if (pattern[0] == '_') {
          if (text.empty()) {
            return -1;
          }
          text = skip_character(text);
        }
        pattern.remove_prefix(1);
      }
      if (pattern.empty()) {
        return 1;
      }
      if (pattern == "\\") {
        fail("22025", "LIKE pattern must not end with escape character");
      }
      for (; !text.empty(); text = skip_character(text)) {
        const int result = match(text, pattern);
        if (result != 0) {
          return result;
        }
      }
      return -1;
    }
    if (pattern[0] == '_') {
      text = skip_character(text);
      pattern.remove_prefix(1);
      continue;
    }
    if (pattern[0] == '\\') {
      pattern.remove_prefix(1);
      if (pattern.empty()) {
        fail("22025", "LIKE pattern must not end with escape character");
      }
    }
    if (pattern[0] != text[0]) {
      return 0;
    }
    text.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  if (!text.empty()) {
    return 0;
  }
  return pattern.find_first_not_of('%') == std::string_view::npos ? 1 : -1;
}

}  // namespace

bool like(std::string_view text, std::string_view pattern) { return match(text, pattern) == 1; }

Value evaluate(const Expr& expr, const Row& row) {
  switch (expr.kind) {
    case ExprKind::kColumn:
      return row[expr.column];
    case ExprKind::kCall:
      break;
    default: {
      const plan::Constant& constant = expr.constant;
      return {constant.is_null, constant.integer, constant.float64, constant.bytes};
    }
  }
  switch (expr.op) {
    case Op::kAnd:
      return junction(expr, row, false);
    case Op::kOr:
      return junction(expr, row, true);
    case Op::kCase:
      return case_of(expr, row);
    case Op::kIn:
      return in(expr, row);
    case Op::kIsNull:
      return integer_value(evaluate(expr.args[0], row).is_null ? 1 : 0);
    case Op::kIsNotNull:
      return integer_value(evaluate(expr.args[0], row).is_null ? 0 : 1);
    default:
      return strict_call(expr, row);
  }
}

bool same(const Value& a, const Value& b, const DataType& type) {
  if (a.is_null || b.is_null) {
    return a.is_null == b.is_null;
  }
  if (type.kind == TypeKind::kFloat64) {
    return (std::isnan(a.float64) && std::isnan(b.float64)) ||
           (a.float64 == b.float64 && std::signbit(a.float64) == std::signbit(b.float64));
  }
  return type.is_string() ? a.bytes == b.bytes : a.integer == b.integer;
}

Value read(const vector::ColumnView& column, std::uint32_t row, const DataType& type) {
  if (column.is_null(row)) {
    return null_value();
  }
  switch (physical_type_of(type)) {
    case PhysicalType::kInt8:
      return integer_value(column.as<std::int8_t>()[row]);
    case PhysicalType::kInt16:
      return integer_value(column.as<std::int16_t>()[row]);
    case PhysicalType::kInt32:
      return integer_value(column.as<std::int32_t>()[row]);
    case PhysicalType::kInt64: {
      const std::int64_t value = column.as<std::int64_t>()[row];
      const bool nan = type.kind == TypeKind::kDecimal && value == vector::kDecimalNan64;
      return integer_value(nan ? kNan : Int128{value});
    }
    case PhysicalType::kInt128:
      return integer_value(column.as<Int128>()[row]);
    case PhysicalType::kFloat64:
      return float_value(column.as<double>()[row]);
    case PhysicalType::kVarlen:
      return bytes_value(std::string(column.as<vector::StringRef>()[row].view()));
  }
  return null_value();
}

void fill(vector::BatchBuilder& builder, const std::vector<DataType>& types,
          const std::vector<Row>& rows) {
  for (std::uint32_t row = 0; row < rows.size(); ++row) {
    for (std::size_t i = 0; i < types.size(); ++i) {
      vector::ColumnBuffer& column = builder.column(i);
      const Value& value = rows[row][i];
      Int128 integer = value.integer;
      if (types[i].kind == TypeKind::kDecimal && integer == kNan) {
        column.set_may_hold_nan();
        integer = types[i].is_decimal64() ? Int128{vector::kDecimalNan64} : kNan;
      }
      if (types[i].is_string()) {
        column.set_string(row, value.bytes);
      } else if (types[i].kind == TypeKind::kFloat64) {
        column.as<double>()[row] = value.float64;
      } else {
        const std::size_t width = width_bytes(physical_type_of(types[i]));
        std::memcpy(column.as<std::byte>() + row * width, &integer, width);
      }
      if (value.is_null) {
        column.set_null(row);
      }
    }
  }
  builder.set_rows(static_cast<std::uint32_t>(rows.size()));
}

std::string describe(const Value& value, const DataType& type) {
  if (value.is_null) {
    return "NULL";
  }
  if (type.is_string()) {
    return "'" + value.bytes + "'";
  }
  if (type.kind == TypeKind::kFloat64) {
    return std::to_string(value.float64);
  }
  return std::to_string(static_cast<double>(value.integer)) + "~" +
         std::to_string(static_cast<std::int64_t>(value.integer));
}

}  // namespace sluice::engine::naive
