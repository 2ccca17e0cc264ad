// Where PostgreSQL's shared buffers lie in the server's memory, and what is known of their huge
// pages.
#pragma once

#include <cstdint>
#include <type_traits>

#include "pg/border/pg_include.h"
#include "pg/pool/pool_geometry.h"

SLUICE_PG_HEADERS_BEGIN
#include <port/atomics.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// One for the server, in its main shared memory. Addresses are as good as offsets here: every
/// process of a server has that memory at the same place.
/// Invariant: all but the atomics is written once, under AddinShmemInitLock.
struct PoolMapping {
  AddressRange pages;        // of the buffers; empty: no huge pages can be had
  std::uint64_t is_located;  // 0: no process could find out yet
  // Hints only: nothing is read by what they say, so that they need no order.
  pg_atomic_uint64 huge_pages;    // after the last sweep
  pg_atomic_uint64 next_sweep;    // a TimestampTz: none is worth asking for before
  pg_atomic_uint64 idle_seconds;  // between sweeps that gain nothing, ever more
};
static_assert(std::is_standard_layout_v<PoolMapping> && sizeof(PoolMapping) == 48);

/// Null where there is no room for it, or nothing that could become huge. Looked up once in a
/// process.
/// Runs in: any process with a PGPROC; takes AddinShmemInitLock the first time. Does not ereport.
[[nodiscard]] PoolMapping* pool_mapping();

}  // namespace sluice::pg
