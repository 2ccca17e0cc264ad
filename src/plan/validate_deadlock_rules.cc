// The deadlock rules of docs/protocol.md that a plan can break. Rule 3 is kept by the operators
// themselves, as long as the hash join is the only one with two inputs.
#include <string>

#include "base/error.h"
#include "plan/enforce_dsm_shuffle.h"

namespace sluice::plan {

namespace {

[[noreturn]] void reject(const char* rule, const PlanNode& node) {
  base::throw_corrupt(std::string("distributed plan: ") + rule + " at node " +
                      std::to_string(node.id.value()));
}

void require_safe(bool holds, const char* rule, const PlanNode& node) {
  if (!holds) [[unlikely]] {
    reject(rule, node);
  }
}

bool is_exchange(const PlanNode& node, ExchangeKind kind) {
  const auto* exchange = node.as<ExchangeSpec>();
  return exchange != nullptr && exchange->kind == kind;
}

class DeadlockRules {
 public:
  explicit DeadlockRules(const PlanSpec& plan) : plan_(plan), consumed_(plan.stream_count) {}

  void validate() {
    validate_root_fragment(plan_.root);
    for (std::size_t stream = 0; stream < consumed_.size(); ++stream) {
      require_safe(consumed_[stream], "a stream that nobody consumes", plan_.root);
    }
  }

 private:
  /// The leader's part. It runs in one seat, so that a scan or a join in it would lose the other
  /// seats' rows.
  void validate_root_fragment(const PlanNode& node) {
    if (is_exchange(node, ExchangeKind::kGather)) {
      return validate_exchange(node);
    }
    const auto* aggregate = node.as<AggregateSpec>();
    const bool partial = aggregate != nullptr && aggregate->phase == AggregatePhase::kPartial;
    require_safe(node.inputs.size() == 1 && node.as<ExchangeSpec>() == nullptr && !partial,
                 "the root fragment reads something else than a gather", node);
    validate_root_fragment(node.inputs[0]);
  }

  /// Rule 4: one consuming fragment a stream.
  void validate_exchange(const PlanNode& node) {
    const std::size_t stream = node.as<ExchangeSpec>()->stream.index();
    require_safe(stream < consumed_.size(), "stream out of range", node);
    require_safe(!consumed_[stream], "rule 4: a stream with two consumers", node);
    consumed_[stream] = true;
    require_safe(node.inputs.size() == 1, "an exchange without a producer", node);
    validate_fragment(node.inputs[0]);
  }

  /// A fragment that every computing seat runs.
  void validate_fragment(const PlanNode& node) {
    require_safe(!is_exchange(node, ExchangeKind::kGather),
                 "rule 2: a gather that only the leader could read", node);
    require_safe(!is_exchange(node, ExchangeKind::kBroadcast),
                 "a broadcast elsewhere than on the build side of a join", node);
    if (node.as<ExchangeSpec>() != nullptr) {
      return validate_exchange(node);
    }
    if (node.inputs.empty()) {
      const bool is_input = node.as<PlanInputSpec>() != nullptr;
      require_safe(is_input || node.as<ScanSpec>() != nullptr, "rule 7: a leaf that is no scan",
                   node);
      return require_safe(!is_input || plan_.leader_computes,
                          "a plan input beside a leader that does not compute", node);
    }
    if (node.as<HashJoinSpec>() == nullptr) {
      require_safe(node.inputs.size() == 1, "rule 3: an operator with several inputs", node);
      return validate_fragment(node.inputs[0]);
    }
    require_safe(node.inputs.size() == 2, "a join without two sides", node);
    validate_fragment(node.inputs[0]);
    if (is_exchange(node.inputs[1], ExchangeKind::kBroadcast)) {
      require_safe(!keeps_build(node.as<HashJoinSpec>()->type),
                   "a broadcast build side whose rows come out of the join", node);
      return validate_exchange(node.inputs[1]);
    }
    validate_fragment(node.inputs[1]);
  }

  const PlanSpec& plan_;
  std::vector<bool> consumed_;
};

}  // namespace

void validate_deadlock_rules(const PlanSpec& plan) {
  if (!plan.distributed) {
    const auto exchanges = collect_dsm_exchanges(plan.root);
    require_safe(exchanges.empty(), "an exchange in a plan for one seat", plan.root);
    return;
  }
  DeadlockRules(plan).validate();
}

}  // namespace sluice::plan
