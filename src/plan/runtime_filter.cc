#include "plan/runtime_filter.h"

#include <algorithm>
#include <utility>

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

enum class Reach : std::uint8_t { kFragment, kBeyondRedistributions };

/// Follows a column of a join's probe side to the scans that it comes from.
class Tracer {
 public:
  Tracer(RuntimeFilterSpec found, Reach reach, std::vector<RuntimeFilterSpec>& result)
      : found_(found), reach_(reach), result_(result) {}

  /// Rows of `node` whose `column` is no key, NULL included, are not missed. Nor does it matter
  /// what they hold: of a group that nobody wants, only some rows may have come this far.
  void trace(const PlanNode& node, std::uint32_t column) {
    if (const auto* scan = node.as<ScanSpec>()) {
      if (at_ == reach_) {
        found_.scan = &node;
        found_.column = scan->outputs[column];
        result_.push_back(found_);
      }
    } else if (const auto* exchange = node.as<ExchangeSpec>()) {
      if (reach_ == Reach::kBeyondRedistributions &&
          exchange->kind == ExchangeKind::kRedistribute) {
        const Reach here = std::exchange(at_, Reach::kBeyondRedistributions);
        trace(node.inputs[0], column);
        at_ = here;
      }
    } else if (const auto* filter = node.as<FilterSpec>()) {
      if (std::ranges::none_of(filter->conjuncts, may_raise)) {
        trace(node.inputs[0], column);
      }
    } else if (const auto* project = node.as<ProjectSpec>()) {
      const Expr& expr = project->exprs[column];
      if (expr.kind == ExprKind::kColumn && std::ranges::none_of(project->exprs, may_raise)) {
        trace(node.inputs[0], expr.column);
      }
    } else if (const auto* aggregate = node.as<AggregateSpec>()) {
      if (column < aggregate->group_keys.size() &&
          std::ranges::none_of(aggregate->calls, call_may_raise)) {
        trace(node.inputs[0], aggregate->group_keys[column]);
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
  /// column is no key, or, where NULLs replace the side that has it, NULL. A build side of which no
  /// row is left spares the probe side, which must not show; of what PostgreSQL executes there
  /// nothing may raise.
  void trace_join(const PlanNode& node, const HashJoinSpec& join, std::uint32_t column) {
    const bool spares_probe = needs_build_rows(join.type) && node_may_raise(node.inputs[0]);
    const auto probe_columns = static_cast<std::uint32_t>(node.inputs[0].output.size());
    const bool in_probe = column < probe_columns;
    const std::uint32_t own = in_probe ? column : column - probe_columns;
    if (in_probe || !spares_probe) {
      trace(node.inputs[in_probe ? 0 : 1], own);
    }
    if (!build_rows_only_match(join.type) || (in_probe && spares_probe)) {
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
  Reach reach_;
  Reach at_ = Reach::kFragment;
  std::vector<RuntimeFilterSpec>& result_;
};

/// The scans that the build side of `node`, if it is a join, tells of each of its keys.
void trace_join_keys(const PlanNode& node, Reach reach, std::vector<RuntimeFilterSpec>& result) {
  const auto* join = node.as<HashJoinSpec>();
  if (join == nullptr || !drops_unmatched_probe_rows(join->type) || !is_worth_it(node)) {
    return;
  }
  for (std::uint32_t key = 0; key < join->probe_keys.size(); ++key) {
    Tracer({&node, key, nullptr, 0}, reach, result).trace(node.inputs[0], join->probe_keys[key]);
  }
}

void collect(const PlanNode& node, std::vector<RuntimeFilterSpec>& result) {
  if (node.as<ExchangeSpec>() != nullptr) {
    return;
  }
  trace_join_keys(node, Reach::kFragment, result);
  for (const PlanNode& input : node.inputs) {
    collect(input, result);
  }
}

/// Every seat enters its keys in memory that all share, key by key.
bool is_worth_sharing(const PlanNode& join) noexcept {
  constexpr double kProbeRowsPerBuildRowMin = 2;
  return join.inputs[0].rows_estimated >= kProbeRowsPerBuildRowMin * join.inputs[1].rows_estimated;
}

/// About 13 bits a row, and room for estimates that are too low: what lies unused costs little.
std::uint32_t shared_filter_words(double build_rows) noexcept {
  constexpr double kRowsPerWord = 5;
  constexpr double kWordsMin = 1U << 14;
  constexpr double kWordsMax = 1U << 17;
  return static_cast<std::uint32_t>(std::clamp(build_rows / kRowsPerWord, kWordsMin, kWordsMax));
}

void collect_shared(const PlanNode& node, std::vector<SharedFilterSpec>& result) {
  std::vector<RuntimeFilterSpec> found;
  if (node.as<HashJoinSpec>() != nullptr && is_worth_sharing(node)) {
    trace_join_keys(node, Reach::kBeyondRedistributions, found);
  }
  for (const RuntimeFilterSpec& filter : found) {
    if (result.empty() || result.back().join != &node || result.back().key != filter.key) {
      result.push_back({&node, filter.key, shared_filter_words(node.inputs[1].rows_estimated), {}});
    }
    result.back().scans.push_back(filter);
  }
  for (const PlanNode& input : node.inputs) {
    collect_shared(input, result);
  }
}

}  // namespace

std::vector<RuntimeFilterSpec> runtime_filters(const PlanNode& root) {
  std::vector<RuntimeFilterSpec> result;
  collect(root, result);
  return result;
}

std::vector<SharedFilterSpec> shared_filters(const PlanNode& root) {
  constexpr std::size_t kSharedFiltersMax = 8;
  std::vector<SharedFilterSpec> result;
  collect_shared(root, result);
  if (result.size() > kSharedFiltersMax) {
    result.resize(kSharedFiltersMax);  // 8 MB at most
  }
  return result;
}

std::string to_string(const RuntimeFilterSpec& filter) {
  const std::uint32_t key = filter.join->as<HashJoinSpec>()->build_keys[filter.key];
  return "(" + filter.scan->as<ScanSpec>()->columns[filter.column].name + " = " +
         column_names(filter.join->inputs[1])[key] + ")";
}

}  // namespace sluice::plan
