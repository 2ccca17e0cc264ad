// Which scans a finished build side can tell what rows are worth reading.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/plan_spec.h"

namespace sluice::plan {

/// Rows of `scan` whose column `column` is no key of `join`'s build side, NULL included, contribute
/// nothing to the rows of the join's fragment. In one fragment, the pipeline that builds `join`
/// ends before `scan` is opened.
/// Shape: `key` is an index into the join's keys, `column` into the scan's columns.
struct RuntimeFilterSpec {
  const PlanNode* join = nullptr;
  std::uint32_t key = 0;
  const PlanNode* scan = nullptr;
  std::uint32_t column = 0;
};

/// The runtime filters within one fragment: `root` is the root of the plan or the input of an
/// exchange, and exchanges below it are not crossed. The result points into `root`.
/// Large build sides that nearly every probe row is expected to match are left out.
/// Nothing that may raise lies between a filter's scan and its join, so that the same errors come.
/// Source: docs/decisions/0009-runtime-filters.md
[[nodiscard]] std::vector<RuntimeFilterSpec> runtime_filters(const PlanNode& root);

/// A set of the values that one key of `join`'s build side has in all seats together: what a scan
/// behind a redistribution needs, whose rows may go to any seat. Every seat that computes runs
/// `join`, so that the set is complete once each of them has added its keys.
/// Shape: `scans` is not empty; of each the join and the key are those of the set.
/// Units: `words` of 64 bits, from the planner's estimate.
struct SharedFilterSpec {
  const PlanNode* join = nullptr;
  std::uint32_t key = 0;
  std::uint32_t words = 0;
  std::vector<RuntimeFilterSpec> scans;
};

/// The runtime filters that cross redistributions, over the whole plan below `root`. The result
/// points into `root`. A scan may open before the set is complete.
/// Build sides that are large beside their probe sides are left out.
/// Source: docs/decisions/0015-runtime-filters-across-exchanges.md
[[nodiscard]] std::vector<SharedFilterSpec> shared_filters(const PlanNode& root);

/// As EXPLAIN shows it below the scan: "(l_orderkey = o_orderkey)".
[[nodiscard]] std::string to_string(const RuntimeFilterSpec& filter);

}  // namespace sluice::plan
