// 128-bit integers under one name.
#pragma once

#include <cstdint>

namespace sluice::base {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

inline constexpr Int128 kInt128Max = static_cast<Int128>((~UInt128{0}) >> 1);
inline constexpr Int128 kInt128Min = -kInt128Max - 1;

}  // namespace sluice::base
