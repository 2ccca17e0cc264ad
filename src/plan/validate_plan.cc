// What holds for every plan, distributed or not; the codec relies on it for bytes it does not
// trust.
#include <cmath>
#include <string>

#include "base/error.h"
#include "plan/limits.h"
#include "plan/plan_spec.h"

namespace sluice::plan {

namespace {

using Types = std::vector<DataType>;

class PlanValidator {
 public:
  explicit PlanValidator(const PlanSpec& plan) noexcept : plan_(plan) {}

  void validate() {
    validate_node(plan_.root, 1);
    require(nodes_ == plan_.node_count, "node count");
    require(exchanges_ == plan_.stream_count, "stream count");
    require(plan_.partition_count >= 1, "partition count");
  }

 private:
  void require(bool rule, const char* name) const {
    if (!rule) [[unlikely]] {
      base::throw_corrupt("plan: " + std::string(name) + " at node " + std::to_string(nodes_));
    }
  }

  // Children before their parent, so that derive_output() sees outputs that hold; numbers in
  // preorder.
  void validate_node(const PlanNode& node, std::size_t depth) {
    require(depth <= kPlanDepthMax, "nested too deeply");
    require(nodes_ < kPlanNodesMax, "too many nodes");
    require(node.id.index() == nodes_, "node ids are not in preorder");
    require(std::isfinite(node.rows_estimated) && node.rows_estimated >= 0, "row estimate");
    ++nodes_;
    if (const auto* exchange = node.as<ExchangeSpec>()) {
      require(exchange->stream.value() < plan_.stream_count, "stream out of range");
      ++exchanges_;
    }
    for (const PlanNode& input : node.inputs) {
      validate_node(input, depth + 1);
    }
    require(node.output == derive_output(node), "output types");
    validate_exprs(node);
  }

  void validate_exprs(const PlanNode& node) const {
    if (const auto* scan = node.as<ScanSpec>()) {
      Types columns;
      for (const ScanColumn& column : scan->columns) {
        columns.push_back(column.type);
      }
      validate_conjuncts(scan->filters, columns);
    } else if (const auto* filter = node.as<FilterSpec>()) {
      validate_conjuncts(filter->conjuncts, node.inputs[0].output);
    } else if (const auto* project = node.as<ProjectSpec>()) {
      for (const Expr& expr : project->exprs) {
        validate_expr(expr, node.inputs[0].output);
      }
    } else if (const auto* join = node.as<HashJoinSpec>()) {
      Types columns = node.inputs[0].output;
      const Types& build = node.inputs[1].output;
      columns.insert(columns.end(), build.begin(), build.end());
      validate_conjuncts(join->residual, columns);
    }
  }

  void validate_conjuncts(const std::vector<Expr>& conjuncts, const Types& input) const {
    for (const Expr& conjunct : conjuncts) {
      validate_expr(conjunct, input);
      require(conjunct.type.kind == TypeKind::kBool, "condition that is no bool");
    }
  }

  const PlanSpec& plan_;
  std::size_t nodes_ = 0;
  std::size_t exchanges_ = 0;
};

}  // namespace

void validate_plan(const PlanSpec& plan) { PlanValidator(plan).validate(); }

}  // namespace sluice::plan
