#include "pg/source/page_group.h"

#include <algorithm>
#include <bit>
#include <span>

#include "pg/pool/pool_sweep.h"
#include "pg/pool/pool_view.h"
#include "pg/source/decode/line_pointer.h"
#include "pg/source/decode/read_through.h"
#include "pg/source/decode/row_set.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/heapam.h>
#include <access/tableam.h>
#include <miscadmin.h>
#include <pgstat.h>
#include <storage/buf_internals.h>
#include <storage/bufpage.h>
#include <storage/predicate.h>
#include <storage/proc.h>
#include <utils/guc.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

/// After that many misses in a row, 63 pages pass before the neighbours are looked at again.
constexpr std::uint32_t kNeighbourMissesMax = 6;

/// A worker maps 64 MB of small pages in some 10 ms.
constexpr BlockNumber kSweptBlocksMin = (64 << 20) / BLCKSZ;

/// No backend may hold more than its part of the pool, as small as that may be; of its own for
/// temporary tables, no scan of as many as may be open in cursors.
std::uint32_t pages_pinned_max(Relation relation) {
  constexpr int kLocalScans = 256;
  const std::int64_t part = RelationUsesLocalBuffers(relation)
                                ? num_temp_buffers / kLocalScans
                                : NBuffers / (MaxBackends + NUM_AUXILIARY_PROCS);
  if (part < 1) {
    return 1;
  }
  return part < PageGroupReader::kPagesMax ? static_cast<std::uint32_t>(part)
                                           : PageGroupReader::kPagesMax;
}

/// Of the pages that come first.
void release_pins(PageGroupReader& reader, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    ReleaseBuffer(reader.pins[i]);
  }
  std::copy(reader.pins.begin() + count, reader.pins.begin() + reader.pin_count,
            reader.pins.begin());
  reader.pin_count -= count;
  reader.group_pages = 0;
  reader.tuple_count = 0;
}

using PageBytes = std::span<const std::uint8_t, BLCKSZ>;

PageBytes bytes_of(Page page) {
  return PageBytes(reinterpret_cast<const std::uint8_t*>(page), BLCKSZ);
}

[[noreturn]] void report_broken_line(const PageGroupReader& reader) {
  ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                  errmsg("invalid line pointer in block %u of relation \"%s\"",
                         BufferGetBlockNumber(reader.pins[reader.group_pages]),
                         RelationGetRelationName(reader.relation))));
  pg_unreachable();
}

/// A page with more lines than a heap page may have would not fit the group.
std::uint32_t lines_of(const PageGroupReader& reader, PageBytes page) {
  const std::uint32_t lines = line_count(page);
  if (lines > MaxHeapTuplesPerPage) {
    report_broken_line(reader);
  }
  return lines;
}

/// Whether the line has a tuple.
bool find_tuple(const PageGroupReader& reader, PageBytes page, std::uint32_t line,
                TupleBytes& tuple) {
  const LineState state = read_line(page, line, tuple);
  if (state == LineState::kBroken) {
    report_broken_line(reader);
  }
  return state == LineState::kTuple;
}

/// Every tuple of the page is visible to everyone, and nobody asks for conflicts.
void add_all_tuples(PageGroupReader& reader, PageBytes page) {
  const std::uint32_t lines = lines_of(reader, page);
  TupleBytes* to = reader.tuples.data() + reader.tuple_count;
  reader.ahead.lines(lines).for_each(DenseRows{0, lines}, [&](std::size_t, std::uint32_t line) {
    to += find_tuple(reader, page, line, *to) ? 1 : 0;
  });
  reader.tuple_count = static_cast<std::uint32_t>(to - reader.tuples.data());
}

void add_visible_tuples(PageGroupReader& reader, Buffer buffer, PageBytes page, bool all_visible) {
  const BlockNumber block = BufferGetBlockNumber(buffer);
  const std::uint32_t lines = lines_of(reader, page);
  TupleBytes found;
  for (std::uint32_t line = 0; line < lines; ++line) {
    if (!find_tuple(reader, page, line, found)) {
      continue;
    }
    HeapTupleData tuple;
    tuple.t_tableOid = RelationGetRelid(reader.relation);
    tuple.t_data = reinterpret_cast<HeapTupleHeader>(const_cast<std::uint8_t*>(found.data));
    tuple.t_len = found.length;
    ItemPointerSet(&tuple.t_self, block, static_cast<OffsetNumber>(line + FirstOffsetNumber));
    const bool visible =
        all_visible || HeapTupleSatisfiesVisibility(&tuple, reader.snapshot, buffer);
    HeapCheckForSerializableConflictOut(visible, reader.relation, &tuple, buffer, reader.snapshot);
    if (visible) {
      reader.tuples[reader.tuple_count++] = found;
    }
  }
}

