// Ids that do not mix: a seat is not a stream, although both are small integers.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>

namespace sluice::base {

/// An integer id; `Tag` makes each use a type of its own.
template <typename Tag, typename Rep>
class StrongId {
 public:
  using rep = Rep;
  constexpr StrongId() noexcept = default;
  constexpr explicit StrongId(Rep value) noexcept : value_(value) {}
  [[nodiscard]] constexpr Rep value() const noexcept { return value_; }
  /// For indexing arrays.
  [[nodiscard]] constexpr std::size_t index() const noexcept {
    return static_cast<std::size_t>(value_);
  }
  friend constexpr bool operator==(StrongId, StrongId) noexcept = default;
  friend constexpr auto operator<=>(StrongId a, StrongId b) noexcept {
    return a.value_ <=> b.value_;
  }

 private:
  Rep value_{};
};

}  // namespace sluice::base

template <typename Tag, typename Rep>
struct std::hash<sluice::base::StrongId<Tag, Rep>> {
  std::size_t operator()(sluice::base::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};
