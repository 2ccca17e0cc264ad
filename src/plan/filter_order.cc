#include "plan/filter_order.h"

#include <algorithm>

namespace sluice::plan {
namespace {

std::int16_t last_attribute(const ScanSpec& scan, const Expr& filter) {
  std::vector<bool> read(scan.columns.size(), false);
  collect_columns(filter, read);
  std::int16_t last = 0;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i]) {
      last = std::max(last, scan.columns[i].attribute);
    }
  }
  return last;
}

/// Whether a LIKE pattern ends within an escape, which is an error once a match gets there.
bool has_broken_escape(const Expr& pattern) {
  const std::string& bytes = pattern.constant.bytes;
  const std::size_t last = bytes.find_last_not_of('\\');
  const std::size_t backslashes = bytes.size() - (last == std::string::npos ? 0 : last + 1);
  return backslashes % 2 != 0;
}

}  // namespace

bool may_raise(const Expr& expr) noexcept {
  if (expr.kind != ExprKind::kCall) {
    return false;
  }
  switch (expr.op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kNegate:
      if (expr.type.kind != TypeKind::kDecimal) {
        return true;
      }
      break;
    case Op::kCast:
      if (expr.type.kind == TypeKind::kTimestamp) {
        return true;
      }
      break;
    case Op::kLike:
    case Op::kNotLike:
      if (has_broken_escape(expr.args[1])) {
        return true;
      }
      break;
    case Op::kExtractYear:
    case Op::kForeign:
      return true;
    case Op::kSubstring:
      if (may_count_below_zero(expr)) {
        return true;
      }
      break;
    default:
      break;
  }
  return std::ranges::any_of(expr.args, may_raise);
}

bool call_may_raise(const AggregateCall& call) noexcept {
  return is_foreign(call) ||
         (call.function == AggregateFunction::kSum && call.result.kind == TypeKind::kFloat64);
}

namespace {

bool expressions_may_raise(const PlanNode& node) noexcept {
  if (const auto* scan = node.as<ScanSpec>()) {
    return std::ranges::any_of(scan->filters, may_raise);
  }
  if (const auto* filter = node.as<FilterSpec>()) {
    return std::ranges::any_of(filter->conjuncts, may_raise);
  }
  if (const auto* project = node.as<ProjectSpec>()) {
    return std::ranges::any_of(project->exprs, may_raise);
  }
  if (const auto* join = node.as<HashJoinSpec>()) {
    return std::ranges::any_of(join->residual, may_raise);
  }
  if (const auto* aggregate = node.as<AggregateSpec>()) {
    return std::ranges::any_of(aggregate->calls, call_may_raise);
  }
  return false;
}

}  // namespace

bool node_may_raise(const PlanNode& node) noexcept {
  return expressions_may_raise(node) || std::ranges::any_of(node.inputs, node_may_raise);
}

bool streamed_rows_may_raise(const PlanNode& node) noexcept {
  if (node.as<AggregateSpec>() != nullptr || node.as<TopKSpec>() != nullptr) {
    return false;
  }
  return expressions_may_raise(node) ||
         (!node.inputs.empty() && streamed_rows_may_raise(node.inputs[0]));
}

void order_filters(ScanSpec& scan) {
  const auto raising = std::ranges::find_if(scan.filters, may_raise);
  std::ranges::stable_sort(scan.filters.begin(), raising, {},
                           [&scan](const Expr& filter) { return last_attribute(scan, filter); });
}

std::size_t place_of_test(const ScanSpec& scan, std::uint32_t column) {
  const std::int16_t attribute = scan.columns[column].attribute;
  std::size_t place = scan.filters.size();
  while (place > 0 && !may_raise(scan.filters[place - 1]) &&
         last_attribute(scan, scan.filters[place - 1]) > attribute) {
    --place;
  }
  return place;
}

}  // namespace sluice::plan
