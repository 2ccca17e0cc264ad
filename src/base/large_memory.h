// Memory for arrays that may become large: by malloc as long as they are small, then mapped on huge
// pages. A fresh process pays for every page that it touches first, and random access to small
// pages misses the TLB.
#pragma once

#include <cstddef>

namespace sluice::base {

inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
/// Arrays of so many bytes are mapped.
inline constexpr std::size_t kMappedBytesMin = std::size_t{1} << 20;

/// Units: bytes that an array of at least `bytes` takes in memory in any case.
[[nodiscard]] constexpr std::size_t granted_bytes(std::size_t bytes) noexcept {
  return bytes < kMappedBytesMin ? bytes
                                 : (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

/// Null when the system has no memory. Shape: `bytes` is not 0; aligned to 16 bytes, to
/// kHugePageBytes where the array is mapped.
[[nodiscard]] std::byte* allocate_array(std::size_t bytes) noexcept;
/// The same, filled with zeros.
[[nodiscard]] std::byte* allocate_zeroed_array(std::size_t bytes) noexcept;
/// Moves an array of `old_bytes` to one of `bytes`. Null when the system has no memory: then the
/// old one stays as it is.
[[nodiscard]] std::byte* resize_array(std::byte* data, std::size_t old_bytes,
                                      std::size_t bytes) noexcept;
/// Shape: `bytes` is what it was allocated or last resized with. `data` may be null.
void free_array(std::byte* data, std::size_t bytes) noexcept;

}  // namespace sluice::base
