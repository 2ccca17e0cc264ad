#include "pg/planner/memory_estimate.h"

#include <algorithm>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

constexpr double kRowOverheadBytes = 24;  // a stored row's header and its part of the directory
constexpr double kStringBytes = 40;       // a view and, for the longer ones, the bytes behind it

double row_bytes(const plan::PlanNode& node) noexcept {
  double bytes = kRowOverheadBytes;
  for (const plan::DataType& type : node.output) {
    if (type.is_varlen()) {
      bytes += kStringBytes;
    } else if (type.kind == plan::TypeKind::kDecimal && !type.is_decimal64()) {
      bytes += 16;
    } else {
      bytes += 8;
    }
  }
  return bytes;
}

/// Whether each seat has the groups of its own partition.
bool has_own_groups(const plan::PlanNode& node, const plan::AggregateSpec& aggregate) noexcept {
  const auto* exchange = node.inputs[0].as<plan::ExchangeSpec>();
  return aggregate.phase == plan::AggregatePhase::kSingle ||
         (exchange != nullptr && exchange->kind == plan::ExchangeKind::kRedistribute);
}

/// A node's table: a join's build side, which every seat holds a part of or, broadcast, a copy of;
/// an aggregate's groups, unless it hands them out where they become many. A broadcast's estimate
/// counts all copies, so that both come down to a share.
double table_bytes(const plan::PlanNode& node, int seats) noexcept {
  if (node.as<plan::HashJoinSpec>() != nullptr) {
    const plan::PlanNode& build = node.inputs[1];
    return build.rows_estimated / seats * row_bytes(build);
  }
  const auto* aggregate = node.as<plan::AggregateSpec>();
  if (aggregate != nullptr && !plan::is_streaming(*aggregate)) {
    return node.rows_estimated / (has_own_groups(node, *aggregate) ? seats : 1) * row_bytes(node);
  }
  return 0;
}

double largest(const plan::PlanNode& node, int seats) noexcept {
  double bytes = table_bytes(node, seats);
  for (const plan::PlanNode& input : node.inputs) {
    bytes = std::max(bytes, largest(input, seats));
  }
  return bytes;
}

}  // namespace

double largest_table_bytes(const plan::PlanSpec& plan, int seats) noexcept {
  return largest(plan.root, seats);
}

std::size_t operator_memory_bytes() noexcept { return get_hash_memory_limit(); }

}  // namespace sluice::pg
