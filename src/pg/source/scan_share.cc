#include "pg/source/scan_share.h"

#include "base/check.h"
#include "pg/border/call.h"
#include "pg/source/heap_source.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/table.h>
#include <access/tableam.h>
#include <storage/predicate.h>
#include <utils/snapmgr.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

constexpr std::size_t kSlotBytes = MAXALIGN(sizeof(ParallelBlockTableScanDescData));

void collect(const plan::PlanNode& node, std::vector<const plan::PlanNode*>& scans) {
  if (node.as<plan::ScanSpec>() != nullptr) {
    scans.push_back(&node);
  }
  for (const plan::PlanNode& input : node.inputs) {
    collect(input, scans);
  }
}

/// A serializable transaction says that it reads the table before the pages are counted: whoever
/// adds another one later finds that said.
/// Source: src/backend/access/heap/heapam.c, heap_beginscan()
void init_slot(Oid relation_id, ParallelBlockTableScanDesc slot) {
  call([relation_id, slot] {
    Relation relation = table_open(relation_id, AccessShareLock);
    PredicateLockRelation(relation, GetActiveSnapshot());
    table_block_parallelscan_initialize(relation, &slot->base);
    slot->base.phs_snapshot_any = false;
    slot->base.phs_snapshot_off = 0;  // the seats get their snapshot from the parallel context
    table_close(relation, NoLock);
  });
}

}  // namespace

std::vector<const plan::PlanNode*> collect_scans(const plan::PlanSpec& plan) {
  std::vector<const plan::PlanNode*> scans;
  collect(plan.root, scans);
  return scans;
}

ParallelBlockTableScanDesc scan_share_slot(std::span<std::byte> share, std::size_t scan_index) {
  SLUICE_CHECK((scan_index + 1) * kSlotBytes <= share.size(), "a scan has no block allocator");
  std::byte* slot = share.data() + scan_index * kSlotBytes;
  SLUICE_CHECK(reinterpret_cast<std::uintptr_t>(slot) % MAXIMUM_ALIGNOF == 0,
               "the scans' shared memory is not aligned");
  return reinterpret_cast<ParallelBlockTableScanDesc>(slot);
}

std::size_t scan_share_bytes(const plan::PlanSpec& plan) {
  return collect_scans(plan).size() * kSlotBytes;
}

void scan_share_init(const plan::PlanSpec& plan, std::span<std::byte> share) {
  const std::vector<const plan::PlanNode*> scans = collect_scans(plan);
  for (std::size_t i = 0; i < scans.size(); ++i) {
    init_slot(scans[i]->as<plan::ScanSpec>()->relation, scan_share_slot(share, i));
  }
}

}  // namespace sluice::pg
