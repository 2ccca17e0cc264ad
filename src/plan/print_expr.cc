// Expressions as EXPLAIN shows them, near to PostgreSQL's own spelling.
#include <array>
#include <cstdio>
#include <limits>
#include <string_view>

#include "plan/expr.h"

namespace sluice::plan {

namespace {

using Names = std::vector<std::string>;

constexpr std::int64_t kMicrosecondsPerDay = std::int64_t{86400} * 1000000;
constexpr std::int64_t kEpochDays = 10957;  // 2000-01-01 counted from 1970-01-01
constexpr std::size_t kListItemsMax = 20;

std::string quoted(const std::string& bytes) {
  std::string text = "'";
  for (const char byte : bytes) {
    text += byte;
    if (byte == '\'') {
      text += byte;
    }
  }
  return text + "'";
}

std::string digits_of(base::UInt128 value) {
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value != 0);
  return digits;
}

std::string decimal_text(base::Int128 value, std::size_t scale) {
  const auto magnitude = static_cast<base::UInt128>(value);
  std::string digits = digits_of(value < 0 ? base::UInt128{0} - magnitude : magnitude);
  if (scale > 0) {
    if (digits.size() <= scale) {
      digits.insert(0, scale + 1 - digits.size(), '0');
    }
    digits.insert(digits.size() - scale, ".");
  }
  return value < 0 ? "-" + digits : digits;
}

/// The proleptic Gregorian date of a day counted from 2000-01-01.
/// Source: H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
std::string date_text(std::int64_t day) {
  const std::int64_t shifted = day + kEpochDays + 719468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const std::int64_t of_era = shifted - era * 146097;
  const std::int64_t year_of_era =
      (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t march_month = (5 * of_year + 2) / 153;
  const std::int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04lld-%02d-%02d%s",
                static_cast<long long>(year > 0 ? year : 1 - year), static_cast<int>(month),
                static_cast<int>(of_year - (153 * march_month + 2) / 5 + 1), year > 0 ? "" : " BC");
  return text.data();
}

std::string timestamp_text(std::int64_t moment) {
  std::int64_t day = moment / kMicrosecondsPerDay;
  std::int64_t rest = moment % kMicrosecondsPerDay;
  if (rest < 0) {
    rest += kMicrosecondsPerDay;
    --day;
  }
  const std::int64_t seconds = rest / 1000000;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), " %02d:%02d:%02d", static_cast<int>(seconds / 3600),
                static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  std::string result = date_text(day) + text.data();
  if (rest % 1000000 != 0) {
    std::snprintf(text.data(), text.size(), ".%06d", static_cast<int>(rest % 1000000));
    result += text.data();
  }
  return result;
}

/// 24:00:00 included.
std::string time_text(std::int64_t moment) {
  const std::string hour = std::to_string(moment / kMicrosecondsPerDay * 24);
  return hour == "0" ? timestamp_text(moment).substr(sizeof "2000-01-01 " - 1) : hour + ":00:00";
}

std::string utc_text(std::int64_t moment) { return timestamp_text(moment) + "+00"; }

/// In order: `bytes` in hexadecimal digits.
std::string hex_text(std::string_view bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  return text;
}

std::string uuid_text(base::Int128 value) {
  const auto raw = static_cast<base::UInt128>(value) ^ static_cast<base::UInt128>(1) << 127;
  std::string bytes;
  for (int shift = 120; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(raw >> shift & 0xFF);
  }
  std::string text = hex_text(bytes);
  for (const std::size_t place : {20, 16, 12, 8}) {
    text.insert(place, 1, '-');
  }
  return text;
}

template <typename Integer>
std::string moment_text(base::Int128 value, std::string (*format)(std::int64_t)) {
  if (value == std::numeric_limits<Integer>::min()) {
    return "'-infinity'";
  }
  if (value == std::numeric_limits<Integer>::max()) {
    return "'infinity'";
  }
  return "'" + format(static_cast<std::int64_t>(value)) + "'";
}

