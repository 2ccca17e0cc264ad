// Random queries while seats yield, stall, fail and leave at fault points. Seats are threads.
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>

#include "storm/storm_crew.h"
#include "storm/storm_query.h"

namespace sluice::storm {
namespace {

/// SLUICE_STORM_SEEDS asks for more than the quick run has.
std::uint64_t seeds(std::uint64_t quick) {
  const char* wanted = std::getenv("SLUICE_STORM_SEEDS");
  return wanted == nullptr ? quick : std::strtoull(wanted, nullptr, 10);
}

// Passed by seats that are threads, where something may be thrown.
constexpr FaultPoint kThrowing[] = {
    FaultPoint::kWorkerAttached, FaultPoint::kPlanDecoded,    FaultPoint::kProcedureStart,
    FaultPoint::kRecordLeased,   FaultPoint::kPark,           FaultPoint::kWoken,
    FaultPoint::kTaskStep,       FaultPoint::kOperatorMemory, FaultPoint::kEpochAdvance};

class ThreadStorm : public ::testing::Test {
 protected:
  ThreadStorm() { base::set_fault_handler(&SeatFaults::pass); }
  ~ThreadStorm() override { base::set_fault_handler(nullptr); }
  ThreadStorm(const ThreadStorm&) = delete;
  ThreadStorm& operator=(const ThreadStorm&) = delete;

  /// Up to three runs of the query; those that are not read to their end are cut short.
  static void pull_runs(StormQuery& query, Tables& tables, SeatRuntime& leader,
                        exchange::Mesh& mesh) {
    for (std::uint32_t run = query.below(3);; --run) {
      if (run != 0 && query.below(2) == 0) {
        (void)leader.pull();
      } else {
        Rows rows;
        while (const vector::Batch* batch = leader.pull()) {
          engine::testing::read_batch(*batch, rows);
        }
        EXPECT_TRUE(query.right(rows)) << rows.size() << " rows";
      }
      if (run == 0) {
        return;
      }
      leader.restart();
      EXPECT_GT(mesh.epoch().value(), 1U);
      tables.rewind(mesh.first_error().set || !mesh.dead().empty());
    }
  }

  static const Fault* fired_in(const StormCrew& crew, std::uint16_t seat) {
    for (const Fault& fault : crew.fired()) {
      if (fault.seat == seat) {
        return &fault;
      }
    }
    return nullptr;
  }

  /// A seat ends well, silently as a peer, or with the fault that it met.
  static void expect_own_ending(const StormCrew& crew, std::uint16_t seat, bool little_memory) {
    const Ending& ending = crew.endings()[seat];
    const Fault* fault = fired_in(crew, seat);
    if (ending.way == Ending::Way::kWell || ending.way == Ending::Way::kNotNeeded) {
      EXPECT_EQ(fault, nullptr) << message_of(*fault) << " was swallowed";
      return;
    }
    if (ending.way == Ending::Way::kLeft) {
      EXPECT_TRUE(fault != nullptr && fault->action == FaultAction::kLeave);
    } else if (ending.kind == base::ErrorKind::kPeer) {
      EXPECT_TRUE(!crew.fired().empty() || little_memory) << "nobody failed";
    } else if (fault == nullptr) {
      EXPECT_TRUE(little_memory && ending.kind == base::ErrorKind::kAbandon) << ending.message;
    } else if (fault->action == FaultAction::kOutOfMemory) {
      EXPECT_EQ(ending.sqlstate, "53200");
    } else {
      EXPECT_TRUE(ending.message == message_of(*fault) ||
                  (little_memory && ending.kind == base::ErrorKind::kAbandon))
          << ending.message;
    }
  }

  /// What the leader would report is what a seat met itself, and no consequence of it.
  static void expect_first_error(StormCrew& crew) {
    const exchange::FirstError first = crew.mesh().first_error();
    if (!first.set) {
      for (const Ending& ending : crew.endings()) {
        const bool silent =
            ending.way != Ending::Way::kError || ending.kind == base::ErrorKind::kPeer;
        EXPECT_TRUE(silent) << ending.message << " was not recorded";
      }
      return;
    }
    EXPECT_NE(first.kind, base::ErrorKind::kPeer);
    EXPECT_EQ(crew.endings()[first.seat.index()].message, first.message);
  }

