// One value and one row of a test, with the order and equality that PostgreSQL gives them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/operator.h"
#include "engine/physical.h"
#include "vector/batch.h"

namespace sluice::engine::testing {

struct Value {
  bool null = false;
  base::Int128 integer = 0;
  double real = 0;
  std::string text;
};
using Row = std::vector<Value>;
using Rows = std::vector<Row>;
using Types = std::vector<plan::DataType>;

inline Value null_value() { return {true, 0, 0, {}}; }
inline Value of(std::int64_t integer) { return {false, integer, 0, {}}; }
inline Value of_real(double real) { return {false, 0, real, {}}; }
inline Value of_text(std::string text) { return {false, 0, 0, std::move(text)}; }

inline bool is_decimal(const plan::DataType& type) { return type.kind == plan::TypeKind::kDecimal; }
inline base::Int128 nan_of(const plan::DataType& type) {
  return type.is_decimal64() ? base::Int128{vector::kDecimalNan64} : vector::kDecimalNan128;
}

/// -1, 0, 1 of two values that are not null, as PostgreSQL orders them.
inline int reference_order(const plan::DataType& type, const Value& a, const Value& b) {
  if (type.kind == plan::TypeKind::kFloat64) {
    if (std::isnan(a.real) || std::isnan(b.real)) {
      return int{std::isnan(a.real)} - int{std::isnan(b.real)};
    }
    return int{a.real > b.real} - int{a.real < b.real};
  }
  if (type.is_varlen()) {
    std::string left = a.text;
    std::string right = b.text;
    for (std::string* text : {&left, &right}) {
      while (type.kind == plan::TypeKind::kBpchar && !text->empty() && text->back() == ' ') {
        text->pop_back();
      }
    }
    return left < right ? -1 : int{left > right};
  }
  return int{a.integer > b.integer} - int{a.integer < b.integer};
}

inline bool reference_equal(const plan::DataType& type, const Value& a, const Value& b) {
  return a.null || b.null ? a.null && b.null : reference_order(type, a, b) == 0;
}

inline std::string text_of(base::Int128 value) {
  const bool negative = value < 0;
  base::UInt128 rest = negative ? -static_cast<base::UInt128>(value) : value;
  std::string digits;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
    rest /= 10;
  } while (rest != 0);
  return negative ? "-" + digits : digits;
}

inline std::string text_of(const plan::DataType& type, const Value& value) {
  if (value.null) {
    return "NULL";
  }
  if (type.is_varlen()) {
    return "'" + value.text + "'";
  }
  if (type.kind == plan::TypeKind::kFloat64) {
    return std::isnan(value.real) ? "nan" : std::to_string(value.real);
  }
  return is_decimal(type) && value.integer == nan_of(type) ? "NaN" : text_of(value.integer);
}

inline std::string text_of(const Types& types, const Row& row) {
  std::string result;
  for (std::size_t i = 0; i < types.size(); ++i) {
    result += (i == 0 ? "" : "|") + text_of(types[i], row[i]);
  }
  return result;
}

}  // namespace sluice::engine::testing
