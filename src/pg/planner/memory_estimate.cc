#include "pg/planner/memory_estimate.h"

#include <algorithm>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <miscadmin.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

constexpr double kRowOverheadBytes = 24;    // a stored row's header and its part of the directory
constexpr double kStringBytes = 40;         // a view and, for the longer ones, the bytes behind it
constexpr double kForeignStateBytes = 250;  // of a group, as that of a sum of numerics

double value_bytes(const plan::DataType& type) noexcept {
  if (type.is_varlen()) {
    return kStringBytes;
  }
  return type.kind == plan::TypeKind::kDecimal && !type.is_decimal64() ? 16 : 8;
}

double row_bytes(const plan::PlanNode& node) noexcept {
  double bytes = kRowOverheadBytes;
  for (const plan::DataType& type : node.output) {
    bytes += value_bytes(type);
  }
  return bytes;
}

/// What PostgreSQL's functions keep of the groups, and the rows that wait for them.
double foreign_bytes(const plan::PlanNode& node, const plan::AggregateSpec& aggregate) noexcept {
  double bytes = 0;
  for (const plan::AggregateCall& call : aggregate.calls) {
    if (!plan::is_foreign(call) || aggregate.group_keys.empty()) {
      continue;
    }
    if (!call.foreign.keeps_rows) {
      bytes += node.rows_estimated * kForeignStateBytes;
      continue;
    }
    double row = kRowOverheadBytes / 2;
    for (const std::uint32_t argument : call.foreign.arguments) {
      row += value_bytes(node.inputs[0].output[argument]);
    }
    bytes += node.inputs[0].rows_estimated * row;
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
    return (node.rows_estimated * row_bytes(node) + foreign_bytes(node, *aggregate)) /
           (has_own_groups(node, *aggregate) ? seats : 1);
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