std::string float_text(double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

std::string constant_text(const Expr& expr) {
  const Constant& constant = expr.constant;
  if (constant.is_null) {
    return "NULL::" + to_string(expr.type);
  }
  switch (expr.type.kind) {
    case TypeKind::kBool:
      return constant.integer != 0 ? "true" : "false";
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
      return decimal_text(constant.integer, 0);
    case TypeKind::kFloat64:
      return float_text(constant.float64);
    case TypeKind::kDecimal:
      return constant.integer == base::kInt128Max ? "'NaN'"
                                                  : decimal_text(constant.integer, expr.type.scale);
    case TypeKind::kDate:
      return moment_text<std::int32_t>(constant.integer, date_text) + "::date";
    case TypeKind::kTimestamp:
      return moment_text<std::int64_t>(constant.integer, timestamp_text) + "::timestamp";
    case TypeKind::kTimestampTz:
      return moment_text<std::int64_t>(constant.integer, utc_text) + "::timestamptz";
    case TypeKind::kTime:
      return "'" + time_text(static_cast<std::int64_t>(constant.integer)) + "'::time";
    case TypeKind::kUuid:
      return "'" + uuid_text(constant.integer) + "'::uuid";
    case TypeKind::kHandle:
      return std::to_string(static_cast<std::uint32_t>(constant.integer)) + "::handle";
    case TypeKind::kBytea:
    case TypeKind::kOpaque:
      return "'\\x" + hex_text(constant.bytes) + "'::" + to_string(expr.type);
    case TypeKind::kText:
    case TypeKind::kBpchar:
      return quoted(constant.bytes) + "::" + to_string(expr.type);
  }
  return "?";
}

const char* infix(Op op) noexcept {
  switch (op) {
    case Op::kAdd:
      return " + ";
    case Op::kSubtract:
      return " - ";
    case Op::kMultiply:
      return " * ";
    case Op::kEqual:
      return " = ";
    case Op::kNotEqual:
      return " <> ";
    case Op::kLess:
      return " < ";
    case Op::kLessEqual:
      return " <= ";
    case Op::kGreater:
      return " > ";
    case Op::kGreaterEqual:
      return " >= ";
    case Op::kAnd:
      return " AND ";
    case Op::kOr:
      return " OR ";
    case Op::kLike:
      return " ~~ ";
    case Op::kNotLike:
      return " !~~ ";
    default:
      return nullptr;
  }
}

std::string list_text(const std::vector<Expr>& args, std::size_t first, const char* separator,
                      const Names& names) {
  std::string text;
  for (std::size_t i = first; i < args.size(); ++i) {
    text += i == first ? "" : separator;
    if (i == first + kListItemsMax) {
      return text + "... " + std::to_string(args.size() - i) + " more";
    }
    text += to_string(args[i], names);
  }
  return text;
}

std::string case_text(const std::vector<Expr>& args, const Names& names) {
  std::string text = "CASE";
  for (std::size_t i = 0; i + 1 < args.size(); i += 2) {
    text += " WHEN " + to_string(args[i], names) + " THEN " + to_string(args[i + 1], names);
  }
  return text + " ELSE " + to_string(args.back(), names) + " END";
}

std::string call_text(const Expr& expr, const Names& names) {
  if (expr.args.empty()) {
    return "()";
  }
  if (const char* separator = infix(expr.op); separator != nullptr) {
    return "(" + list_text(expr.args, 0, separator, names) + ")";
  }
  if (expr.op == Op::kCase) {
    return case_text(expr.args, names);
  }
  if (expr.op == Op::kForeign) {
    const std::string& bytes = expr.args.front().constant.bytes;
    return bytes.substr(0, bytes.find('\0')) + "(" + list_text(expr.args, 1, ", ", names) + ")";
  }
  if (expr.op == Op::kSubstring) {
    return "SUBSTRING(" + list_text(expr.args, 0, ", ", names) + ")";
  }
  const std::string arg = to_string(expr.args.front(), names);
  switch (expr.op) {
    case Op::kNegate:
      return "(- " + arg + ")";
    case Op::kNot:
      return "(NOT " + arg + ")";
    case Op::kIsNull:
      return "(" + arg + " IS NULL)";
    case Op::kIsNotNull:
      return "(" + arg + " IS NOT NULL)";
    case Op::kIn:
      return "(" + arg + " IN (" + list_text(expr.args, 1, ", ", names) + "))";
    case Op::kExtractYear:
      return "EXTRACT(year FROM " + arg + ")";
    case Op::kCast:
      return "(" + arg + ")::" + to_string(expr.type);
    default:
      return "op" + std::to_string(static_cast<int>(expr.op)) + "(" + arg + ")";
  }
}

}  // namespace

std::string to_string(const Expr& expr, const Names& names) {
  switch (expr.kind) {
    case ExprKind::kColumn:
      return expr.column < names.size() ? names[expr.column] : "$" + std::to_string(expr.column);
    case ExprKind::kParam:
      return "param " + std::to_string(expr.column);
    case ExprKind::kConstant:
      return constant_text(expr);
    case ExprKind::kCall:
      return call_text(expr, names);
  }
  return "?";
}

}  // namespace sluice::plan
