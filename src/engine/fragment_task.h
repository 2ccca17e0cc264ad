// One running fragment in one seat: its pipelines, phase after phase.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/memory_budget.h"
#include "engine/fragment_builder.h"
#include "engine/fragment_output.h"
#include "engine/node_counters.h"
#include "engine/pipeline.h"
#include "engine/shared_key_sets.h"
#include "engine/source.h"
#include "engine/task.h"
#include "exchange/stream_input.h"
#include "plan/runtime_filter.h"

namespace sluice::engine {

class HashBuildSink;  // hash_join.h
class AggregateSink;  // aggregate.h
class TopKSink;       // top_k.h

/// What the fragments of one seat have in common; outlives them.
struct FragmentContext {
  exchange::Mesh& mesh;
  SourceFactory& sources;
  std::span<NodeCounters> counters;  // by NodeId
  std::size_t operator_memory_bytes = 0;
  exchange::SeatSet producers;  // of every stream
  SharedKeySets key_sets;
  bool empty_sides_abandon = false;  // as of SeatOptions
};

/// Phases: the pipelines of build_fragment() in order. Sources, operators and sinks are made when
/// their pipeline begins, so that a scan opens and a stream starts only then. A join whose build
/// side is empty ends its own pipeline at once and leaves out those of its probe side; their
/// streams are closed unstarted.
/// Errors: any of its parts'; the task is then only to be closed.
/// Owns:   everything below the output; the output too.
class FragmentTask final : public Task {
 public:
  /// Opens nothing. `root` is borrowed from the plan; `output_budget` is what `output` was charged
  /// to.
  FragmentTask(const plan::PlanNode& root, const FragmentContext& context, exchange::Epoch epoch,
               std::unique_ptr<base::MemoryBudget> output_budget,
               std::unique_ptr<FragmentOutput> output);
  ~FragmentTask() override;

  [[nodiscard]] TaskState step(unsigned batches_max) override;
  void close() override;

 private:
  /// What a blocking node keeps between the pipeline that fills it and the one that reads it.
  struct Blocking {
    std::unique_ptr<HashBuildSink> build;
    std::unique_ptr<AggregateSink> aggregate;
    std::unique_ptr<TopKSink> top_k;
  };
  struct Consumed {
    std::unique_ptr<base::MemoryBudget> budget;
    std::unique_ptr<exchange::StreamInput> input;
  };

  [[nodiscard]] bool begin_next();
  void end_current();
  void check_spared_side(const plan::PlanNode* sink) const;
  [[nodiscard]] bool guarded(const PipelineSpec& spec) const;
  [[nodiscard]] std::size_t first_live_operator(const PipelineSpec& spec) const;
  [[nodiscard]] std::unique_ptr<Source> make_source(const plan::PlanNode& node);
  [[nodiscard]] std::vector<ScanFilter> scan_filters(const plan::PlanNode& node);
  void share_keys(const plan::PlanNode* sink);
  [[nodiscard]] std::unique_ptr<SharedKeySet> shared_set(const SharedKeySets::Slot& slot) const;
  [[nodiscard]] std::unique_ptr<Operator> make_operator(const plan::PlanNode& node);
  [[nodiscard]] Sink& make_sink(const plan::PlanNode* node);
  void close_input(const plan::PlanNode& node);
  [[nodiscard]] NodeCounters& counters(const plan::PlanNode& node) const;
  [[nodiscard]] base::MemoryBudget& budget(const plan::PlanNode& node, std::size_t limit_bytes);
  [[nodiscard]] base::MemoryBudget& operator_budget(const plan::PlanNode& node);
  [[nodiscard]] base::MemoryBudget& passing_budget();

  const FragmentContext& context_;
  const exchange::Epoch epoch_;
  FragmentSpec spec_;
  std::vector<plan::RuntimeFilterSpec> filters_;
  std::map<base::NodeId, std::unique_ptr<base::MemoryBudget>> budgets_;
  std::vector<std::unique_ptr<base::MemoryBudget>> passing_budgets_;
  std::map<base::NodeId, Consumed> inputs_;
  std::map<base::NodeId, Blocking> blocking_;
  std::vector<std::unique_ptr<SharedKeySet>> scanned_sets_;
  std::unique_ptr<base::MemoryBudget> output_budget_;
  std::unique_ptr<FragmentOutput> output_;
  std::unique_ptr<Pipeline> current_;  // of pipelines[next_ - 1]
  std::size_t next_ = 0;
};

/// Units: bytes that a node may hold which only passes rows on. One batch bounds it, and a field of
///        a row may be as large as PostgreSQL allows.
inline constexpr std::size_t kPassingMemoryBytesMax = std::size_t{2} << 30;

}  // namespace sluice::engine
