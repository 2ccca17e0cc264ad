#include "pg/planner/operator_table.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/fmgroids.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::Op;

std::optional<Op> find_arithmetic(Oid function) noexcept {
  switch (function) {
    case F_INT2PL:
    case F_INT4PL:
    case F_INT8PL:
    case F_INT24PL:
    case F_INT42PL:
    case F_INT28PL:
    case F_INT82PL:
    case F_INT48PL:
    case F_INT84PL:
    case F_FLOAT8PL:
    case F_NUMERIC_ADD:
      return Op::kAdd;
    case F_INT2MI:
    case F_INT4MI:
    case F_INT8MI:
    case F_INT24MI:
    case F_INT42MI:
    case F_INT28MI:
    case F_INT82MI:
    case F_INT48MI:
    case F_INT84MI:
    case F_FLOAT8MI:
    case F_NUMERIC_SUB:
      return Op::kSubtract;
    case F_INT2MUL:
    case F_INT4MUL:
    case F_INT8MUL:
    case F_INT24MUL:
    case F_INT42MUL:
    case F_INT28MUL:
    case F_INT82MUL:
    case F_INT48MUL:
    case F_INT84MUL:
    case F_FLOAT8MUL:
    case F_NUMERIC_MUL:
      return Op::kMultiply;
    default:
      return std::nullopt;
  }
}

std::optional<Op> find_equality(Oid function) noexcept {
  switch (function) {
    case F_BOOLEQ:
    case F_INT2EQ:
    case F_INT4EQ:
    case F_INT8EQ:
    case F_INT24EQ:
    case F_INT42EQ:
    case F_INT28EQ:
    case F_INT82EQ:
    case F_INT48EQ:
    case F_INT84EQ:
    case F_FLOAT8EQ:
    case F_NUMERIC_EQ:
    case F_DATE_EQ:
    case F_TIMESTAMP_EQ:
    case F_TEXTEQ:
    case F_BPCHAREQ:
    case F_TIMESTAMPTZ_EQ:
    case F_TIME_EQ:
    case F_BYTEAEQ:
    case F_UUID_EQ:
    case F_OIDEQ:
    case F_ENUM_EQ:
      return Op::kEqual;
    case F_BOOLNE:
    case F_INT2NE:
    case F_INT4NE:
    case F_INT8NE:
    case F_INT24NE:
    case F_INT42NE:
    case F_INT28NE:
    case F_INT82NE:
    case F_INT48NE:
    case F_INT84NE:
    case F_FLOAT8NE:
    case F_NUMERIC_NE:
    case F_DATE_NE:
    case F_TIMESTAMP_NE:
    case F_TEXTNE:
    case F_BPCHARNE:
    case F_TIMESTAMPTZ_NE:
    case F_TIME_NE:
    case F_BYTEANE:
    case F_UUID_NE:
    case F_OIDNE:
    case F_ENUM_NE:
      return Op::kNotEqual;
    default:
      return std::nullopt;
  }
}

std::optional<Op> find_less(Oid function) noexcept {
  switch (function) {
    case F_BOOLLT:
    case F_INT2LT:
    case F_INT4LT:
    case F_INT8LT:
    case F_INT24LT:
    case F_INT42LT:
    case F_INT28LT:
    case F_INT82LT:
    case F_INT48LT:
    case F_INT84LT:
    case F_FLOAT8LT:
    case F_NUMERIC_LT:
    case F_DATE_LT:
    case F_TIMESTAMP_LT:
    case F_TEXT_LT:
    case F_BPCHARLT:
    case F_TIMESTAMPTZ_LT:
    case F_TIME_LT:
    case F_BYTEALT:
    case F_UUID_LT:
      return Op::kLess;
    case F_BOOLLE:
    case F_INT2LE:
    case F_INT4LE:
    case F_INT8LE:
    case F_INT24LE:
    case F_INT42LE:
    case F_INT28LE:
    case F_INT82LE:
    case F_INT48LE:
    case F_INT84LE:
    case F_FLOAT8LE:
    case F_NUMERIC_LE:
    case F_DATE_LE:
    case F_TIMESTAMP_LE:
    case F_TEXT_LE:
    case F_BPCHARLE:
    case F_TIMESTAMPTZ_LE:
    case F_TIME_LE:
    case F_BYTEALE:
    case F_UUID_LE:
      return Op::kLessEqual;
    default:
      return std::nullopt;
  }
}

