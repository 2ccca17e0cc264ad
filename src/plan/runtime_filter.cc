#include "plan/runtime_filter.h"

#include <algorithm>

#include "plan/filter_order.h"
#include "plan/print.h"

namespace sluice::plan {
namespace {

/// Whether a probe row whose key no build row has leaves no trace in the join's output.
bool drops_unmatched_probe_rows(JoinType type) noexcept {
  switch (type) {
    case JoinType::kInner:
    case JoinType::kRight:
    case JoinType::kSemi:
    case JoinType::kRightSemi:
    case JoinType::kRightAnti:
      return true;
    default:
      return false;
  }
}

/// Whether a build row has no say but by the probe rows whose key it has.
bool build_rows_only_match(JoinType type) noexcept {
  switch (type) {
    case JoinType::kInner:
    case JoinType::kLeft:
    case JoinType::kRight:
    case JoinType::kFull:
    case JoinType::kSemi:
    case JoinType::kAnti:
    case JoinType::kRightSemi:
    case JoinType::kRightAnti:
      return true;
    default:
      return false;
  }
}

/// To read a large build side again for a filter is worth it only where probe rows are expected to
/// go.
bool is_worth_it(const PlanNode& join) noexcept {
  constexpr double kBuildRowsAlways = 65536;
  constexpr double kMatchingShareMax = 0.9;
  return join.inputs[1].rows_estimated <= kBuildRowsAlways ||
         join.rows_estimated < kMatchingShareMax * join.inputs[0].rows_estimated;
}

/// Follows a column of a join's probe side to the scans that it comes from.
class Tracer {
 public:
  Tracer(RuntimeFilterSpec found, std::vector<RuntimeFilterSpec>& result)
      : found_(found), result_(result) {}

  /// Rows of `node` whose `column` is no key, NULL included, are not missed.
  void trace(const PlanNode& node, std::uint32_t column) {
    if (const auto* scan = node.as<ScanSpec>()) {
      found_.scan = &node;
      found_.column = scan->outputs[column];
      result_.push_back(found_);
    } else if (const auto* filter = node.as<FilterSpec>()) {
      if (std::ranges::none_of(filter->conjuncts, may_raise)) {
        trace(node.inputs[0], column);
      }
    } else if (const auto* project = node.as<ProjectSpec>()) {
      const Expr& expr = project->exprs[column];
      if (expr.kind == ExprKind::kColumn && std::ranges::none_of(project->exprs, may_raise)) {
        trace(node.inputs[0], expr.column);
      }
    } else if (const auto* join = node.as<HashJoinSpec>()) {
      if (std::ranges::none_of(join->residual, may_raise)) {
        trace_join(node, *join, join->outputs[column]);
      }
    }
  }

 private:
  /// Both sides of an equal key are filtered. That rows of the side without the column are gone can
  /// make rows of the other side come out unmatched, but only such as are not missed either: their
  /// column is no key, or, where NULLs replace the side that has it, NULL.
  void trace_join(const PlanNode& node, const HashJoinSpec& join, std::uint32_t column) {
    const auto probe_columns = static_cast<std::uint32_t>(node.inputs[0].output.size());
    const bool in_probe = column < probe_columns;
    const std::uint32_t own = in_probe ? column : column - probe_columns;
    trace(node.inputs[in_probe ? 0 : 1], own);
    if (!build_rows_only_match(join.type)) {
      return;
    }
    const auto& keys = in_probe ? join.probe_keys : join.build_keys;
    const auto& partners = in_probe ? join.build_keys : join.probe_keys;
    for (std::size_t k = 0; k < keys.size(); ++k) {
      if (keys[k] == own) {
        trace(node.inputs[in_probe ? 1 : 0], partners[k]);
      }
    }
  }

  RuntimeFilterSpec found_;
  std::vector<RuntimeFilterSpec>& result_;
};

void collect(const PlanNode& node, std::vector<RuntimeFilterSpec>& result) {
  if (node.as<ExchangeSpec>() != nullptr) {
    return;
  }
  const auto* join = node.as<HashJoinSpec>();
  if (join != nullptr && drops_unmatched_probe_rows(join->type) && is_worth_it(node)) {
    for (std::uint32_t key = 0; key < join->probe_keys.size(); ++key) {
      Tracer({&node, key, nullptr, 0}, result).trace(node.inputs[0], join->probe_keys[key]);
    }
  }
  for (const PlanNode& input : node.inputs) {
    collect(input, result);
  }
}

}  // namespace

std::vector<RuntimeFilterSpec> runtime_filters(const PlanNode& root) {
  std::vector<RuntimeFilterSpec> result;
  collect(root, result);
  return result;
}

std::string to_string(const RuntimeFilterSpec& filter) {
  const std::uint32_t key = filter.join->as<HashJoinSpec>()->build_keys[filter.key];
  return "(" + filter.scan->as<ScanSpec>()->columns[filter.column].name + " = " +
         column_names(filter.join->inputs[1])[key] + ")";
}

}  // namespace sluice::plan
