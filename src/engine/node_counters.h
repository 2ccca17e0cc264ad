// What a plan node did in one seat; shown by EXPLAIN ANALYZE. Lies in shared memory: written by its
// seat, read by the leader after the seat has ended its tasks. Operators count what they hand out,
// what they remove and what they hold; the fragment's task counts starts, and rows and batches of
// scans and exchanges.
#pragma once

#include <cstdint>

namespace sluice::engine {

struct NodeCounters {
  std::uint64_t rows = 0;  // handed to the parent
  std::uint64_t batches = 0;
  std::uint64_t rows_removed = 0;  // by filters
  std::uint64_t memory_bytes_peak = 0;
  std::uint64_t groups = 0;                    // hash table entries
  std::uint64_t starts = 0;                    // times the node ran; 0 = never
  std::uint64_t rows_removed_at_run_time = 0;  // of scans, by runtime filters
};
static_assert(sizeof(NodeCounters) == 56);

}  // namespace sluice::engine
