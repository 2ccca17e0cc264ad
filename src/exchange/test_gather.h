// For tests: a gather stream between two seats of one process, with a procedure whose runs can be
// seen.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

#include "exchange/control_service.h"
#include "exchange/mesh_state.h"
#include "exchange/stream_input.h"
#include "exchange/stream_output.h"
#include "exchange/test_mesh.h"

namespace sluice::exchange {

inline constexpr StreamId kStream{0};
inline constexpr SeatIndex kWorker{1};
inline constexpr SeatSet kLeaderOnly = SeatSet::of(kLeaderSeat);
inline constexpr SeatSet kWorkerOnly = SeatSet::of(kWorker);

// A procedure with an observable side effect: it counts its starts and keeps the output open.
class CountingProcedure final : public StreamProcedure {
 public:
  CountingProcedure(Mesh& mesh, SeatSet consumers) : mesh_(mesh), consumers_(consumers) {}
  void start(StreamId stream, Epoch epoch) override {
    ++starts;
    output.emplace(mesh_, stream, consumers_, epoch);
  }
  unsigned starts = 0;
  std::optional<StreamOutput> output;

 private:
  Mesh& mesh_;
  SeatSet consumers_;
};

// Leader and one worker, one gather stream that the worker produces.
class GatherTest : public ::testing::Test {
 protected:
  GatherTest()
      : mesh(mesh_config(2, {StreamAudience::kLeader})),
        procedure(mesh[1], kLeaderOnly),
        service(mesh[1], registry) {
    registry.add(kStream, procedure);
  }
  std::unique_ptr<StreamInput> input(Epoch epoch) {
    return std::make_unique<StreamInput>(mesh[0], kStream, kWorkerOnly, epoch, budget);
  }
  PhysicalStream& physical() { return mesh[0].state().physical(kStream, kWorker, kLeaderSeat); }
  HaveState have() { return have_in(physical().producer_control.have, mesh[0].epoch()); }
  // The next record as text, or what there was instead.
  std::string next(StreamInput& from) {
    RecordView record;
    switch (from.next(record)) {
      case InputState::kEmpty:
        return "<empty>";
      case InputState::kEnd:
        return "<end>";
      case InputState::kRecord:
        break;
    }
    std::string text = text_of(record.payload);
    from.release();
    return text;
  }
  PushResult push(const std::string& text) {
    return procedure.output->push(kLeaderSeat, bytes_of(text), 1);
  }

  TestMesh mesh;
  base::MemoryBudget budget{std::size_t{1} << 20};
  StreamRegistry registry;
  CountingProcedure procedure;
  ControlService service;
};

// The kind of error that `call` throws; fails when it throws none.
template <typename Call>
base::ErrorKind thrown_kind(Call call) {
  try {
    (void)call();
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::ErrorKind::kInternal;
}

}  // namespace sluice::exchange
