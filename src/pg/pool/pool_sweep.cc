#include "pg/pool/pool_sweep.h"

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <sys/mman.h>

#include "pg/pool/pool_mapping.h"
#include "pg/pool/pool_view.h"
#include "pg/port/settings.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
#include <postmaster/bgworker.h>
#include <postmaster/interrupt.h>
#include <storage/buf_internals.h>
#include <storage/latch.h>
#include <utils/timestamp.h>
#include <utils/wait_event.h>
SLUICE_PG_HEADERS_END

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25  // Linux 6.1, younger than some C libraries
#endif

namespace sluice::pg {
namespace {

constexpr const char* kWorkerName = "sluice huge pages";
constexpr long kPauseMs = 1;
constexpr std::uint64_t kLostSeconds = 60;    // a sweep that has not told by then is taken for lost
constexpr std::uint64_t kGrowingSeconds = 5;  // to the next sweep, while buffers come into use
constexpr std::uint64_t kIdleSecondsFirst = 60;  // while there is nothing to do
constexpr std::uint64_t kIdleSecondsMax = 3600;
/// One madvise() drains every processor's lists of pages, however short its range is.
constexpr std::uint64_t kStepPages = 16;  // huge ones
/// A huge page takes all its memory at once: those whose buffers are hardly used stay small.
constexpr std::size_t kFilledBuffersMin = kHugePageBytes / BLCKSZ * 3 / 4;

void sweep_next(PoolMapping& mapping, TimestampTz when) {
  pg_atomic_write_u64(&mapping.next_sweep, static_cast<std::uint64_t>(when));
}

TimestampTz in_seconds(std::uint64_t seconds) {
  return TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
                                     static_cast<std::int64_t>(seconds) * 1000);
}

/// Whether most buffers in the huge page at `address`, in the first mapping, hold a block. Their
/// states are read without locks: a guess.
bool is_filled(std::uintptr_t address) {
  const BlockRange buffers = blocks_in(address, reinterpret_cast<std::uintptr_t>(BufferBlocks),
                                       static_cast<std::size_t>(NBuffers), BLCKSZ);
  std::size_t filled = 0;
  for (std::size_t i = buffers.begin; i < buffers.end; ++i) {
    BufferDesc* buffer = GetBufferDescriptor(static_cast<uint32>(i));
    filled += (pg_atomic_read_u32(&buffer->state) & BM_TAG_VALID) != 0 ? 1 : 0;
  }
  return filled >= kFilledBuffersMin;
}

/// What came of asking for huge pages.
struct Outcome {
  std::uint64_t huge = 0;     // there now, those of before included
  std::uint64_t refused = 0;  // by a kernel that does not know the call, or for other reasons
  bool no_memory = false;     // none to be had at the moment
};

/// One pass over the buffers. Runs in: the background worker.
class Sweep {
 public:
  Sweep(PoolMapping& mapping, std::uintptr_t view) : mapping_(mapping), view_(view) {}

  Outcome run() {
    const std::uint64_t pages =
        (mapping_.pages.end - mapping_.pages.begin) / kHugePageBytes;  // whole ones
    std::uint64_t page = 0;
    while (page < pages && !outcome_.no_memory && !ShutdownRequestPending) {
      const std::uint64_t run = filled_run(page, pages);
      if (run != 0) {
        gather_run(page, run);
        sweep_next(mapping_, in_seconds(kLostSeconds));
        pause();
      }
      page += std::max<std::uint64_t>(run, 1);
    }
    return outcome_;
  }

 private:
  /// From `page` on the huge pages that are worth having, without a gap.
  [[nodiscard]] std::uint64_t filled_run(std::uint64_t page, std::uint64_t pages) const {
    std::uint64_t run = 0;
    while (run < kStepPages && page + run < pages &&
           is_filled(mapping_.pages.begin + (page + run) * kHugePageBytes)) {
      ++run;
    }
    return run;
  }

  /// The kernel does not tell which pages of a run it could not make huge.
  void gather_run(std::uint64_t page, std::uint64_t run) {
    if (gather(page, run) == 0) {
      outcome_.huge += run;
    } else {
      for (std::uint64_t i = 0; i < run && !outcome_.no_memory; ++i) {
        const int error = gather(page + i, 1);
        outcome_.huge += error == 0 ? 1 : 0;
        outcome_.refused += error == EINVAL ? 1 : 0;
        outcome_.no_memory = error == ENOMEM || error == EBUSY;
      }
    }
    // Only the mapping: the memory is everybody's. This process has no use for it.
    (void)madvise(at(page), run * kHugePageBytes, MADV_DONTNEED);
  }

