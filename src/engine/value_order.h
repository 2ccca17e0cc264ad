// The order of values, as PostgreSQL's btree operators have it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

namespace sluice::engine {

/// -1, 0 or 1.
template <typename T>
[[nodiscard]] constexpr int compare_values(T left, T right) noexcept {
  return (left > right ? 1 : 0) - (left < right ? 1 : 0);
}

/// NaN equals NaN and is greater than all others; -0 equals 0.
/// Source: PostgreSQL, float8_cmp_internal.
[[nodiscard]] inline int compare_values(double left, double right) noexcept {
  if (std::isnan(left) || std::isnan(right)) {
    return (std::isnan(left) ? 1 : 0) - (std::isnan(right) ? 1 : 0);
  }
  return (left > right ? 1 : 0) - (left < right ? 1 : 0);
}

/// By unsigned bytes, then by length: the C collation.
[[nodiscard]] inline int compare_bytes(std::string_view left, std::string_view right) noexcept {
  const int order = std::memcmp(left.data(), right.data(), std::min(left.size(), right.size()));
  if (order != 0) {
    return order < 0 ? -1 : 1;
  }
  return compare_values(left.size(), right.size());
}

}  // namespace sluice::engine