  /// Returns how many faults fired.
  static std::size_t storm(
      std::uint64_t seed, unsigned faults,
      const std::function<void(StormOptions&)>& change = [](StormOptions&) {}) {
    StormQuery query(seed);
    StormOptions options;
    options.shape = query.shape();
    options.noise.seed = seed + 1;
    options.noise.yields = query.below(3) * query.below(3) * 20;
    options.noise.resets_latch = query.below(2) == 0;
    const bool little_memory = query.below(8) == 0;
    if (little_memory) {
      options.operator_memory_bytes = std::size_t{1} << (8 + query.below(10));
    }
    for (unsigned i = 0; i < faults; ++i) {
      Fault fault;
      fault.point = kThrowing[query.below(std::size(kThrowing))];
      fault.nth = 1 + query.below(1 + query.below(40));
      fault.seat = static_cast<std::uint16_t>(query.below(options.shape.came));
      fault.action = static_cast<FaultAction>(query.below(4));
      options.faults.push_back(fault);
    }
    change(options);
    Tables tables(1 + query.below(200));
    query.fill(tables);
    StormCrew crew(query.plan(), tables, options);
    crew.run(
        [&](SeatRuntime& leader, exchange::Mesh& mesh) { pull_runs(query, tables, leader, mesh); });
    for (std::uint16_t seat = 0; seat < options.shape.came; ++seat) {
      expect_own_ending(crew, seat, little_memory);
    }
    expect_first_error(crew);
    if (crew.fired().empty() && !little_memory) {
      for (const Ending& ending : crew.endings()) {
        EXPECT_EQ(ending.way, Ending::Way::kWell) << ending.message;
      }
    }
    EXPECT_TRUE(crew.mesh().quiescent());
    EXPECT_EQ(tables.open_now(), 0) << "a scan was left open";
    if (::testing::Test::HasFailure()) {
      ADD_FAILURE() << "seed " << seed << ", " << query.describe() << crew.describe();
    }
    return crew.fired().size();
  }
};

TEST_F(ThreadStorm, NoiseAloneChangesNoResultAndPassesEveryPoint) {
  for (auto& count : passages) {
    count = 0;
  }
  std::uint64_t distributed = 0;
  for (std::uint64_t seed = 0; seed < seeds(200) && !HasFailure(); ++seed) {
    storm(seed, 0);
    distributed += StormQuery(seed).plan().distributed ? 1 : 0;
  }
  EXPECT_GT(distributed, seeds(200) / 2);
  for (std::size_t point = 0; point < kPoints; ++point) {
    if (!only_in_the_server(static_cast<FaultPoint>(point))) {
      EXPECT_NE(passages[point], 0U) << base::name_of(static_cast<FaultPoint>(point));
    }
  }
}

TEST_F(ThreadStorm, OneFaultEndsInTheRightRowsOrInThatFault) {
  std::uint64_t fired = 0;
  const std::uint64_t queries = seeds(500);
  for (std::uint64_t seed = 10'000; seed < 10'000 + queries && !HasFailure(); ++seed) {
    fired += storm(seed, 1) == 0 ? 0 : 1;
  }
  EXPECT_GT(fired, queries / 4) << "too few faults to mean anything";
}

TEST_F(ThreadStorm, SeveralFaultsEndInTheRightRowsOrInOneOfThem) {
  std::uint64_t twice = 0;
  const std::uint64_t queries = seeds(500);
  for (std::uint64_t seed = 20'000; seed < 20'000 + queries && !HasFailure(); ++seed) {
    twice += storm(seed, 6) > 1 ? 1 : 0;
  }
  // How many of the faults a run comes to before its first error ends it, depends on the machine.
  EXPECT_GT(twice, queries / 50) << "too few faults to mean anything";
}

TEST_F(ThreadStorm, TwoErrorsAtOnceAreOneOfThem) {
  std::uint64_t twice = 0;
  for (std::uint64_t seed = 30'000; seed < 30'200 && !HasFailure(); ++seed) {
    const auto change = [](StormOptions& options) {
      for (std::uint16_t seat = 1; seat < options.shape.came; ++seat) {
        options.faults.push_back({FaultPoint::kTaskStep, 1, seat, FaultAction::kError});
      }
    };
    twice += storm(seed, 0, change) > 1 ? 1 : 0;
  }
  EXPECT_GT(twice, 10U) << "too few errors to mean anything";
}

TEST_F(ThreadStorm, LeafFunctionsThatResetTheLatchLoseNoWakeUp) {
  for (std::uint64_t seed = 40'000; seed < 40'100 && !HasFailure(); ++seed) {
    storm(seed, 0, [](StormOptions& options) {
      options.noise.resets_latch = true;
      options.noise.yields = 40;
      options.operator_memory_bytes = std::size_t{64} << 20;
    });
  }
}

TEST_F(ThreadStorm, RingsOfOneRecordEndEveryQuery) {
  for (std::uint64_t seed = 50'000; seed < 50'100 && !HasFailure(); ++seed) {
    storm(seed, 1,
          [](StormOptions& options) { options.shape.ring_bytes = exchange::kRingBytesLeast; });
  }
}

}  // namespace
}  // namespace sluice::storm
