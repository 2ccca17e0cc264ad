// A whole query in one process, for tests: the leader in the test's thread, each worker in a thread
// of its own with its own Mesh and SeatRuntime over one region.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/seat_runtime.h"
#include "engine/shared_key_sets.h"
#include "engine/table_source.h"
#include "exchange/mesh.h"
#include "exchange/test_mesh.h"
#include "plan/plan_spec.h"

namespace sluice::engine::testing {

class NoInterrupts final : public Interrupts {
 public:
  void check() override {}
};

struct CrewShape {
  std::uint16_t planned = 1;  // seats
  std::uint16_t came = 1;     // of them, the leader included
  std::uint32_t ring_bytes = exchange::kRingBytesMin;
};

class SeatCrew {
 public:
  SeatCrew(plan::PlanSpec plan, Tables& tables, const CrewShape& shape)
      : plan_(std::move(plan)),
        tables_(tables),
        board_(shape.planned),
        memory_(exchange::mesh_bytes(config_for(plan_, shape))),
        counters_(shape.planned, std::vector<NodeCounters>(plan_.node_count)),
        key_sets_(SharedKeySets::bytes_for(plan_)) {
    exchange::Mesh::format(memory_, config_for(plan_, shape));
    SharedKeySets::format(plan_, key_sets_);
    tables_.share(plan_.root);
    waker_ = std::make_unique<exchange::LatchWaker>(board_, base::kLeaderSeat);
    mesh_ = std::make_unique<exchange::Mesh>(memory_, base::kLeaderSeat, *waker_);
    sources_ = std::make_unique<TableSources>(tables_, base::kLeaderSeat);
    SeatOptions options;
    options.counters = counters_[0];
    options.key_sets = key_sets_;
    leader_ = std::make_unique<SeatRuntime>(plan_, *mesh_, *sources_, interrupts_, options);
    for (std::uint16_t seat = 1; seat < shape.came; ++seat) {
      workers_.emplace_back([this, seat] { work(base::SeatIndex(seat)); });
    }
    mesh_->seal(exchange::first_seats(shape.came));
  }
  SeatCrew(const SeatCrew&) = delete;
  SeatCrew& operator=(const SeatCrew&) = delete;
  ~SeatCrew() { finish(); }

  [[nodiscard]] static exchange::MeshConfig config_for(const plan::PlanSpec& plan,
                                                       const CrewShape& shape) {
    exchange::MeshConfig config;
    config.seats = shape.planned;
    config.ring_bytes = shape.ring_bytes;
    config.streams.resize(plan.stream_count, exchange::StreamAudience::kSeats);
    for (const plan::PlanNode* node : plan::collect_dsm_exchanges(plan.root)) {
      const auto& spec = *node->as<plan::ExchangeSpec>();
      if (spec.kind == plan::ExchangeKind::kGather) {
        config.streams[spec.stream.index()] = exchange::StreamAudience::kLeader;
      }
    }
    return config;
  }

  [[nodiscard]] SeatRuntime& leader() { return *leader_; }
  [[nodiscard]] exchange::Mesh& mesh() { return *mesh_; }
  [[nodiscard]] const plan::PlanSpec& plan() const { return plan_; }

  /// What is left of the result.
  [[nodiscard]] Rows drain() {
    Rows rows;
    while (const vector::Batch* batch = leader_->pull()) {
      EXPECT_NE(batch->count(), 0U);
      read_batch(*batch, rows);
    }
    return rows;
  }

  /// The end of the query; counters and errors are final then. Idempotent.
  void finish() {
    leader_->close();
    mesh_->close_query();
    for (std::thread& worker : workers_) {
      worker.join();
    }
    workers_.clear();
    EXPECT_EQ(tables_.open_now(), 0) << "a scan was left open";
  }

  /// After finish(). Messages of the workers' own failures, and how many only saw one.
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  [[nodiscard]] unsigned peer_errors() const { return peer_errors_; }
  /// Over all seats.
  [[nodiscard]] NodeCounters counters(base::NodeId node) const {
    NodeCounters sum;
    for (const auto& seat : counters_) {
      sum.rows += seat[node.index()].rows;
      sum.batches += seat[node.index()].batches;
      sum.starts += seat[node.index()].starts;
      sum.rows_removed_at_run_time += seat[node.index()].rows_removed_at_run_time;
    }
    return sum;
  }
  [[nodiscard]] exchange::StreamCounters stream(std::uint16_t stream) const {
    exchange::StreamCounters sum;
    const auto seats = mesh_->seats();
    for (std::uint16_t from = 0; from < seats; ++from) {
      for (std::uint16_t to = 0; to < seats; ++to) {
        const auto counters =
            mesh_->counters(base::StreamId(stream), base::SeatIndex(from), base::SeatIndex(to));
        sum.records += counters.records;
        sum.rows += counters.rows;
        sum.starts += counters.starts;
      }
    }
    return sum;
  }

 private:
  void work(base::SeatIndex seat) {
    exchange::LatchWaker waker(board_, seat);
    exchange::Mesh mesh(memory_, seat, waker);
    TableSources sources(tables_, seat);
    SeatOptions options;
    options.counters = counters_[seat.index()];
    options.key_sets = key_sets_;
    NoInterrupts interrupts;
    SeatRuntime runtime(plan_, mesh, sources, interrupts, options);
    EXPECT_TRUE(mesh.join());
    while (!mesh.sealed()) {
      if (!mesh.take_bells()) {
        mesh.park();
      }
    }
    try {
      runtime.serve();
    } catch (const base::Error& error) {
      mesh.fail(error.kind(), error.message());
      const std::lock_guard<std::mutex> guard(mutex_);
      if (error.kind() == base::ErrorKind::kPeer) {
        ++peer_errors_;
      } else {
        errors_.push_back(error.message());
      }
    }
    runtime.close();
    mesh.mark_dead(seat);
  }

  plan::PlanSpec plan_;
  Tables& tables_;
  exchange::LatchBoard board_;
  std::vector<std::byte> memory_;
  std::vector<std::vector<NodeCounters>> counters_;  // by seat
  std::vector<std::byte> key_sets_;
  NoInterrupts interrupts_;
  std::unique_ptr<exchange::LatchWaker> waker_;
  std::unique_ptr<exchange::Mesh> mesh_;
  std::unique_ptr<TableSources> sources_;
  std::unique_ptr<SeatRuntime> leader_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;  // guards what the workers leave below
  std::vector<std::string> errors_;
  unsigned peer_errors_ = 0;
};

}  // namespace sluice::engine::testing
