// The shared memory of one run: how it is laid out, and each process's view of it. With workers it
// lies in the ParallelContext's DSM segment, without in the leader's own memory; the bytes are the
// same.
//
// | part      | who writes                          | who reads      |
// |-----------|-------------------------------------|----------------|
// | header    | leader, before any worker starts;   | all            |
// |           | its outcome: all                    |                |
// | processes | each seat its own, before it joins  | all            |
// | counters  | each seat its own                   | leader         |
// | usage     | each worker its own, as it leaves   | leader         |
// | plan      | leader, before any worker starts    | all            |
// | query     | leader, before any worker starts    | workers        |
// | share     | all (pg/source)                     | all            |
// | key sets  | all (engine)                        | all            |
// | mesh      | all (exchange)                      | all            |
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ids.h"
#include "engine/node_counters.h"
#include "pg/border/pg_include.h"
#include "pg/port/latch_waker.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/instrument.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// What a region has to hold. Units: bytes.
struct RunSizes {
  std::uint16_t seats = 1;
  std::uint16_t nodes = 0;
  std::size_t plan_bytes = 0;
  std::size_t query_bytes = 0;  // of the query's text, its final zero included
  std::size_t share_bytes = 0;
  std::size_t key_set_bytes = 0;
  std::size_t mesh_bytes = 0;
  std::size_t operator_memory_bytes = 0;  // not held: every operator's budget, in every seat
  bool errors_abandon = false;  // not held: errors of values give the run up, until rows are out
};

/// What a worker read and wrote, for the leader's own statistics (EXPLAIN (BUFFERS),
/// pg_stat_statements).
struct SeatUsage {
  BufferUsage buffers;
  WalUsage wal;
};

/// Whether errors are the query's yet. Leader: kOpen -> kRowsOut; any seat: kOpen -> kGivenUp.
enum class RunOutcome : std::uint32_t {
  kOpen = 0,
  kRowsOut = 1,  // the client has rows: errors are the query's
  kGivenUp = 2,  // PostgreSQL's plan answers, with its own error if it comes to one
};

/// A view of a region that somebody else owns.
class RunRegion {
 public:
  static constexpr std::size_t kAlignment = 128;
  /// The region's key in the ParallelContext's table of contents.
  static constexpr std::uint64_t kTocKey = 0x51;

  /// Units: bytes of a region, with room to align its start to kAlignment.
  [[nodiscard]] static std::size_t bytes_for(const RunSizes& sizes) noexcept;

  /// Lays out `memory` and zeroes all but the share, the key sets and the mesh.
  /// Runs in: the leader, once.
  /// Shape: bytes_for(sizes) bytes.
  [[nodiscard]] static RunRegion format(void* memory, const RunSizes& sizes) noexcept;
  /// Errors: kCorrupt when `memory` was not formatted by this build.
  [[nodiscard]] static RunRegion attach(void* memory);

  [[nodiscard]] std::uint16_t seats() const noexcept { return header_->sizes.seats; }
  [[nodiscard]] std::size_t operator_memory_bytes() const noexcept {
    return header_->sizes.operator_memory_bytes;
  }
  [[nodiscard]] bool errors_abandon() const noexcept { return header_->sizes.errors_abandon; }

  /// Before a run's first row goes out. False where a seat has given the run up.
  /// Runs in: the leader.
  [[nodiscard]] bool let_rows_out() const noexcept;
  /// For an error of a value. True: nobody is to hear of it, the run is given up. False: it is the
  /// query's.
  [[nodiscard]] bool give_up() const noexcept;
  /// Before the same run's rows are made once more. Runs in: the leader, while no seat computes.
  void reopen() const noexcept;

  [[nodiscard]] std::span<SeatProcess> processes() const noexcept;
  /// One element a node of the plan.
  [[nodiscard]] std::span<engine::NodeCounters> counters(base::SeatIndex seat) const noexcept;
  [[nodiscard]] SeatUsage& usage(base::SeatIndex seat) const noexcept;
  [[nodiscard]] std::span<std::byte> plan() const noexcept;
  /// The query's text, for the log and pg_stat_activity.
  [[nodiscard]] char* query() const noexcept;
  [[nodiscard]] std::span<std::byte> share() const noexcept;
  [[nodiscard]] std::span<std::byte> key_sets() const noexcept;
  [[nodiscard]] std::span<std::byte> mesh() const noexcept;

 private:
  struct Header {
    std::uint64_t magic;
    RunSizes sizes;
    std::atomic<std::uint32_t> outcome;  // RunOutcome
  };
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);  // processes share it
  struct Offsets;

  [[nodiscard]] bool decide(RunOutcome outcome) const noexcept;

  explicit RunRegion(Header* header) noexcept : header_(header) {}
  [[nodiscard]] std::byte* at(std::size_t offset) const noexcept {
    return reinterpret_cast<std::byte*>(header_) + offset;
  }

  Header* header_;
};

}  // namespace sluice::pg
