// A set of seats as a word.
#pragma once

#include <bit>
#include <cstdint>

#include "base/ids.h"

namespace sluice::exchange {

using base::Epoch;
using base::kLeaderSeat;
using base::kSeatsMax;
using base::SeatIndex;
using base::StreamId;

class SeatSet {
 public:
  constexpr SeatSet() noexcept = default;
  constexpr explicit SeatSet(std::uint64_t bits) noexcept : bits_(bits) {}
  [[nodiscard]] static constexpr SeatSet of(SeatIndex seat) noexcept {
    return SeatSet(std::uint64_t{1} << seat.value());
  }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
  [[nodiscard]] constexpr bool contains(SeatIndex seat) const noexcept {
    return ((bits_ >> seat.value()) & 1) != 0;
  }
  constexpr void insert(SeatIndex seat) noexcept { bits_ |= of(seat).bits_; }
  constexpr void erase(SeatIndex seat) noexcept { bits_ &= ~of(seat).bits_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr unsigned size() const noexcept {
    return static_cast<unsigned>(std::popcount(bits_));
  }
  /// The n-th member in ascending order; n < size().
  [[nodiscard]] constexpr SeatIndex nth(unsigned n) const noexcept {
    std::uint64_t rest = bits_;
    for (; n != 0; --n) {
      rest &= rest - 1;
    }
    return SeatIndex(static_cast<std::uint16_t>(std::countr_zero(rest)));
  }
  template <typename Visit>
  constexpr void for_each(Visit visit) const {
    for (std::uint64_t rest = bits_; rest != 0; rest &= rest - 1) {
      visit(SeatIndex(static_cast<std::uint16_t>(std::countr_zero(rest))));
    }
  }
  friend constexpr bool operator==(SeatSet, SeatSet) noexcept = default;

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace sluice::exchange
