// A fragment of a plan as the pipelines that run it, in the order of their phases. Pure
// description: nothing is opened here.
#pragma once

#include <vector>

#include "plan/plan_spec.h"

namespace sluice::engine {

/// Shape:
///   source     a scan, a plan input, an exchange (read as consumer), or an aggregate or top-K (its
///              results)
///   operators  from the source upward: filter, project, limit, join (probed), partial aggregate
///              with keys
///   sink       a join (built), aggregate or top-K; null: the fragment's output
///   guards     joins whose probe side this pipeline lies in, sink included: it never begins once
///              the build side of one of them turned out empty
struct PipelineSpec {
  const plan::PlanNode* source = nullptr;
  std::vector<const plan::PlanNode*> operators;
  const plan::PlanNode* sink = nullptr;
  std::vector<const plan::PlanNode*> guards;
};

/// `pipelines` run one after the other (docs/protocol.md, deadlock rule 3): the build side of a
/// join before anything of its probe side. `exchanges` are the streams that the fragment consumes.
struct FragmentSpec {
  std::vector<PipelineSpec> pipelines;
  std::vector<const plan::PlanNode*> exchanges;
};

/// `root` is the input of a DsmExchange, or the root of the plan; the result points into it.
/// Errors: kInternal for a node with the wrong number of inputs.
[[nodiscard]] FragmentSpec build_fragment(const plan::PlanNode& root);

}  // namespace sluice::engine
