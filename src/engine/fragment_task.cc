#include "engine/fragment_task.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/check.h"
#include "engine/aggregate.h"
#include "engine/exchange_source.h"
#include "engine/hash_join.h"
#include "engine/partial_aggregate.h"
#include "engine/stream_operators.h"
#include "engine/top_k.h"
#include "plan/filter_order.h"
#include "plan/runtime_filter.h"

namespace sluice::engine {

using plan::PlanNode;

namespace {

/// Whether the seats have different rows of `node`.
bool is_in_parts(const PlanNode& node) {
  if (const auto* exchange = node.as<plan::ExchangeSpec>()) {
    return exchange->kind == plan::ExchangeKind::kRedistribute;
  }
  if (node.as<plan::PlanInputSpec>() != nullptr) {
    return false;  // the leader's
  }
  // Of a join's sides one may be there whole, but never both.
  return node.inputs.empty() || std::ranges::any_of(node.inputs, is_in_parts);
}

}  // namespace

FragmentTask::FragmentTask(const PlanNode& root, const FragmentContext& context,
                           exchange::Epoch epoch, std::unique_ptr<base::MemoryBudget> output_budget,
                           std::unique_ptr<FragmentOutput> output)
    : context_(context),
      epoch_(epoch),
      spec_(build_fragment(root)),
      filters_(plan::runtime_filters(root)),
      output_budget_(std::move(output_budget)),
      output_(std::move(output)) {
  for (const PlanNode* node : spec_.exchanges) {
    Consumed& consumed = inputs_[node->id];
    consumed.budget = std::make_unique<base::MemoryBudget>(kPassingMemoryBytesMax);
    consumed.input = std::make_unique<exchange::StreamInput>(
        context_.mesh, node->as<plan::ExchangeSpec>()->stream, context_.producers, epoch,
        *consumed.budget);
  }
}

FragmentTask::~FragmentTask() = default;

TaskState FragmentTask::step(unsigned batches_max) {
  if (output_ == nullptr) {
    return TaskState::kDone;
  }
  if (!output_->wanted()) {
    close();
    return TaskState::kDone;
  }
  if (current_ == nullptr && !begin_next()) {
    close();
    return TaskState::kDone;
  }
  switch (current_->step(batches_max)) {
    case PipelineState::kBlocked:
      return TaskState::kBlocked;
    case PipelineState::kProgress:
      return TaskState::kProgress;
    case PipelineState::kFinished:
      break;
  }
  end_current();
  if (next_ == spec_.pipelines.size()) {
    close();
    return TaskState::kDone;
  }
  return TaskState::kProgress;
}

/// Begins the next pipeline that is to run; false when there is none.
bool FragmentTask::begin_next() {
  while (next_ != spec_.pipelines.size()) {
    const PipelineSpec& spec = spec_.pipelines[next_++];
    if (guarded(spec)) {
      close_input(*spec.source);
      share_keys(spec.sink);
      continue;
    }
    const std::size_t live = first_live_operator(spec);
    Sink& sink = make_sink(spec.sink);
    std::vector<std::unique_ptr<Operator>> operators;
    for (std::size_t i = live; i < spec.operators.size(); ++i) {
      operators.push_back(make_operator(*spec.operators[i]));
    }
    const bool dry = live != 0;
    std::unique_ptr<Source> source;
    if (dry) {
      close_input(*spec.source);
    } else {
      source = make_source(*spec.source);
    }
    const bool counts_itself = blocking_.contains(spec.source->id);
    current_ = std::make_unique<Pipeline>(std::move(source),
                                          counts_itself ? nullptr : &counters(*spec.source),
                                          std::move(operators), sink);
    if (spec.sink == nullptr) {
      output_->settle();  // not before: what reads a blocking node takes of its memory, too
    }
    return true;
  }
  return false;
}

/// Frees what only the pipeline that just finished has read.
void FragmentTask::end_current() {
  current_.reset();
  const PipelineSpec& spec = spec_.pipelines[next_ - 1];
  share_keys(spec.sink);
  check_spared_side(spec.sink);
  blocking_.erase(spec.source->id);
  for (const PlanNode* node : spec.operators) {
    blocking_.erase(node->id);
  }
}

/// PostgreSQL may look at a row of the probe side before it builds. Of a build side in parts this
/// seat does not know whether the others' are empty as well.
/// Source: src/backend/executor/nodeHashjoin.c, ExecHashJoinImpl(), HJ_BUILD_HASHTABLE
void FragmentTask::check_spared_side(const PlanNode* sink) const {
  if (!context_.empty_sides_abandon || sink == nullptr ||
      sink->as<plan::HashJoinSpec>() == nullptr || !blocking_.at(sink->id).build->joins_nothing()) {
    return;
  }
  const bool whole = context_.producers.size() == 1 || !is_in_parts(sink->inputs[1]);
  if (whole && plan::node_may_raise(sink->inputs[0])) {
    base::throw_abandon("no rows to build of, beside rows that may raise an error");
  }
}

bool FragmentTask::guarded(const PipelineSpec& spec) const {
  for (const PlanNode* join : spec.guards) {
    if (blocking_.at(join->id).build->joins_nothing()) {
      return true;
    }
  }
  return false;
}

/// The operator after the topmost join that matches nothing: below it no row can pass. 0 when there
/// is none, so that the source runs.
std::size_t FragmentTask::first_live_operator(const PipelineSpec& spec) const {
  for (std::size_t i = spec.operators.size(); i > 0; --i) {
    const PlanNode& node = *spec.operators[i - 1];
    if (node.as<plan::HashJoinSpec>() != nullptr && blocking_.contains(node.id) &&
        blocking_.at(node.id).build->joins_nothing()) {
      return i;
    }
  }
  return 0;
}

std::unique_ptr<Source> FragmentTask::make_source(const PlanNode& node) {
  if (node.as<plan::AggregateSpec>() != nullptr) {
    return blocking_.at(node.id).aggregate->results();
  }
  if (node.as<plan::TopKSpec>() != nullptr) {
    return blocking_.at(node.id).top_k->results();
  }
  ++counters(node).starts;
  if (node.as<plan::ExchangeSpec>() != nullptr) {
    return std::make_unique<ExchangeSource>(node, *inputs_.at(node.id).input);
  }
  if (node.as<plan::PlanInputSpec>() != nullptr) {
    return context_.sources.open_plan_input(node, budget(node, kPassingMemoryBytesMax));
  }
  return context_.sources.open_scan(node, scan_filters(node), budget(node, kPassingMemoryBytesMax));
}

/// What the finished build sides know of the scan's rows.
std::vector<ScanFilter> FragmentTask::scan_filters(const PlanNode& node) {
  std::vector<ScanFilter> result;
  for (const plan::RuntimeFilterSpec& spec : filters_) {
    const RuntimeFilter* filter =
        spec.scan == &node ? blocking_.at(spec.join->id).build->runtime_filter(spec.key) : nullptr;
    if (filter != nullptr) {
      result.emplace_back(spec.column, *filter, counters(node));
    }
  }
  for (const SharedKeySets::Slot& slot : context_.key_sets.slots()) {
    for (const plan::RuntimeFilterSpec& spec : slot.spec.scans) {
      if (spec.scan == &node) {
        scanned_sets_.push_back(shared_set(slot));
        result.emplace_back(spec.column, *scanned_sets_.back(), counters(node));
      }
    }
  }
  return result;
}

/// Adds what `sink`, if it is a build side, has come to hold to the sets that other seats' scans
/// wait for. One that was left out holds nothing that could find a match.
void FragmentTask::share_keys(const PlanNode* sink) {
  for (const SharedKeySets::Slot& slot : context_.key_sets.slots()) {
    if (slot.spec.join == sink) {
      const auto found = blocking_.find(sink->id);
      shared_set(slot)->add(found == blocking_.end() ? nullptr : &found->second.build->table(),
                            slot.spec.key);
    }
  }
}

std::unique_ptr<SharedKeySet> FragmentTask::shared_set(const SharedKeySets::Slot& slot) const {
  return std::make_unique<SharedKeySet>(exchange::SharedFilter(slot.memory), slot.equality, epoch_,
                                        context_.producers.size());
}

std::unique_ptr<Operator> FragmentTask::make_operator(const PlanNode& node) {
  const std::vector<plan::DataType>& input = node.inputs[0].output;
  if (const auto* join = node.as<plan::HashJoinSpec>()) {
    // Not out of what the build side has left: rows may have gone to the client when the probe
    // first needs a column, and then the run cannot be given up any more.
    return std::make_unique<HashProbeOperator>(*join, input, node.inputs[1].output,
                                               blocking_.at(node.id).build->table(),
                                               passing_budget(), counters(node));
  }
  ++counters(node).starts;
  if (const auto* aggregate = node.as<plan::AggregateSpec>()) {
    return std::make_unique<PartialAggregateOperator>(*aggregate, input, operator_budget(node),
                                                      counters(node));
  }
  base::MemoryBudget& passing = budget(node, kPassingMemoryBytesMax);
  if (const auto* filter = node.as<plan::FilterSpec>()) {
    return std::make_unique<FilterOperator>(*filter, input, passing, counters(node));
  }
  if (const auto* project = node.as<plan::ProjectSpec>()) {
    return std::make_unique<ProjectOperator>(*project, input, passing, counters(node));
  }
  const auto* limit = node.as<plan::LimitSpec>();
  SLUICE_CHECK(limit != nullptr, "plan node without an operator");
  return std::make_unique<LimitOperator>(*limit, counters(node));
}

Sink& FragmentTask::make_sink(const PlanNode* node) {
  if (node == nullptr) {
    return *output_;
  }
  ++counters(*node).starts;
  Blocking& blocking = blocking_[node->id];
  base::MemoryBudget& memory = operator_budget(*node);
  if (const auto* join = node->as<plan::HashJoinSpec>()) {
    blocking.build =
        std::make_unique<HashBuildSink>(*join, node->inputs[1].output, memory, counters(*node));
    return *blocking.build;
  }
  if (const auto* aggregate = node->as<plan::AggregateSpec>()) {
    blocking.aggregate = std::make_unique<AggregateSink>(*aggregate, node->inputs[0].output, memory,
                                                         counters(*node));
    return *blocking.aggregate;
  }
  const auto* top_k = node->as<plan::TopKSpec>();
  SLUICE_CHECK(top_k != nullptr, "plan node without a sink");
  blocking.top_k =
      std::make_unique<TopKSink>(*top_k, node->inputs[0].output, memory, counters(*node));
  return *blocking.top_k;
}

void FragmentTask::close() {
  std::exception_ptr first;
  const auto attempt = [&first](auto&& step) {
    try {
      step();
    } catch (...) {
      first = first == nullptr ? std::current_exception() : first;
    }
  };
  if (const std::unique_ptr<Pipeline> pipeline = std::move(current_)) {
    attempt([&pipeline] { pipeline->close(); });
  }
  for (auto& entry : blocking_) {
    if (AggregateSink* const aggregate = entry.second.aggregate.get()) {
      attempt([aggregate] { aggregate->close(); });
    }
  }
  for (auto& [node, consumed] : inputs_) {
    consumed.input->close();
  }
  next_ = spec_.pipelines.size();
  blocking_.clear();
  if (output_ != nullptr && first == nullptr && !output_->wanted()) {
    output_->cancel();
  }
  output_.reset();
  if (first != nullptr) {
    std::rethrow_exception(first);
  }
}

void FragmentTask::close_input(const PlanNode& node) {
  if (const auto found = inputs_.find(node.id); found != inputs_.end()) {
    found->second.input->close();
  }
}

NodeCounters& FragmentTask::counters(const PlanNode& node) const {
  return context_.counters[node.id.index()];
}

base::MemoryBudget& FragmentTask::budget(const PlanNode& node, std::size_t limit_bytes) {
  std::unique_ptr<base::MemoryBudget>& entry = budgets_[node.id];
  if (entry == nullptr) {
    entry = std::make_unique<base::MemoryBudget>(limit_bytes);
  }
  return *entry;
}

base::MemoryBudget& FragmentTask::passing_budget() {
  passing_budgets_.push_back(std::make_unique<base::MemoryBudget>(kPassingMemoryBytesMax));
  return *passing_budgets_.back();
}

base::MemoryBudget& FragmentTask::operator_budget(const PlanNode& node) {
  return budget(node, context_.operator_memory_bytes);
}

}  // namespace sluice::engine
