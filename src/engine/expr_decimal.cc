#include "engine/expr_decimal.h"

namespace sluice::engine {

bool multiply_wide(Int128 a, Int128 b, Int128& product) noexcept {
  const bool negative = (a < 0) != (b < 0);
  const UInt128 left = a < 0 ? -static_cast<UInt128>(a) : static_cast<UInt128>(a);
  const UInt128 right = b < 0 ? -static_cast<UInt128>(b) : static_cast<UInt128>(b);
  const auto left_high = static_cast<std::uint64_t>(left >> 64);
  const auto right_high = static_cast<std::uint64_t>(right >> 64);
  if (left_high != 0 && right_high != 0) {
    return false;
  }
  const auto left_low = static_cast<std::uint64_t>(left);
  const auto right_low = static_cast<std::uint64_t>(right);
  const UInt128 cross = static_cast<UInt128>(left_high) * right_low +
                        static_cast<UInt128>(right_high) * left_low;  // one of them is zero
  const UInt128 low = static_cast<UInt128>(left_low) * right_low;
  if ((cross >> 63) != 0) {
    return false;
  }
  const UInt128 size = (cross << 64) + low;
  if (size < low ||  // wrapped
      size > static_cast<UInt128>(kDecimalMax128)) {
    return false;
  }
  product = negative ? -static_cast<Int128>(size) : static_cast<Int128>(size);
  return true;
}

}  // namespace sluice::engine
