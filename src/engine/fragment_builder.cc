#include "engine/fragment_builder.h"

#include <utility>

#include "base/check.h"

namespace sluice::engine {

namespace {

using plan::PlanNode;

/// Whether all of the node's input comes before its first row.
bool is_blocking(const PlanNode& node) {
  const auto* aggregate = node.as<plan::AggregateSpec>();
  return node.as<plan::TopKSpec>() != nullptr ||
         (aggregate != nullptr && !plan::is_streaming(*aggregate));
}

class Builder {
 public:
  FragmentSpec build(const PlanNode& root) {
    PipelineSpec last = open(root);
    emit(std::move(last), nullptr);
    return std::move(fragment_);
  }

 private:
  /// The pipeline that ends with `node`'s rows; what it needs before is emitted.
  PipelineSpec open(const PlanNode& node) {
    if (node.as<plan::ScanSpec>() != nullptr || node.as<plan::PlanInputSpec>() != nullptr) {
      return leaf(node);
    }
    if (node.as<plan::ExchangeSpec>() != nullptr) {
      fragment_.exchanges.push_back(&node);
      return leaf(node);
    }
    if (node.as<plan::HashJoinSpec>() != nullptr) {
      return open_join(node);
    }
    SLUICE_CHECK(node.inputs.size() == 1, "plan node without its input");
    PipelineSpec input = open(node.inputs[0]);
    if (is_blocking(node)) {
      emit(std::move(input), &node);
      return leaf(node);
    }
    input.operators.push_back(&node);
    return input;
  }

  PipelineSpec open_join(const PlanNode& node) {
    SLUICE_CHECK(node.inputs.size() == 2, "join without its inputs");
    emit(open(node.inputs[1]), &node);
    guards_.push_back(&node);
    PipelineSpec probe = open(node.inputs[0]);
    guards_.pop_back();
    probe.operators.push_back(&node);
    return probe;
  }

  static PipelineSpec leaf(const PlanNode& node) {
    PipelineSpec pipeline;
    pipeline.source = &node;
    return pipeline;
  }

  void emit(PipelineSpec pipeline, const PlanNode* sink) {
    pipeline.sink = sink;
    pipeline.guards = guards_;
    fragment_.pipelines.push_back(std::move(pipeline));
  }

  FragmentSpec fragment_;
  std::vector<const PlanNode*> guards_;  // joins whose probe side is being walked
};

}  // namespace

FragmentSpec build_fragment(const plan::PlanNode& root) { return Builder().build(root); }

}  // namespace sluice::engine
