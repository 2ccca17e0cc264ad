// How strings compare: bytes, then length; bpchar without its trailing blanks.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "vector/string_ref.h"

namespace sluice::engine {

/// The first four bytes as a number that orders as they do; missing ones are zero.
[[nodiscard]] inline std::uint32_t prefix_order(const vector::StringRef& string) noexcept {
  static_assert(std::endian::native == std::endian::little);
  std::uint32_t prefix;
  std::memcpy(&prefix, reinterpret_cast<const char*>(&string) + 4, sizeof prefix);
  return __builtin_bswap32(prefix);
}

/// Negative, zero or positive as `left` is less than, equal to or greater than `right`.
[[nodiscard]] inline int compare_views(std::string_view left, std::string_view right) noexcept {
  const int order = std::memcmp(left.data(), right.data(), std::min(left.size(), right.size()));
  if (order != 0) {
    return order;
  }
  return (left.size() > right.size() ? 1 : 0) - (left.size() < right.size() ? 1 : 0);
}

[[nodiscard]] inline int compare_strings(const vector::StringRef& left,
                                         const vector::StringRef& right) noexcept {
  const std::uint32_t left_prefix = prefix_order(left);
  const std::uint32_t right_prefix = prefix_order(right);
  if (left_prefix != right_prefix) {
    return left_prefix < right_prefix ? -1 : 1;
  }
  return compare_views(left.view(), right.view());
}

/// Equality with a constant, the usual test on char(n): the value may go on with blanks.
/// Shape:  the constant has no trailing blanks.
/// Owns:   nothing; the constant must stay in its place.
class BlankPaddedEqual {
 public:
  explicit BlankPaddedEqual(const vector::StringRef& constant) noexcept
      : bytes_(constant.view()), prefix_(prefix_order(constant)) {}
  bool operator()(const vector::StringRef& value) const noexcept {
    if (bytes_.size() >= 4 && prefix_order(value) != prefix_) {
      return false;
    }
    const std::string_view text = value.view();
    return text.size() >= bytes_.size() &&
           std::memcmp(text.data(), bytes_.data(), bytes_.size()) == 0 &&
           vector::without_trailing_blanks(text.substr(bytes_.size())).empty();
  }

 private:
  std::string_view bytes_;
  std::uint32_t prefix_;
};

}  // namespace sluice::engine
