#include "pg/pool/pool_geometry.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace sluice::pg {

bool parse_area(const char* line, MappedArea& area) noexcept {
  char access[5] = {};
  unsigned long begin = 0;
  unsigned long end = 0;
  unsigned long offset = 0;
  if (std::sscanf(line, "%lx-%lx %4s %lx", &begin, &end, access, &offset) != 4) {
    return false;
  }
  area = {begin, end, offset, access[3] == 's', std::strstr(line, "huge") != nullptr};
  return true;
}

AddressRange huge_pages_of(const MappedArea& area, std::uintptr_t first,
                           std::uintptr_t last) noexcept {
  // Counted from the memory object's start, huge pages begin at multiples of their size.
  const std::uintptr_t origin = area.begin - area.offset;
  const std::uintptr_t begin = origin + (first - origin) / kHugePageBytes * kHugePageBytes;
  const std::uintptr_t end =
      origin + (last - origin + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  if (!area.shared || area.reserved || begin < area.begin || last > area.end) {
    return {};
  }
  return {begin, std::min(end, area.end)};
}

BlockRange blocks_in(std::uintptr_t page, std::uintptr_t first, std::size_t blocks,
                     std::size_t block_bytes) noexcept {
  const auto blocks_before = [=](std::uintptr_t address) {
    return address <= first ? 0
                            : std::min(blocks, (address - first + block_bytes - 1) / block_bytes);
  };
  return {blocks_before(page), blocks_before(page + kHugePageBytes)};
}

}  // namespace sluice::pg
