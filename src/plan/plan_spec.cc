#include "plan/plan_spec.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"
#include "plan/limits.h"

namespace sluice::plan {

namespace {

// Ids run out after 65536 nodes; validate_plan() asks for far fewer.
void number_below(PlanNode& node, std::size_t& next) {
  SLUICE_CHECK(next <= std::numeric_limits<NodeId::rep>::max(), "plan with too many nodes");
  node.id = NodeId(static_cast<NodeId::rep>(next));
  ++next;
  for (PlanNode& input : node.inputs) {
    number_below(input, next);
  }
}

void collect_below(const PlanNode& node, std::vector<const PlanNode*>& found) {
  if (node.as<ExchangeSpec>() != nullptr) {
    found.push_back(&node);
  }
  for (const PlanNode& input : node.inputs) {
    collect_below(input, found);
  }
}

void bind_expr(Expr& expr, const std::vector<Expr>& values) {
  if (expr.kind == ExprKind::kParam) {
    SLUICE_CHECK(expr.column < values.size(), "parameter without a value");
    const Expr& value = values[expr.column];
    SLUICE_CHECK(value.kind == ExprKind::kConstant && value.type == expr.type,
                 "value of a parameter is no constant of its type");
    expr = Expr(value);
    return;
  }
  for (Expr& arg : expr.args) {
    bind_expr(arg, values);
  }
}

std::vector<Expr>* exprs_of(PlanNode& node) noexcept {
  if (auto* scan = node.as<ScanSpec>()) {
    return &scan->filters;
  }
  if (auto* filter = node.as<FilterSpec>()) {
    return &filter->conjuncts;
  }
  if (auto* project = node.as<ProjectSpec>()) {
    return &project->exprs;
  }
  auto* join = node.as<HashJoinSpec>();
  return join != nullptr ? &join->residual : nullptr;
}

void bind_below(PlanNode& node, const std::vector<Expr>& values) {
  if (std::vector<Expr>* exprs = exprs_of(node)) {
    for (Expr& expr : *exprs) {
      bind_expr(expr, values);
    }
  }
  for (PlanNode& input : node.inputs) {
    bind_below(input, values);
  }
}

}  // namespace

void number_nodes(PlanSpec& plan) {
  std::size_t count = 0;
  number_below(plan.root, count);
  SLUICE_CHECK(count <= std::numeric_limits<std::uint16_t>::max(), "plan with too many nodes");
  plan.node_count = static_cast<std::uint16_t>(count);
}

bool operator==(const PlanNode& a, const PlanNode& b) {
  return a.id == b.id && a.spec == b.spec && a.output == b.output &&
         std::bit_cast<std::uint64_t>(a.rows_estimated) ==
             std::bit_cast<std::uint64_t>(b.rows_estimated) &&
         a.inputs == b.inputs;
}

bool operator==(const PlanSpec& a, const PlanSpec& b) {
  return a.stream_count == b.stream_count && a.node_count == b.node_count &&
         a.partition_count == b.partition_count && a.distributed == b.distributed &&
         a.leader_computes == b.leader_computes && a.root == b.root;
}

void bind_params(PlanSpec& plan, const std::vector<Expr>& values) { bind_below(plan.root, values); }

bool reads_plan_inputs(const PlanNode& root) noexcept {
  return root.as<PlanInputSpec>() != nullptr || std::ranges::any_of(root.inputs, reads_plan_inputs);
}

std::vector<const PlanNode*> collect_dsm_exchanges(const PlanNode& root) {
  std::vector<const PlanNode*> found;
  collect_below(root, found);
  return found;
}

}  // namespace sluice::plan