void add_page(PageGroupReader& reader, Buffer buffer) {
  Page page = viewed_page(buffer, reader.view_offset);
  // What heap_page_prune_opt() asks first, too, but in the other mapping.
  if (TransactionIdIsValid(reinterpret_cast<PageHeader>(page)->pd_prune_xid)) {
    heap_page_prune_opt(reader.relation, buffer);
  }
  LockBuffer(buffer, BUFFER_LOCK_SHARE);
  reader.locked = buffer;
#if PG_VERSION_NUM < 170000
  TestForOldSnapshot(reader.snapshot, reader.relation, page);
#endif
  // A standby cannot trust the page's flag; see heapgetpage().
  const bool all_visible = PageIsAllVisible(page) && !reader.snapshot->takenDuringRecovery;
  if (all_visible && !CheckForSerializableConflictOutNeeded(reader.relation, reader.snapshot)) {
    add_all_tuples(reader, bytes_of(page));
  } else {
    add_visible_tuples(reader, buffer, bytes_of(page), all_visible);
  }
  reader.locked = InvalidBuffer;
  LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
}

/// As many of the pinned pages as the group has room for. The content lock must not be held when an
/// error leaves call(): C++ frames above may still call the server.
void add_pages(PageGroupReader& reader) {
  PG_TRY();
  {
    while (reader.group_pages < reader.pin_count &&
           reader.tuple_count + MaxHeapTuplesPerPage <= vector::kBatchRowsMax) {
      add_page(reader, reader.pins[reader.group_pages]);
      ++reader.group_pages;
    }
  }
  PG_CATCH();
  {
    if (reader.locked > 0) {  // buffers of temporary tables have no lock
      HOLD_INTERRUPTS();      // the error reset the count that unlocking lowers
      LockBuffer(reader.locked, BUFFER_LOCK_UNLOCK);
    }
    reader.locked = InvalidBuffer;
    PG_RE_THROW();
  }
  PG_END_TRY();
}

#if PG_VERSION_NUM < 160000
RelFileNode storage_of(Relation relation) { return relation->rd_node; }

BufferTag tag_of(Relation relation, BlockNumber block) {
  BufferTag tag;
  INIT_BUFFERTAG(tag, relation->rd_node, MAIN_FORKNUM, block);
  return tag;
}

bool same_tag(const BufferTag& a, const BufferTag& b) { return BUFFERTAGS_EQUAL(a, b); }
#else
RelFileLocator storage_of(Relation relation) { return relation->rd_locator; }

BufferTag tag_of(Relation relation, BlockNumber block) {
  BufferTag tag;
  InitBufferTag(&tag, &relation->rd_locator, MAIN_FORKNUM, block);
  return tag;
}

bool same_tag(const BufferTag& a, const BufferTag& b) { return BufferTagsEqual(&a, &b); }
#endif

/// The buffer that seems to hold the block, among those that follow `last`. The tags are read
/// without their locks: the answer is a guess, and ReadRecentBuffer() verifies it.
Buffer guess_buffer(Relation relation, BlockNumber block, Buffer last) {
  const BufferTag wanted = tag_of(relation, block);
  for (int step = 1; step <= PageGroupReader::kNeighbours; ++step) {
    const Buffer buffer = last + step;
    if (buffer > NBuffers) {
      break;
    }
    if (same_tag(GetBufferDescriptor(static_cast<uint32>(buffer - 1))->tag, wanted)) {
      return buffer;
    }
  }
  return InvalidBuffer;
}

/// Whether a read as PostgreSQL makes it would leave the buffer's usage count as it is.
/// ReadRecentBuffer() never raises it, and a page that is often read must not look like one that is
/// not when the server needs a buffer for another.
/// Source: bufmgr.c, PinBuffer()
bool has_full_usage(const PageGroupReader& reader, Buffer buffer) {
  BufferDesc* descriptor = GetBufferDescriptor(static_cast<uint32>(buffer - 1));
  const uint32 usage = BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u32(&descriptor->state));
  return usage >= (reader.strategy != nullptr ? 1 : BM_MAX_USAGE_COUNT);
}

/// Pages that came into the pool one after the other lie in buffers close to each other, a few
/// apart where several processes read at a time. Looking there first spares the pool's mapping
/// table, whose every lookup misses the cache.
bool read_neighbour(PageGroupReader& reader, BlockNumber block) {
  if (reader.neighbour_pause > 0) {
    --reader.neighbour_pause;
    return false;
  }
  if (reader.last_buffer < 1 || block != reader.last_block + 1) {
    return false;
  }
  const Buffer guess = guess_buffer(reader.relation, block, reader.last_buffer);
  if (guess == InvalidBuffer) {
    reader.neighbour_misses = std::min(reader.neighbour_misses + 1, kNeighbourMissesMax);
    reader.neighbour_pause = (1U << reader.neighbour_misses) - 1;
    return false;
  }
  reader.neighbour_misses = 0;
  if (!has_full_usage(reader, guess) ||
      !ReadRecentBuffer(storage_of(reader.relation), MAIN_FORKNUM, block, guess)) {
    return false;
  }
  pgstat_count_buffer_read(reader.relation);
  pgstat_count_buffer_hit(reader.relation);
  reader.last_buffer = guess;
  return true;
}

Buffer read_block(PageGroupReader& reader, BlockNumber block) {
  if (!read_neighbour(reader, block)) {
    reader.last_buffer =
        ReadBufferExtended(reader.relation, MAIN_FORKNUM, block, RBM_NORMAL, reader.strategy);
  }
  reader.last_block = block;
  return reader.last_buffer;
}

