// Heap tables as sources: pages decoded attribute by attribute; the way to a seat's plan inputs.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/source.h"
#include "pg/border/pg_include.h"
#include "pg/source/plan_input.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/snapshot.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Units: bytes of shared memory by which the seats share the scans of `plan` (one block allocator
/// a scan node); MAXALIGNed.
[[nodiscard]] std::size_t scan_share_bytes(const plan::PlanSpec& plan);
/// Runs in: the leader, before any seat scans, and again for every rescan when no seat is scanning.
/// Errors: PgError.
void scan_share_init(const plan::PlanSpec& plan, std::span<std::byte> share);

/// Opens heap scans under one snapshot, and plan inputs.
/// Runs in: leader and workers. Relations are locked (AccessShareLock) and opened in open_scan(),
/// closed by Source::close().
class HeapSourceFactory final : public engine::SourceFactory {
 public:
  /// `share` was initialized by the leader for the same plan. `inputs` are the plan's in the
  /// leader, and none in other seats.
  HeapSourceFactory(const plan::PlanSpec& plan, std::span<std::byte> share, Snapshot snapshot,
                    PlanInputs inputs = {});
  ~HeapSourceFactory() override;
  [[nodiscard]] std::unique_ptr<engine::Source> open_scan(const plan::PlanNode& scan,
                                                          std::vector<engine::ScanFilter> filters,
                                                          base::MemoryBudget& budget) override;
  [[nodiscard]] std::unique_ptr<engine::Source> open_plan_input(
      const plan::PlanNode& input, base::MemoryBudget& budget) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::pg
