// Where huge pages lie in a shared memory segment. Pure arithmetic, without the server.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::pg {

/// Units: bytes. What a kernel with 4 kB pages maps by one entry of the level above.
inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

/// A line of /proc/self/maps.
struct MappedArea {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uint64_t offset = 0;  // in the memory object
  bool shared = false;
  bool reserved = false;  // of huge pages that the administrator has set aside
};

/// False for what is no such line. Source: proc_pid_maps(5).
[[nodiscard]] bool parse_area(const char* line, MappedArea& area) noexcept;

struct AddressRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

/// The huge pages of the area's memory object that hold [first, last), the last one cut off where
/// the area ends; empty where there are none.
/// Shape: `area` holds `first`.
[[nodiscard]] AddressRange huge_pages_of(const MappedArea& area, std::uintptr_t first,
                                         std::uintptr_t last) noexcept;

struct BlockRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Of `blocks` blocks of `block_bytes` bytes from `first` on, those that begin in the huge page at
/// `page`.
[[nodiscard]] BlockRange blocks_in(std::uintptr_t page, std::uintptr_t first, std::size_t blocks,
                                   std::size_t block_bytes) noexcept;

}  // namespace sluice::pg
