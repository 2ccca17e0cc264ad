// Decimals of up to 38 digits as 128-bit integers: what fits, and products that say whether they
// do.
#pragma once

#include <cstdint>

#include "base/int128.h"

namespace sluice::engine {

using base::Int128;
using base::UInt128;

/// Shape: 0 <= exponent <= 38.
[[nodiscard]] constexpr Int128 power_of_ten(int exponent) noexcept {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) {
    power *= 10;
  }
  return power;
}

/// The largest decimal; the NaN lies beyond.
inline constexpr Int128 kDecimalMax128 = power_of_ten(38) - 1;

[[nodiscard]] constexpr bool fits_decimal(Int128 value) noexcept {
  return static_cast<UInt128>(value) + static_cast<UInt128>(kDecimalMax128) <=
         static_cast<UInt128>(kDecimalMax128) * 2;
}

[[nodiscard]] constexpr bool fits_int64(Int128 value) noexcept {
  return static_cast<std::int64_t>(value) == value;
}

/// Whether a * b is at most kDecimalMax128 in size; `product` is set if so.
[[nodiscard]] bool multiply_wide(Int128 a, Int128 b, Int128& product) noexcept;

/// a * b, and `failed` where it is no decimal; fast where both fit 64 bits.
[[nodiscard]] inline Int128 multiply_decimals(Int128 a, Int128 b, bool& failed) noexcept {
  if (fits_int64(a) && fits_int64(b)) [[likely]] {
    return static_cast<Int128>(static_cast<std::int64_t>(a)) * static_cast<std::int64_t>(b);
  }
  Int128 product = 0;
  failed |= !multiply_wide(a, b, product);
  return product;
}

}  // namespace sluice::engine
