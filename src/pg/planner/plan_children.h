// The plan nodes right below a finished plan node.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/pg_list.h>
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The nodes below `node` that it has in a list, if its kind has one.
[[nodiscard]] inline List* child_list(const Plan* node) noexcept {
  switch (nodeTag(node)) {
    case T_Append:
      return reinterpret_cast<const Append*>(node)->appendplans;
    case T_MergeAppend:
      return reinterpret_cast<const MergeAppend*>(node)->mergeplans;
    case T_BitmapAnd:
      return reinterpret_cast<const BitmapAnd*>(node)->bitmapplans;
    case T_BitmapOr:
      return reinterpret_cast<const BitmapOr*>(node)->bitmapplans;
    case T_CustomScan:
      return reinterpret_cast<const CustomScan*>(node)->custom_plans;
    default:
      return NIL;
  }
}

/// Calls `visit` with every child of `node`, subqueries included, init plans and subplans of
/// expressions not.
/// Pre:    what visit() may longjmp over is the caller's matter.
template <typename Visit>
void for_each_child(const Plan* node, Visit&& visit) {
  Plan* const below[] = {
      node->lefttree, node->righttree,
      IsA(node, SubqueryScan) ? reinterpret_cast<const SubqueryScan*>(node)->subplan : nullptr};
  for (Plan* child : below) {
    if (child != nullptr) {
      visit(child);
    }
  }
  ListCell* cell;
  foreach (cell, child_list(node)) {
    visit(static_cast<Plan*>(lfirst(cell)));
  }
}

}  // namespace sluice::pg
