#include "engine/seat_runtime.h"

#include <utility>

#include "base/check.h"
#include "base/fault_point.h"
#include "engine/exchange_sink.h"
#include "engine/fragment_task.h"
#include "engine/root_output.h"
#include "engine/scheduler.h"
#include "exchange/stream_registry.h"

namespace sluice::engine {

using exchange::Epoch;
using exchange::SeatSet;
using exchange::StreamId;
using plan::PlanNode;

struct SeatRuntime::Impl final : public exchange::StreamProcedure {
  Impl(const plan::PlanSpec& plan_in, exchange::Mesh& mesh_in, SourceFactory& sources,
       Interrupts& interrupts, const SeatOptions& options);

  void start(StreamId stream, Epoch epoch) override;
  void begin_root();
  void learn_members();
  void link_streams();
  void hold_rows();
  [[nodiscard]] SeatSet consumers(const plan::ExchangeSpec& spec) const;

  const plan::PlanSpec& plan;
  exchange::Mesh& mesh;
  FragmentContext context;
  std::vector<const PlanNode*> exchanges;  // by StreamId
  exchange::StreamRegistry registry;
  exchange::ControlService control;
  RootHand hand;
  Scheduler scheduler;
  bool root_begun = false;
  bool rows_may_go = false;  // in this epoch; see hold_rows()
};

SeatRuntime::Impl::Impl(const plan::PlanSpec& plan_in, exchange::Mesh& mesh_in,
                        SourceFactory& sources, Interrupts& interrupts, const SeatOptions& options)
    : plan(plan_in),
      mesh(mesh_in),
      context{mesh_in,
              sources,
              options.counters,
              options.operator_memory_bytes,
              {},
              SharedKeySets(plan_in, options.key_sets),
              options.empty_sides_abandon},
      exchanges(plan_in.stream_count, nullptr),
      control(mesh_in, registry),
      scheduler(mesh_in, control, interrupts) {
  SLUICE_FAULT_POINT(kPlanDecoded);
  SLUICE_CHECK(options.counters.size() >= plan.node_count, "fewer counters than plan nodes");
  for (const PlanNode* node : plan::collect_dsm_exchanges(plan.root)) {
    const StreamId stream = node->as<plan::ExchangeSpec>()->stream;
    SLUICE_CHECK(stream.index() < exchanges.size(), "stream beyond the plan's count");
    exchanges[stream.index()] = node;
    registry.add(stream, *this);
  }
}

/// The seats that compute are all members, or all but the leader where it only consumes.
void SeatRuntime::Impl::learn_members() {
  if (!context.producers.empty()) {
    return;
  }
  SeatSet computing = mesh.members();
  SLUICE_CHECK(!computing.empty(), "the membership is not sealed");
  scheduler.watch(computing);
  if (!plan.leader_computes && computing.size() > 1) {
    computing.erase(base::kLeaderSeat);
  }
  context.producers = computing;
  if (computing.contains(mesh.self())) {
    link_streams();
  }
}

void SeatRuntime::Impl::link_streams() {
  for (const PlanNode* node : exchanges) {
    if (node == nullptr) {
      continue;
    }
    exchange::StreamLinks links;
    links.consumers = consumers(*node->as<plan::ExchangeSpec>());
    links.input_producers = context.producers;
    for (const PlanNode* input : build_fragment(node->inputs.at(0)).exchanges) {
      links.inputs.push_back(input->as<plan::ExchangeSpec>()->stream);
    }
    registry.link(node->as<plan::ExchangeSpec>()->stream, std::move(links));
  }
}

SeatSet SeatRuntime::Impl::consumers(const plan::ExchangeSpec& spec) const {
  return spec.kind == plan::ExchangeKind::kGather ? SeatSet::of(base::kLeaderSeat)
                                                  : context.producers;
}

void SeatRuntime::Impl::start(StreamId stream, Epoch epoch) {
  const PlanNode& node = *exchanges.at(stream.index());
  auto budget = std::make_unique<base::MemoryBudget>(kPassingMemoryBytesMax);
  auto sink = std::make_unique<ExchangeSink>(
      node, plan.partition_count, mesh, consumers(*node.as<plan::ExchangeSpec>()), epoch, *budget);
  scheduler.spawn(std::make_unique<FragmentTask>(node.inputs.at(0), context, epoch,
                                                 std::move(budget), std::move(sink)));
}

void SeatRuntime::Impl::begin_root() {
  learn_members();
  hand = RootHand();
  root_begun = true;
  scheduler.spawn(std::make_unique<FragmentTask>(plan.root, context, mesh.epoch(), nullptr,
                                                 std::make_unique<RootOutput>(hand)));
}

/// Rows that have gone out cannot be taken back, and a run that is given up begins again. So none
/// goes out before every seat is past what may give the run up: each fragment's hash tables and the
/// like. None of these waits for the leader to read on: a build side never hangs on the probe side
/// above it (docs/protocol.md, "Settled").
void SeatRuntime::Impl::hold_rows() {
  scheduler.run([this] {
    for (const PlanNode* node : exchanges) {
      if (node == nullptr) {
        continue;
      }
      const auto& spec = *node->as<plan::ExchangeSpec>();
      bool settled = true;
      context.producers.for_each([&](base::SeatIndex producer) {
        settled = settled && mesh.settled(spec.stream, producer, consumers(spec));
      });
      if (!settled) {
        return false;
      }
    }
    return true;
  });
  rows_may_go = true;
}

SeatRuntime::SeatRuntime(const plan::PlanSpec& plan, exchange::Mesh& mesh, SourceFactory& sources,
                         Interrupts& interrupts, const SeatOptions& options)
    : impl_(std::make_unique<Impl>(plan, mesh, sources, interrupts, options)) {}

SeatRuntime::~SeatRuntime() = default;

const vector::Batch* SeatRuntime::pull() {
  Impl& impl = *impl_;
  if (!impl.root_begun) {
    impl.begin_root();
  }
  impl.scheduler.run([&impl] { return impl.hand.has_batch() || impl.hand.ended(); });
  if (!impl.hand.has_batch()) {
    return nullptr;
  }
  if (!impl.rows_may_go) {
    impl.hold_rows();
  }
  return impl.hand.take();
}

void SeatRuntime::serve() {
  Impl& impl = *impl_;
  impl.learn_members();
  try {
    impl.scheduler.run([&impl] { return impl.mesh.query_closed(); });
  } catch (const base::Error& error) {
    // A stream that broke off because its producer was closed with the query is no failure.
    if (error.kind() != base::ErrorKind::kPeer || !impl.mesh.query_closed()) {
      throw;
    }
  }
}

void SeatRuntime::restart() {
  Impl& impl = *impl_;
  if (!impl.root_begun) {
    return;
  }
  impl.hand.withdraw();
  impl.scheduler.run([&impl] { return impl.scheduler.idle() && impl.mesh.quiescent(); });
  if (impl.mesh.epoch() == exchange::kEpochLast) {
    throw base::Error(base::ErrorKind::kQuery, "54000", "sluice: a query was rescanned too often");
  }
  SLUICE_FAULT_POINT(kEpochAdvance);
  impl.context.key_sets.clear();
  impl.mesh.advance_epoch();
  impl.root_begun = false;
  impl.rows_may_go = false;
}

void SeatRuntime::close() {
  if (impl_->mesh.self() == base::kLeaderSeat) {
    // Before the tasks: whoever sees one of their streams break off sees this, too.
    impl_->mesh.close_query();
  }
  impl_->scheduler.close();
}

}  // namespace sluice::engine