  /// 0 or an errno. Source: madvise(2), MADV_COLLAPSE, which needs neither privileges nor settings.
  [[nodiscard]] int gather(std::uint64_t page, std::uint64_t count) const {
    return madvise(at(page), count * kHugePageBytes, MADV_COLLAPSE) == 0 ? 0 : errno;
  }

  [[nodiscard]] void* at(std::uint64_t page) const {
    return reinterpret_cast<void*>(view_ + page * kHugePageBytes);
  }

  static void pause() {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPauseMs,
                    PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }

  PoolMapping& mapping_;
  std::uintptr_t view_;
  Outcome outcome_;
};

/// When to look again: soon where buffers come into use, ever later where nothing is gained.
TimestampTz next_after(PoolMapping& mapping, const Outcome& outcome, std::uint64_t huge_before) {
  if (outcome.huge == 0 && outcome.refused != 0 && !outcome.no_memory) {
    return DT_NOEND;
  }
  std::uint64_t seconds = kGrowingSeconds;
  if (outcome.huge > huge_before && !outcome.no_memory) {
    pg_atomic_write_u64(&mapping.idle_seconds, 0);
  } else {
    seconds = std::clamp(2 * pg_atomic_read_u64(&mapping.idle_seconds), kIdleSecondsFirst,
                         kIdleSecondsMax);
    pg_atomic_write_u64(&mapping.idle_seconds, seconds);
  }
  return in_seconds(seconds);
}

void run_sweep() {
  PoolMapping* mapping = settings.huge_pages ? pool_mapping() : nullptr;
  if (mapping == nullptr) {
    return;
  }
  const std::uintptr_t view = map_pool_again(*mapping);
  if (view == 0) {
    sweep_next(*mapping, DT_NOEND);
    return;
  }
  const Outcome outcome = Sweep(*mapping, view).run();
  if (ShutdownRequestPending) {
    return;
  }
  const std::uint64_t before = pg_atomic_read_u64(&mapping->huge_pages);
  if (!outcome.no_memory || outcome.huge > before) {  // else it has not come to all there are
    pg_atomic_write_u64(&mapping->huge_pages, outcome.huge);
  }
  sweep_next(*mapping, next_after(*mapping, outcome, before));
  elog(DEBUG1, "sluice: %llu MB of shared buffers lie in huge pages",
       static_cast<unsigned long long>(outcome.huge * (kHugePageBytes >> 20)));
}

/// Where PostgreSQL finds this library: the file that is running, if its name is not too long for a
/// worker's; else by its name.
void set_library(BackgroundWorker& worker) {
  constexpr std::size_t kRoom = sizeof worker.bgw_library_name;
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&sluice_sweep_main), &info) == 0 ||
      info.dli_fname == nullptr ||
      strlcpy(worker.bgw_library_name, info.dli_fname, kRoom) >= kRoom) {
    strlcpy(worker.bgw_library_name, "sluice", kRoom);
  }
}

void start_sweep() {
  BackgroundWorker worker{};
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
  worker.bgw_start_time = BgWorkerStart_ConsistentState;
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  strlcpy(worker.bgw_name, kWorkerName, BGW_MAXLEN);
  strlcpy(worker.bgw_type, kWorkerName, BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "sluice_sweep_main", BGW_MAXLEN);
  set_library(worker);
  (void)RegisterDynamicBackgroundWorker(&worker, nullptr);
}

}  // namespace

void request_pool_sweep() {
  PoolMapping* mapping = settings.huge_pages ? pool_mapping() : nullptr;
  if (mapping == nullptr) {
    return;
  }
  std::uint64_t next = pg_atomic_read_u64(&mapping->next_sweep);
  if (static_cast<TimestampTz>(next) <= GetCurrentTimestamp() &&
      pg_atomic_compare_exchange_u64(&mapping->next_sweep, &next,
                                     static_cast<std::uint64_t>(in_seconds(kLostSeconds)))) {
    start_sweep();
  }
}

}  // namespace sluice::pg

void sluice_sweep_main(Datum) {
  pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
  BackgroundWorkerUnblockSignals();
  sluice::pg::run_sweep();
}