/// How many blocks a seat claims at a time, at least: more than PostgreSQL of most tables, since a
/// chunk's end costs what was asked for ahead.
/// Source: docs/decisions/0031-scans-in-larger-chunks.md
std::uint32_t chunk_blocks(BlockNumber blocks) {
  constexpr BlockNumber kChunks = 256;
  constexpr BlockNumber kChunkBlocksMax = 1024;
  return std::bit_floor(std::clamp<BlockNumber>(blocks / kChunks, 1, kChunkBlocksMax));
}

BlockNumber next_block(PageGroupReader& reader) {
  if (!reader.started) {
    table_block_parallelscan_startblock_init(reader.relation, &reader.worker, reader.share);
    reader.worker.phsw_chunk_size =
        std::max(reader.worker.phsw_chunk_size, chunk_blocks(reader.share->phs_nblocks));
    reader.started = true;
  }
  return table_block_parallelscan_nextpage(reader.relation, &reader.worker, reader.share);
}

/// Guesses where the pages after the pinned ones lie: this seat's next blocks mostly follow
/// its last one.
void guess_pages(PageGroupReader& reader) {
  reader.expected_count = 0;
  if (reader.last_buffer < 1 || reader.neighbour_pause > 0 || reader.no_more_blocks ||
      reader.count_only) {
    return;
  }
  Buffer buffer = reader.last_buffer;
  while (reader.expected_count < reader.pages_max) {
    const BlockNumber block = reader.last_block + 1 + reader.expected_count;
    buffer = guess_buffer(reader.relation, block, buffer);
    if (buffer == InvalidBuffer) {
      return;
    }
    Page page = viewed_page(buffer, reader.view_offset);
    reader.expected[reader.expected_count++] = reinterpret_cast<const std::uint8_t*>(page);
  }
}

void expect_pages(PageGroupReader& reader) {
  static_assert(PageGroupReader::kPagesMax == ReadAhead::kPagesMax);
  static_assert(BLCKSZ == ReadAhead::kPageBytes);
  guess_pages(reader);
  reader.ahead.announce({reader.expected.data(), reader.expected_count});
}

/// Whether all lines of the n-th page that was pinned last have been asked for.
bool is_asked_for(const PageGroupReader& reader, std::uint32_t n, PageBytes page) {
  return n < reader.expected_count && reader.expected[n] == page.data() &&
         reader.ahead.has_asked_all();
}

/// Pins the pages that come next, as many as there may be, and reads them through: in one go, for
/// the processor's prefetcher goes on from page to page where they lie one after the other.
void pin_ahead(PageGroupReader& reader) {
  const std::uint32_t first = reader.pin_count;
  while (reader.pin_count < reader.pages_max && !reader.no_more_blocks) {
    CHECK_FOR_INTERRUPTS();
    const BlockNumber block = next_block(reader);
    if (block == InvalidBlockNumber) {
      reader.no_more_blocks = true;
    } else {
      const Buffer buffer = read_block(reader, block);
      reader.pins[reader.pin_count++] = buffer;
    }
  }
  for (std::uint32_t i = first; i < reader.pin_count && !reader.count_only; ++i) {
    const PageBytes page = bytes_of(viewed_page(reader.pins[i], reader.view_offset));
    if (!is_asked_for(reader, i - first, page)) {
      read_through(page);
    }
  }
}

}  // namespace

void begin_page_groups(PageGroupReader& reader) {
  PredicateLockRelation(reader.relation, reader.snapshot);
  pgstat_count_heap_scan(reader.relation);
  reader.pages_max = pages_pinned_max(reader.relation);
  if (!RelationUsesLocalBuffers(reader.relation) &&
      reader.share->phs_nblocks > static_cast<BlockNumber>(NBuffers / 4)) {
    MemoryContext outer = MemoryContextSwitchTo(TopTransactionContext);
    reader.strategy = GetAccessStrategy(BAS_BULKREAD);
    MemoryContextSwitchTo(outer);
  }
  if (!RelationUsesLocalBuffers(reader.relation) && reader.share->phs_nblocks >= kSweptBlocksMin) {
    request_pool_sweep();
  }
  reader.view_offset = pool_view_offset();
  reader.no_more_blocks = reader.share->phs_nblocks == 0;
  reader.ended = reader.no_more_blocks;
}

void read_page_group(PageGroupReader& reader) {
  release_pins(reader, reader.group_pages);
  pin_ahead(reader);
  expect_pages(reader);
  add_pages(reader);
  reader.ended = reader.no_more_blocks && reader.group_pages == reader.pin_count;
  pgstat_count_index_tuples(reader.relation, reader.tuple_count);  // adds to tuples returned
}

void end_page_groups(PageGroupReader& reader) {
  release_pins(reader, reader.pin_count);
  reader.no_more_blocks = true;
  reader.ended = true;
  if (reader.strategy != nullptr) {
    FreeAccessStrategy(reader.strategy);
    reader.strategy = nullptr;
  }
}

}  // namespace sluice::pg
