#include "pg/pool/pool_view.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "pg/port/settings.h"

namespace sluice::pg {
namespace {

/// `address` as the kernel's calls want it.
void* at(std::uintptr_t address) { return reinterpret_cast<void*>(address); }

/// A view would leave less of it to everybody else in this process.
bool is_address_space_limited() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

std::ptrdiff_t make_view(const PoolMapping& mapping) {
  const std::uintptr_t view = is_address_space_limited() ? 0 : map_pool_again(mapping);
  return view == 0 ? 0 : static_cast<std::ptrdiff_t>(view - mapping.pages.begin);
}

}  // namespace

std::uintptr_t map_pool_again(const PoolMapping& mapping) {
  const std::size_t bytes = mapping.pages.end - mapping.pages.begin;
  const std::size_t reserved_bytes = bytes + kHugePageBytes;
  void* const reserved =
      mmap(nullptr, reserved_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) {
    return 0;
  }
  const auto start = reinterpret_cast<std::uintptr_t>(reserved);
  const std::uintptr_t view = (start + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  if (mremap(at(mapping.pages.begin), 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at(view)) ==
      MAP_FAILED) {
    (void)munmap(reserved, reserved_bytes);
    return 0;
  }
  const std::uintptr_t rest = view + bytes;
  if (view > start) {
    (void)munmap(reserved, view - start);
  }
  if (rest < start + reserved_bytes) {
    (void)munmap(at(rest), start + reserved_bytes - rest);
  }
  (void)madvise(at(view), bytes, MADV_DONTDUMP);  // the first mapping is in the dump
  return view;
}

std::ptrdiff_t pool_view_offset() {
  static bool made = false;
  static std::ptrdiff_t offset = 0;
  PoolMapping* mapping = settings.huge_pages ? pool_mapping() : nullptr;
  if (mapping == nullptr || pg_atomic_read_u64(&mapping->huge_pages) == 0) {
    return 0;
  }
  if (!made) {
    made = true;
    offset = make_view(*mapping);
  }
  return offset;
}

}  // namespace sluice::pg
