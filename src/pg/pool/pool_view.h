// This process's second mapping of the shared buffers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pg/border/pg_include.h"
#include "pg/pool/pool_mapping.h"

SLUICE_PG_HEADERS_BEGIN
#include <storage/bufmgr.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Maps the same memory once more, at an address that huge pages need; for the process's life.
/// Returns where, or 0 where the kernel will not.
/// Source: mremap(2), the case of an old size of zero.
[[nodiscard]] std::uintptr_t map_pool_again(const PoolMapping& mapping);

/// What has to be added to the address of a shared buffer's page to see the same bytes in a mapping
/// that the kernel serves by huge pages. Units: bytes; 0 while there are none, or where
/// sluice.huge_pages is off.
/// Runs in: any process with a PGPROC; the first call maps. Does not ereport.
[[nodiscard]] std::ptrdiff_t pool_view_offset();

/// The page in `buffer`, where pool_view_offset() shows it. Both mappings are of the same memory:
/// what is written through one is read through the other.
[[nodiscard]] inline Page viewed_page(Buffer buffer, std::ptrdiff_t view_offset) {
  Page page = BufferGetPage(buffer);
  return BufferIsLocal(buffer) ? page : page + view_offset;
}

}  // namespace sluice::pg
