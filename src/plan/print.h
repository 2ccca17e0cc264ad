// A plan as indented lines, for tests, logs and the text of EXPLAIN's nodes; spelled as
// PostgreSQL's own EXPLAIN spells its nodes. Shape: the nodes are valid (validate_plan).
#pragma once

#include <string>
#include <vector>

#include "plan/plan_spec.h"

namespace sluice::plan {

/// What EXPLAIN shows below a node's name: {"Hash Cond", "(o_orderkey = l_orderkey)"}.
struct PlanDetail {
  std::string label;
  std::string text;

  friend bool operator==(const PlanDetail&, const PlanDetail&) = default;
};

/// The operator's name alone: "Hash Join", "Exchange Gather", "Partial HashAggregate", "Top-K".
[[nodiscard]] std::string operator_name(const PlanNode& node);
/// The operator's name and what it is about: "Seq Scan on lineitem", "Exchange Redistribute stream
/// 2".
[[nodiscard]] std::string title(const PlanNode& node);
[[nodiscard]] std::vector<PlanDetail> details(const PlanNode& node);
/// A node's one line: its title, then its details in brackets.
[[nodiscard]] std::string describe(const PlanNode& node);
/// The whole tree, two blanks an indent, one node a line.
[[nodiscard]] std::string to_string(const PlanSpec& plan);

/// Names of the node's output columns: scan columns' names pass through, what is computed has its
/// expression for a name, shortened where it is long.
[[nodiscard]] std::vector<std::string> column_names(const PlanNode& node);

}  // namespace sluice::plan
