// What the planner leaves in CustomScan.custom_private for the leader.
//
// The node that takes the place of a PostgreSQL subtree:
//   scan.plan.targetlist  the subtree's targetlist, same columns and order; Vars are INDEX_VAR into
//                         custom_scan_tlist, all else PostgreSQL evaluates above our rows
//   scan.plan.qual        conditions left to PostgreSQL (HAVING), over INDEX_VARs
//   custom_scan_tlist     one terminal expression (base Var, or Aggref over base Vars) for each
//                         OutputColumn
//   custom_exprs          run-time constants: Var-free, not volatile; custom_exprs[i] gives
//                         parameter i
//   custom_plans          the replaced subtree: the leader runs it when the run is abandoned; then
//                         the plan inputs by their number, whose rows it reads: copies of parts
//                         of the replaced subtree, in which there may be Custom Scans
//   custom_private        this struct
#pragma once

#include <cstdint>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/port/types.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/pg_list.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// How an engine column becomes a Datum.
enum class OutputKind : std::uint8_t {
  kColumn = 0,  // as it is; a decimal with its scale
  kAverage =
      1,  // numeric or float8 division of a sum `column` by a count `count_column`, as avg's final
          // function does it; NULL where the count is 0
};

/// One column of custom_scan_tlist. Shape: `column` and `count_column` index the root's output.
struct OutputColumn {
  OutputKind kind = OutputKind::kColumn;
  std::uint32_t column = 0;
  std::uint32_t count_column = 0;
  Oid type = InvalidOid;
};

struct SluicePlan {
  plan::PlanSpec plan;  // distributed already where workers are planned
  std::vector<OutputColumn> outputs;
  std::vector<ParamType> params;      // of custom_exprs
  std::uint32_t workers_planned = 0;  // 0: leader alone
  bool errors_abandon = false;        // errors of values give a run up that has returned no row
};

/// Only copyable, serializable nodes: the plan goes through the plan cache.
[[nodiscard]] List* to_custom_private(const SluicePlan& plan);
/// Errors: Error kCorrupt.
[[nodiscard]] SluicePlan from_custom_private(List* custom_private);

}  // namespace sluice::pg
