// A few pinned pages of a heap table and the tuples on them that the snapshot sees.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pg/border/pg_include.h"
#include "pg/source/decode/read_ahead.h"
#include "pg/source/decode/tuple_group.h"
#include "vector/batch.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/relscan.h>
#include <storage/bufmgr.h>
#include <utils/rel.h>
#include <utils/snapshot.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Reads the blocks that this seat claims, a group at a time. Trivially destructible: errors of the
/// server may jump over it, and its pins are then released with the transaction.
/// Invariant: the tuples lie on pages that pins[0..group_pages) hold.
/// Source:    heapam.c, heapgetpage().
struct PageGroupReader {
  static constexpr std::uint32_t kPagesMax = 8;  // PostgreSQL finds more pins by hashing
  static constexpr int kNeighbours = 8;

  Relation relation = nullptr;
  Snapshot snapshot = nullptr;
  ParallelBlockTableScanDesc share = nullptr;
  ParallelBlockTableScanWorkerData worker{};
  BufferAccessStrategy strategy = nullptr;
  std::uint32_t pages_max = kPagesMax;
  std::ptrdiff_t view_offset = 0;  // where the scan sees shared buffers; pool_view.h
  bool count_only = false;         // nobody looks at `tuples`
  bool started = false;
  bool no_more_blocks = false;
  bool ended = false;

  Buffer last_buffer = InvalidBuffer;
  BlockNumber last_block = InvalidBlockNumber;
  std::uint32_t neighbour_misses = 0;  // in a row
  std::uint32_t neighbour_pause = 0;   // pages before the neighbours are looked at again

  std::uint32_t pin_count = 0;
  std::array<Buffer, kPagesMax> pins{};  // the group's pages, then those for the next one
  std::uint32_t group_pages = 0;
  Buffer locked = InvalidBuffer;  // the page whose tuples are looked at
  std::uint32_t expected_count = 0;
  std::array<const std::uint8_t*, kPagesMax> expected{};  // where the pages after those seem to lie
  ReadAhead ahead;                                        // of them
  std::uint32_t tuple_count = 0;
  std::array<TupleBytes, vector::kBatchRowsMax> tuples{};
};

// All three may ereport and are called through call().

/// Begins the scan: predicate lock, statistics, buffer strategy.
void begin_page_groups(PageGroupReader& reader);
/// Releases the group before and reads the next; no tuples and `ended` once no block is left. A
/// group may have no tuples.
void read_page_group(PageGroupReader& reader);
/// Releases pins and strategy. Idempotent.
void end_page_groups(PageGroupReader& reader);

}  // namespace sluice::pg
