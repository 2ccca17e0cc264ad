// A query whose seats are threads that meet faults: the leader in the caller's thread, each worker
// in its own. Unlike engine/seat_crew.h every seat may fail anywhere, as in the server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/seat_crew.h"
#include "engine/shared_key_sets.h"
#include "exchange/mesh_dump.h"
#include "storm/hang_watchdog.h"
#include "storm/seat_faults.h"

namespace sluice::storm {

using base::SeatIndex;
using engine::SeatRuntime;
using engine::testing::CrewShape;
using engine::testing::Tables;

/// How a seat's part in the query ended.
struct Ending {
  enum class Way : std::uint8_t { kWell, kError, kLeft, kNotNeeded };
  Way way = Way::kWell;
  base::ErrorKind kind = base::ErrorKind::kInternal;
  std::string sqlstate;
  std::string message;
};

struct StormOptions {
  CrewShape shape;
  std::vector<Fault> faults;
  SeatFaults::Noise noise;
  std::size_t operator_memory_bytes = std::size_t{64} << 20;
};

class StormCrew {
 public:
  StormCrew(const plan::PlanSpec& plan, Tables& tables, StormOptions options)
      : plan_(plan),
        tables_(tables),
        options_(std::move(options)),
        board_(options_.shape.planned),
        memory_(exchange::mesh_bytes(config())),
        counters_(options_.shape.planned, std::vector<engine::NodeCounters>(plan.node_count)),
        key_sets_(engine::SharedKeySets::bytes_for(plan)),
        endings_(options_.shape.came) {
    exchange::Mesh::format(memory_, config());
    engine::SharedKeySets::format(plan, key_sets_);
    tables_.share(plan_.root);
    waker_ = std::make_unique<exchange::LatchWaker>(board_, base::kLeaderSeat);
    mesh_ = std::make_unique<exchange::Mesh>(memory_, base::kLeaderSeat, *waker_);
    for (std::uint16_t seat = 0; seat < options_.shape.came; ++seat) {
      faults_.push_back(std::make_unique<SeatFaults>(seat, options_.faults, options_.noise, log_));
    }
  }

  /// Runs the whole query; `pull` is what the leader does with its runtime. On return every seat
  /// has ended and is marked dead.
  void run(const std::function<void(SeatRuntime&, exchange::Mesh&)>& pull) {
    const HangWatchdog watchdog([this] { return describe(); });
    std::vector<std::thread> workers;
    for (std::uint16_t seat = 1; seat < options_.shape.came; ++seat) {
      workers.emplace_back([this, seat] { work(SeatIndex(seat)); });
    }
    faults_[0]->enter(*waker_);
    std::unique_ptr<SeatRuntime> runtime;
    endings_[0] = ending_of(*mesh_, [&] {
      mesh_->seal(exchange::first_seats(options_.shape.came));
      runtime = make_runtime(*mesh_, sources_of(base::kLeaderSeat));
      pull(*runtime, *mesh_);
    });
    if (runtime != nullptr && endings_[0].way != Ending::Way::kLeft) {
      const Ending closing = ending_of(*mesh_, [&] { runtime->close(); });
      endings_[0] = endings_[0].way == Ending::Way::kWell ? closing : endings_[0];
    }
    mesh_->close_query();
    SeatFaults::leave();
    for (std::thread& worker : workers) {
      worker.join();
    }
    runtime.reset();
    mesh_->mark_dead(base::kLeaderSeat);
  }

  [[nodiscard]] exchange::Mesh& mesh() { return *mesh_; }
  [[nodiscard]] const std::vector<Ending>& endings() const { return endings_; }
  [[nodiscard]] const std::vector<Fault>& fired() const { return log_.fired(); }
  [[nodiscard]] std::string describe() {
    std::string text = exchange::dump_mesh(*mesh_);
    for (std::size_t seat = 0; seat < faults_.size(); ++seat) {
      text += "seat " + std::to_string(seat) + " last at " + faults_[seat]->last_seen() + "\n";
    }
    for (const Fault& fault : options_.faults) {
      text += message_of(fault) + " at passage " + std::to_string(fault.nth) + ", action " +
              std::to_string(static_cast<int>(fault.action)) + "\n";
    }
    return text;
  }

