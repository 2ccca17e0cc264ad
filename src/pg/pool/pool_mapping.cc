#include "pg/pool/pool_mapping.h"

#include <cstdio>

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
#include <storage/bufmgr.h>
#include <storage/lwlock.h>
#include <storage/pg_shmem.h>
#include <storage/shmem.h>
#include <utils/elog.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

constexpr const char* kName = "sluice pool mapping";

/// Whether this kernel's transparent huge pages are of the size that is reckoned with here.
bool has_huge_pages() {
  unsigned long bytes = 0;
  std::FILE* file = std::fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "re");
  if (file != nullptr) {
    const bool read = std::fscanf(file, "%lu", &bytes) == 1;
    std::fclose(file);
    return read && bytes == kHugePageBytes;
  }
  return false;
}

/// The mapping that holds `address`. False where the kernel does not tell.
bool find_area(std::uintptr_t address, MappedArea& found) {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) {
    return false;
  }
  bool is_found = false;
  char line[512];
  while (!is_found && std::fgets(line, sizeof line, maps) != nullptr) {
    is_found = parse_area(line, found) && found.begin <= address && address < found.end;
  }
  std::fclose(maps);
  return is_found;
}

void locate_pool(PoolMapping& mapping) {
  const auto first = reinterpret_cast<std::uintptr_t>(BufferBlocks);
  const std::uintptr_t last = first + static_cast<std::size_t>(NBuffers) * BLCKSZ;
  MappedArea area;
  if (huge_pages == HUGE_PAGES_OFF || !has_huge_pages()) {
    mapping.is_located = 1;
  } else if (find_area(first, area)) {
    mapping.pages = huge_pages_of(area, first, last);
    mapping.is_located = 1;
  }
}

PoolMapping* find_mapping() {
  bool found = false;
  auto* mapping = static_cast<PoolMapping*>(ShmemInitStruct(kName, sizeof(PoolMapping), &found));
  if (!found) {
    mapping->pages = {};
    mapping->is_located = 0;
    pg_atomic_init_u64(&mapping->huge_pages, 0);
    pg_atomic_init_u64(&mapping->next_sweep, 0);
    pg_atomic_init_u64(&mapping->idle_seconds, 0);
  }
  if (mapping->is_located == 0) {
    locate_pool(*mapping);
  }
  return mapping->pages.begin == mapping->pages.end ? nullptr : mapping;
}

/// Without room in the server's shared memory the pages stay as they are; no query fails for that.
PoolMapping* try_to_find_mapping() {
  PoolMapping* volatile mapping = nullptr;
  MemoryContext const context = CurrentMemoryContext;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  PG_TRY();
  { mapping = find_mapping(); }
  PG_CATCH();
  {
    HOLD_INTERRUPTS();  // the error reset the count that unlocking lowers
    MemoryContextSwitchTo(context);
    FlushErrorState();
  }
  PG_END_TRY();
  LWLockRelease(AddinShmemInitLock);
  return mapping;
}

}  // namespace

PoolMapping* pool_mapping() {
  static bool looked_up = false;
  static PoolMapping* mapping = nullptr;
  if (!looked_up) {
    looked_up = true;
    mapping = try_to_find_mapping();
  }
  return mapping;
}

}  // namespace sluice::pg
