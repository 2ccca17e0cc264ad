// 16 bytes that order like memcmp, as an integer that orders like <.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/int128.h"

namespace sluice::vector {

inline constexpr std::size_t kUuidBytes = 16;

/// Shape: `bytes` is kUuidBytes long.
[[nodiscard]] inline base::Int128 integer_of_uuid(const void* bytes) noexcept {
  std::uint64_t words[2];
  std::memcpy(words, bytes, sizeof words);
  const std::uint64_t high = __builtin_bswap64(words[0]) ^ std::uint64_t{1} << 63;
  return static_cast<base::Int128>(static_cast<base::UInt128>(high) << 64 |
                                   __builtin_bswap64(words[1]));
}

/// The inverse.
inline void write_uuid(base::Int128 value, void* bytes) noexcept {
  const auto raw = static_cast<base::UInt128>(value);
  const std::uint64_t words[2] = {
      __builtin_bswap64(static_cast<std::uint64_t>(raw >> 64) ^ std::uint64_t{1} << 63),
      __builtin_bswap64(static_cast<std::uint64_t>(raw))};
  std::memcpy(bytes, words, sizeof words);
}

}  // namespace sluice::vector