std::optional<Op> find_greater(Oid function) noexcept {
  switch (function) {
    case F_BOOLGT:
    case F_INT2GT:
    case F_INT4GT:
    case F_INT8GT:
    case F_INT24GT:
    case F_INT42GT:
    case F_INT28GT:
    case F_INT82GT:
    case F_INT48GT:
    case F_INT84GT:
    case F_FLOAT8GT:
    case F_NUMERIC_GT:
    case F_DATE_GT:
    case F_TIMESTAMP_GT:
    case F_TEXT_GT:
    case F_BPCHARGT:
    case F_TIMESTAMPTZ_GT:
    case F_TIME_GT:
    case F_BYTEAGT:
    case F_UUID_GT:
      return Op::kGreater;
    case F_BOOLGE:
    case F_INT2GE:
    case F_INT4GE:
    case F_INT8GE:
    case F_INT24GE:
    case F_INT42GE:
    case F_INT28GE:
    case F_INT82GE:
    case F_INT48GE:
    case F_INT84GE:
    case F_FLOAT8GE:
    case F_NUMERIC_GE:
    case F_DATE_GE:
    case F_TIMESTAMP_GE:
    case F_TEXT_GE:
    case F_BPCHARGE:
    case F_TIMESTAMPTZ_GE:
    case F_TIME_GE:
    case F_BYTEAGE:
    case F_UUID_GE:
      return Op::kGreaterEqual;
    default:
      return std::nullopt;
  }
}

std::optional<OperatorEntry> find_date_timestamp(Oid function) noexcept {
  constexpr auto kDate = OperatorShape::kDateTimestamp;
  constexpr auto kTimestamp = OperatorShape::kTimestampDate;
  switch (function) {
    case F_DATE_EQ_TIMESTAMP:
      return OperatorEntry{Op::kEqual, kDate};
    case F_DATE_NE_TIMESTAMP:
      return OperatorEntry{Op::kNotEqual, kDate};
    case F_DATE_LT_TIMESTAMP:
      return OperatorEntry{Op::kLess, kDate};
    case F_DATE_LE_TIMESTAMP:
      return OperatorEntry{Op::kLessEqual, kDate};
    case F_DATE_GT_TIMESTAMP:
      return OperatorEntry{Op::kGreater, kDate};
    case F_DATE_GE_TIMESTAMP:
      return OperatorEntry{Op::kGreaterEqual, kDate};
    case F_TIMESTAMP_EQ_DATE:
      return OperatorEntry{Op::kEqual, kTimestamp};
    case F_TIMESTAMP_NE_DATE:
      return OperatorEntry{Op::kNotEqual, kTimestamp};
    case F_TIMESTAMP_LT_DATE:
      return OperatorEntry{Op::kLess, kTimestamp};
    case F_TIMESTAMP_LE_DATE:
      return OperatorEntry{Op::kLessEqual, kTimestamp};
    case F_TIMESTAMP_GT_DATE:
      return OperatorEntry{Op::kGreater, kTimestamp};
    case F_TIMESTAMP_GE_DATE:
      return OperatorEntry{Op::kGreaterEqual, kTimestamp};
    default:
      return std::nullopt;
  }
}

std::optional<OperatorEntry> find_other(Oid function) noexcept {
  switch (function) {
    case F_INT2UM:
    case F_INT4UM:
    case F_INT8UM:
    case F_FLOAT8UM:
    case F_NUMERIC_UMINUS:
      return OperatorEntry{Op::kNegate, OperatorShape::kNegate};
    case F_TEXTLIKE:
    case F_BPCHARLIKE:
    case F_LIKE_TEXT_TEXT:
      return OperatorEntry{Op::kLike, OperatorShape::kLike};
    case F_TEXTNLIKE:
    case F_BPCHARNLIKE:
    case F_NOTLIKE_TEXT_TEXT:
      return OperatorEntry{Op::kNotLike, OperatorShape::kLike};
    case F_SUBSTRING_TEXT_INT4:
    case F_SUBSTRING_TEXT_INT4_INT4:
    case F_SUBSTR_TEXT_INT4:
    case F_SUBSTR_TEXT_INT4_INT4:
      return OperatorEntry{Op::kSubstring, OperatorShape::kSubstring};
    case F_INT4_INT2:
    case F_INT8_INT2:
    case F_INT8_INT4:
    case F_NUMERIC_INT2:
    case F_NUMERIC_INT4:
    case F_NUMERIC_INT8:
    case F_FLOAT8_INT2:
    case F_FLOAT8_INT4:
    case F_FLOAT8_INT8:
    case F_TEXT_BPCHAR:
    case F_TIMESTAMP_DATE:
      return OperatorEntry{Op::kCast, OperatorShape::kCast};
    case F_EXTRACT_TEXT_DATE:
    case F_EXTRACT_TEXT_TIMESTAMP:
      return OperatorEntry{Op::kExtractYear, OperatorShape::kExtract};
    default:
      return find_date_timestamp(function);
  }
}

}  // namespace

std::optional<OperatorEntry> find_operator(Oid function) noexcept {
  if (const auto op = find_arithmetic(function)) {
    return OperatorEntry{*op, OperatorShape::kArithmetic};
  }
  for (const auto find : {find_equality, find_less, find_greater}) {
    if (const auto op = find(function)) {
      return OperatorEntry{*op, OperatorShape::kComparison};
    }
  }
  return find_other(function);
}

plan::Op swapped(plan::Op op) noexcept {
  switch (op) {
    case Op::kLess:
      return Op::kGreater;
    case Op::kLessEqual:
      return Op::kGreaterEqual;
    case Op::kGreater:
      return Op::kLess;
    case Op::kGreaterEqual:
      return Op::kLessEqual;
    default:
      return op;
  }
}

}  // namespace sluice::pg
