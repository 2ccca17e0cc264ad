#include "pg/launch/crew.h"

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fault_point.h"
#include "codec/plan_codec.h"
#include "engine/shared_key_sets.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"
#include "pg/launch/segment_room.h"
#include "pg/source/heap_source.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/xact.h>
#include <miscadmin.h>
#include <postmaster/bgworker.h>
#include <storage/dsm.h>
#include <storage/latch.h>
#include <storage/lwlock.h>
#include <storage/shm_toc.h>
#include <utils/elog.h>
#include <utils/resowner.h>
#include <utils/wait_event.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using base::SeatIndex;
using exchange::MeshConfig;
using exchange::StreamAudience;

constexpr const char* kWorkerEntryPoint = "sluice_worker_main";

/// Larger rings than this only cost: the server commits a segment's pages when it creates it, and a
/// ring that outgrows the cache is read from memory.
constexpr std::uint32_t kRingBytesUseful = 256 * 1024;

/// This library's own file, so that a worker loads the same one however this session found it.
const char* library_path() {
  Dl_info info;
  SLUICE_CHECK(dladdr(reinterpret_cast<void*>(&library_path), &info) != 0,
               "the library does not know its own file");
  return info.dli_fname;
}

std::vector<StreamAudience> audiences_of(const plan::PlanSpec& plan) {
  std::vector<StreamAudience> audiences(plan.stream_count, StreamAudience::kLeader);
  for (const plan::PlanNode* node : plan::collect_dsm_exchanges(plan.root)) {
    const auto& exchange = *node->as<plan::ExchangeSpec>();
    SLUICE_CHECK(exchange.stream.index() < audiences.size(), "a stream's number is too large");
    audiences[exchange.stream.index()] = exchange.kind == plan::ExchangeKind::kGather
                                             ? StreamAudience::kLeader
                                             : StreamAudience::kSeats;
  }
  return audiences;
}

/// The mesh for as many of `workers` as exchange_bytes_max has room for.
MeshConfig fit_mesh(const plan::PlanSpec& plan, const CrewOptions& options) {
  MeshConfig config;
  config.streams = audiences_of(plan);
  for (unsigned seats = options.workers + 1; seats >= 1; --seats) {
    config.seats = static_cast<std::uint16_t>(seats);
    config.ring_bytes = config.streams.empty()
                            ? exchange::kRingBytesMin
                            : std::min(exchange::ring_bytes_for(config, options.exchange_bytes_max),
                                       kRingBytesUseful);
    if (config.ring_bytes != 0) {
      return config;
    }
  }
  base::throw_abandon("sluice.exchange_memory is too small for the plan's streams");
}

}  // namespace

Crew::Crew(const plan::PlanSpec& plan, const CrewOptions& options) {
  SLUICE_FAULT_POINT(kLaunchBegin);
  MeshConfig config = fit_mesh(plan, options);
  const std::vector<std::byte> plan_bytes = codec::encode(plan);
  RunSizes sizes;
  sizes.nodes = plan.node_count;
  sizes.plan_bytes = plan_bytes.size();
  sizes.query_bytes = std::strlen(options.query) + 1;
  sizes.share_bytes = scan_share_bytes(plan);
  sizes.key_set_bytes = engine::SharedKeySets::bytes_for(plan);
  sizes.operator_memory_bytes = options.operator_memory_bytes;
  sizes.errors_abandon = options.errors_abandon;
  const auto size_for = [&](std::uint16_t seats) {
    config.seats = seats;
    sizes.seats = seats;
    sizes.mesh_bytes = exchange::mesh_bytes(config);
  };
  size_for(config.seats);
  if (config.seats > 1 && !has_room_for_segment(RunRegion::bytes_for(sizes))) {
    sizes.key_set_bytes = 0;  // filters that cross redistributions only save work
  }
  void* memory = nullptr;
  if (config.seats > 1 && has_room_for_segment(RunRegion::bytes_for(sizes))) {
    create_context(sizes, config.seats - 1U);
  }
  if (context_ != nullptr) {
    memory = call([&] { return shm_toc_lookup(context_->toc, RunRegion::kTocKey, false); });
  } else {
    size_for(1);
    local_memory_.reset(std::malloc(RunRegion::bytes_for(sizes)));
    if (local_memory_ == nullptr) {
      throw std::bad_alloc();
    }
    memory = local_memory_.get();
  }
  region_ = RunRegion::format(memory, sizes);
  std::memcpy(region_->plan().data(), plan_bytes.data(), plan_bytes.size());
  std::memcpy(region_->query(), options.query, sizes.query_bytes);
  scan_share_init(plan, region_->share());
  engine::SharedKeySets::format(plan, region_->key_sets());
  exchange::Mesh::format(region_->mesh(), config);
  waker_ = std::make_unique<ArrivalWatch>(region_->processes());
  mesh_ = std::make_unique<exchange::Mesh>(region_->mesh(), base::kLeaderSeat, *waker_);
}

Crew::~Crew() = default;

