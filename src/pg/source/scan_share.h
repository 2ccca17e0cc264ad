// The block allocators by which the seats of a query share its heap scans, in shared memory.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "pg/border/pg_include.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/relscan.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The plan's scan nodes in preorder: the n-th has the n-th allocator.
[[nodiscard]] std::vector<const plan::PlanNode*> collect_scans(const plan::PlanSpec& plan);

/// Shape: `share` is as scan_share_init() left it.
[[nodiscard]] ParallelBlockTableScanDesc scan_share_slot(std::span<std::byte> share,
                                                         std::size_t scan_index);

}  // namespace sluice::pg
