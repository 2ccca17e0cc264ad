// A plan as indented lines, for tests, logs and the text of EXPLAIN's nodes.
#pragma once

#include <string>
#include <vector>

#include "plan/plan_spec.h"

namespace sluice::plan {

/// A node's one line: "Hash Join  (p.c1 = b.c0)", "Exchange Redistribute  stream 2 by c0".
[[nodiscard]] std::string describe(const PlanNode& node);
/// The operator's name alone: "Hash Join", "Exchange Gather", "Partial Aggregate".
[[nodiscard]] std::string operator_name(const PlanNode& node);
/// The whole tree, two blanks an indent, one node a line.
[[nodiscard]] std::string to_string(const PlanSpec& plan);

/// Names of the node's output columns where they are known (scan columns pass through joins and filters).
[[nodiscard]] std::vector<std::string> column_names(const PlanNode& node);

}  // namespace sluice::plan
