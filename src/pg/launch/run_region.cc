#include "pg/launch/run_region.h"

#include <cstring>
#include <new>

#include "base/check.h"
#include "pg/border/pg_include.h"

namespace sluice::pg {

namespace {

constexpr std::uint64_t kMagic = 0x534C554943450003;  // "SLUICE" and the layout's version

std::size_t align_up(std::size_t bytes) noexcept {
  return (bytes + RunRegion::kAlignment - 1) / RunRegion::kAlignment * RunRegion::kAlignment;
}

void* align_start(void* memory) noexcept {
  return reinterpret_cast<void*>(align_up(reinterpret_cast<std::uintptr_t>(memory)));
}

}  // namespace

struct RunRegion::Offsets {
  std::size_t processes;
  std::size_t counters;
  std::size_t usage;
  std::size_t plan;
  std::size_t query;
  std::size_t share;
  std::size_t key_sets;
  std::size_t mesh;
  std::size_t end;

  explicit Offsets(const RunSizes& sizes) noexcept
      : processes(align_up(sizeof(Header))),
        counters(align_up(processes + sizes.seats * sizeof(SeatProcess))),
        usage(align_up(counters + counters_stride(sizes) * sizes.seats)),
        plan(align_up(usage + sizes.seats * sizeof(SeatUsage))),
        query(align_up(plan + sizes.plan_bytes)),
        share(align_up(query + sizes.query_bytes)),
        key_sets(align_up(share + sizes.share_bytes)),
        mesh(align_up(key_sets + sizes.key_set_bytes)),
        end(align_up(mesh + sizes.mesh_bytes)) {}

  /// Every seat's counters are on cache lines of their own.
  static std::size_t counters_stride(const RunSizes& sizes) noexcept {
    return align_up(sizes.nodes * sizeof(engine::NodeCounters));
  }
};

std::size_t RunRegion::bytes_for(const RunSizes& sizes) noexcept {
  return Offsets(sizes).end + kAlignment;
}

RunRegion RunRegion::format(void* memory, const RunSizes& sizes) noexcept {
  auto* header = new (align_start(memory))
      Header{kMagic, sizes, static_cast<std::uint32_t>(RunOutcome::kOpen)};
  RunRegion region(header);
  const Offsets offsets(sizes);
  std::memset(region.at(offsets.counters), 0, offsets.plan - offsets.counters);
  for (std::size_t seat = 0; seat < sizes.seats; ++seat) {
    new (region.at(offsets.processes) + seat * sizeof(SeatProcess)) SeatProcess(kNoProcess);
  }
  return region;
}

RunRegion RunRegion::attach(void* memory) {
  auto* header = static_cast<Header*>(align_start(memory));
  SLUICE_CHECK_BYTES(header->magic == kMagic, "the run's memory is of another version");
  return RunRegion(header);
}

/// Whether the outcome is that one now, by whoever was first.
bool RunRegion::decide(RunOutcome outcome) const noexcept {
  auto seen = static_cast<std::uint32_t>(RunOutcome::kOpen);
  const auto wanted = static_cast<std::uint32_t>(outcome);
  // Nothing is read by way of it: rows and errors travel through the mesh. Pairs with itself.
  return header_->outcome.compare_exchange_strong(seen, wanted, std::memory_order_relaxed) ||
         seen == wanted;
}

bool RunRegion::let_rows_out() const noexcept { return decide(RunOutcome::kRowsOut); }

bool RunRegion::give_up() const noexcept {
  return errors_abandon() && decide(RunOutcome::kGivenUp);
}

void RunRegion::reopen() const noexcept {
  // Relaxed: seats compute again only once they see the START of the new epoch, which comes after.
  header_->outcome.store(static_cast<std::uint32_t>(RunOutcome::kOpen), std::memory_order_relaxed);
}

std::span<SeatProcess> RunRegion::processes() const noexcept {
  const Offsets offsets(header_->sizes);
  return {reinterpret_cast<SeatProcess*>(at(offsets.processes)), header_->sizes.seats};
}

std::span<engine::NodeCounters> RunRegion::counters(base::SeatIndex seat) const noexcept {
  const Offsets offsets(header_->sizes);
  const std::size_t stride = Offsets::counters_stride(header_->sizes);
  return {reinterpret_cast<engine::NodeCounters*>(at(offsets.counters + stride * seat.index())),
          header_->sizes.nodes};
}

SeatUsage& RunRegion::usage(base::SeatIndex seat) const noexcept {
  return reinterpret_cast<SeatUsage*>(at(Offsets(header_->sizes).usage))[seat.index()];
}

std::span<std::byte> RunRegion::plan() const noexcept {
  return {at(Offsets(header_->sizes).plan), header_->sizes.plan_bytes};
}

char* RunRegion::query() const noexcept {
  return reinterpret_cast<char*>(at(Offsets(header_->sizes).query));
}

std::span<std::byte> RunRegion::share() const noexcept {
  return {at(Offsets(header_->sizes).share), header_->sizes.share_bytes};
}

std::span<std::byte> RunRegion::key_sets() const noexcept {
  return {at(Offsets(header_->sizes).key_sets), header_->sizes.key_set_bytes};
}

std::span<std::byte> RunRegion::mesh() const noexcept {
  return {at(Offsets(header_->sizes).mesh), header_->sizes.mesh_bytes};
}

}  // namespace sluice::pg