 private:
  [[nodiscard]] exchange::MeshConfig config() const {
    return engine::testing::SeatCrew::config_for(plan_, options_.shape);
  }

  std::unique_ptr<SeatRuntime> make_runtime(exchange::Mesh& mesh, engine::SourceFactory& sources) {
    engine::SeatOptions options;
    options.counters = counters_[mesh.self().index()];
    options.key_sets = key_sets_;
    options.operator_memory_bytes = options_.operator_memory_bytes;
    return std::make_unique<SeatRuntime>(plan_, mesh, sources, interrupts_, options);
  }
  engine::SourceFactory& sources_of(SeatIndex seat) {
    const std::lock_guard<std::mutex> guard(mutex_);
    sources_.push_back(std::make_unique<engine::testing::TableSources>(tables_, seat));
    return *sources_.back();
  }

  /// Runs `body` and, where it fails, tells the others as a seat of the server does.
  template <typename Body>
  static Ending ending_of(exchange::Mesh& mesh, Body body) {
    try {
      const SeatAtWork working;  // ends before the failure is told
      body();
      return {};
    } catch (const base::Error& error) {
      mesh.fail(error.kind(), error.message());
      return {Ending::Way::kError, error.kind(), std::string(error.sqlstate()), error.message()};
    } catch (const std::bad_alloc&) {
      mesh.fail(base::ErrorKind::kQuery, "out of memory");
      return {Ending::Way::kError, base::ErrorKind::kQuery, "53200", "out of memory"};
    } catch (const SeatLeaves&) {
      mesh.mark_dead(mesh.self());
      return {Ending::Way::kLeft, {}, {}, {}};
    }
  }

  void work(SeatIndex seat) {
    exchange::LatchWaker waker(board_, seat);
    exchange::Mesh mesh(memory_, seat, waker);
    faults_[seat.index()]->enter(waker);
    std::unique_ptr<SeatRuntime> runtime;
    Ending& ending = endings_[seat.index()];
    bool needed = true;
    ending = ending_of(mesh, [&] {
      SLUICE_FAULT_POINT(kWorkerAttached);
      needed = mesh.join();
      while (needed && !mesh.sealed() && !mesh.query_closed()) {
        if (!mesh.take_bells()) {
          mesh.park();
        }
      }
      if (needed && !mesh.query_closed()) {
        runtime = make_runtime(mesh, sources_of(seat));
        runtime->serve();
      }
    });
    if (!needed) {
      ending.way = Ending::Way::kNotNeeded;
    }
    if (runtime != nullptr && ending.way != Ending::Way::kLeft) {
      const Ending closing = ending_of(mesh, [&] { runtime->close(); });
      ending = ending.way == Ending::Way::kWell ? closing : ending;
    }
    SeatFaults::leave();
    mesh.mark_dead(seat);
  }

  const plan::PlanSpec& plan_;
  Tables& tables_;
  StormOptions options_;
  exchange::LatchBoard board_;
  std::vector<std::byte> memory_;
  std::vector<std::vector<engine::NodeCounters>> counters_;  // by seat
  std::vector<std::byte> key_sets_;
  engine::testing::NoInterrupts interrupts_;
  FaultLog log_;
  std::vector<std::unique_ptr<SeatFaults>> faults_;  // by seat
  std::vector<Ending> endings_;                      // by seat
  std::unique_ptr<exchange::LatchWaker> waker_;
  std::unique_ptr<exchange::Mesh> mesh_;
  std::mutex mutex_;  // guards sources_
  std::vector<std::unique_ptr<engine::testing::TableSources>> sources_;
};

}  // namespace sluice::storm