/// Leaves context_ null when the server has no segment for us: then the leader works alone.
void Crew::create_context(const RunSizes& sizes, unsigned workers) {
  const char* path = library_path();
  const std::size_t bytes = RunRegion::bytes_for(sizes);
  context_ = call([=]() -> ParallelContext* {
    EnterParallelMode();
    ParallelContext* context =
        CreateParallelContext(path, kWorkerEntryPoint, static_cast<int>(workers));
    shm_toc_estimate_chunk(&context->estimator, bytes);
    shm_toc_estimate_keys(&context->estimator, 1);
    return context;
  });
  if (!create_segment()) {
    disband();
    return;
  }
  call([=, this] {
    shm_toc_insert(context_->toc, RunRegion::kTocKey, shm_toc_allocate(context_->toc, bytes));
  });
}

/// Returns false when there is no room for it. The descriptor of a segment that could not be made
/// stays with its resource owner: so it gets one of its own, which is released then.
bool Crew::create_segment() {
  ResourceOwner const outer = CurrentResourceOwner;
  segment_owner_ = call([=] { return ResourceOwnerCreate(outer, "sluice segment"); });
  CurrentResourceOwner = segment_owner_;
  try {
    call([this] { InitializeParallelDSM(context_); });
  } catch (const PgError& error) {
    CurrentResourceOwner = outer;
    const int code = error.data()->sqlerrcode;
    if (code != ERRCODE_DISK_FULL && code != ERRCODE_OUT_OF_MEMORY) {
      throw;
    }
    // As an abort would: the session's shared area grows under a lock. We came with none.
    LWLockReleaseAll();
    return false;
  } catch (...) {
    CurrentResourceOwner = outer;
    throw;
  }
  CurrentResourceOwner = outer;
  return context_->seg != nullptr;
}

dsm_segment* Crew::segment() const noexcept {
  return context_ == nullptr ? nullptr : context_->seg;
}

void Crew::assemble() {
  SLUICE_FAULT_POINT(kLaunchFormatted);
  exchange::SeatSet expected;
  if (context_ != nullptr) {
    call([this] { LaunchParallelWorkers(context_); });
    workers_launched_ = static_cast<unsigned>(context_->nworkers_launched);
    for (unsigned worker = 0; worker < workers_launched_; ++worker) {
      expected.insert(seat_of_worker(worker));
    }
    waker_->expect(*context_, expected);
    SLUICE_FAULT_POINT(kLaunched);
  }
  mesh_->seal(expected);
}

bool Crew::everybody_stopped() const {
  ParallelContext* context = context_;
  const unsigned launched = workers_launched_;
  return call([=] {
    for (unsigned worker = 0; worker < launched; ++worker) {
      pid_t pid = 0;
      if (context->worker[worker].error_mqh != nullptr &&
          GetBackgroundWorkerPid(context->worker[worker].bgwhandle, &pid) != BGWH_STOPPED) {
        return false;
      }
    }
    return true;
  });
}

void Crew::await_workers() {
  for (;;) {
    waker_->reset();  // throws a worker's error once it has arrived
    if (everybody_stopped()) {
      // A worker that stopped has left its last message behind; its queue's end is an error itself.
      // We look ourselves: a worker that is killed or exits signals before it detaches, so that
      // the signal may find nothing yet, and no other follows (WaitForParallelWorkersToFinish()
      // would then wait for ever).
      call([] { HandleParallelMessages(); });
      return;
    }
    waker_->wait();
  }
}

void Crew::await_worker_error() {
  SLUICE_FAULT_POINT(kErrorAwaited);
  if (context_ != nullptr) {
    await_workers();
  }
  const exchange::FirstError first = mesh_->first_error();
  // Workers that give up leave without an error of their own.
  if (first.set && first.kind == base::ErrorKind::kAbandon) {
    base::throw_abandon(first.message);
  }
  base::throw_internal(first.set ? "a seat failed: " + first.message : "a seat failed silently");
}

void Crew::dismiss() {
  mesh_->close_query();
  if (context_ != nullptr) {
    await_workers();
    call([this] { WaitForParallelWorkersToFinish(context_); });
    for (std::uint16_t seat = 1; seat < region_->seats(); ++seat) {
      SeatUsage& usage = region_->usage(SeatIndex(seat));
      InstrAccumParallelQuery(&usage.buffers, &usage.wal);
    }
    SLUICE_FAULT_POINT(kDismissed);
  }
}

void Crew::disband() {
  mesh_.reset();
  waker_.reset();
  region_.reset();
  ParallelContext* context = context_;
  context_ = nullptr;
  if (context != nullptr) {
    ResourceOwner const owner = std::exchange(segment_owner_, nullptr);
    call([=] {
      DestroyParallelContext(context);
      ExitParallelMode();
      if (owner != nullptr) {
        // As after an error: without complaints about what a failed segment has left behind.
        ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
        ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
        ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
        ResourceOwnerDelete(owner);
      }
    });
  }
  local_memory_.reset();
}

void Crew::lose() noexcept {
  segment_owner_ = nullptr;  // goes with the owner above it
  mesh_.reset();
  waker_.reset();
  region_.reset();
  context_ = nullptr;
}

}  // namespace sluice::pg
