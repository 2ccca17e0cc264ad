#include "exchange/mesh_dump.h"

#include <cstdint>

#include "exchange/mesh_state.h"

namespace sluice::exchange {

namespace {

// Relaxed, all of them: nothing is concluded from one word about another.
constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr const char* kWantNames[] = {"NONE", "START", "CLOSE"};
constexpr const char* kHaveNames[] = {"NONE", "OPEN", "EOS", "ERROR", "CLOSED"};

template <std::size_t kCount>
std::string word_text(std::uint64_t word, const char* const (&names)[kCount]) {
  const auto state = static_cast<std::uint32_t>(word);
  const Epoch epoch = word_epoch(word);
  return (epoch == kEpochForever ? "forever" : std::to_string(epoch.value())) + " " +
         (state < kCount ? names[state] : "damaged");
}

std::string seats_text(SeatSet seats) {
  std::string text = "{";
  seats.for_each([&text](SeatIndex seat) {
    text += (text.size() == 1 ? "" : " ") + std::to_string(seat.value());
  });
  return text + "}";
}

std::string query_text(Mesh& mesh) {
  std::string text = "epoch " + std::to_string(mesh.epoch().value()) +
                     (mesh.sealed() ? ", members " : ", joined ") + seats_text(mesh.joined()) +
                     (mesh.sealed() ? " sealed" : " not sealed") + ", dead " +
                     seats_text(mesh.dead()) + (mesh.query_closed() ? ", closed" : ", open") + "\n";
  const FirstError error = mesh.first_error();
  if (error.set) {
    text += "first error: seat " + std::to_string(error.seat.value()) + ": " + error.message + "\n";
  }
  return text;
}

std::string stream_text(const PhysicalStream& stream) {
  const StreamCounters counters = read_counters(stream);
  return "want " + word_text(stream.consumer_control.want.load(kRelaxed), kWantNames) + ", have " +
         word_text(stream.producer_control.have.load(kRelaxed), kHaveNames) + ", read " +
         std::to_string(stream.consumer.read_position.load(kRelaxed)) + ", written " +
         std::to_string(stream.producer.write_position.load(kRelaxed)) + ", wake at " +
         std::to_string(stream.producer_control.wake_at.load(kRelaxed)) + ", records " +
         std::to_string(counters.records) + ", rows " + std::to_string(counters.rows) +
         ", stalls " + std::to_string(counters.stalls) + ", starts " +
         std::to_string(counters.starts);
}

bool was_spoken_of(const PhysicalStream& stream) noexcept {
  return stream.consumer_control.want.load(kRelaxed) != 0 ||
         stream.producer_control.have.load(kRelaxed) != 0;
}

}  // namespace

std::string dump_mesh(Mesh& mesh) {
  MeshState& state = mesh.state();
  std::string text = query_text(mesh);
  state.all_seats().for_each([&](SeatIndex seat) {
    const BellLine& line = state.doorbell().line_of(seat);
    const bool parked = line.state.load(kRelaxed) == static_cast<std::uint32_t>(SeatState::kParked);
    text += "seat " + std::to_string(seat.value()) + (parked ? " parked" : " running") +
            ", rung by " + seats_text(SeatSet(line.bells.load(kRelaxed))) + "\n";
  });
  for (std::size_t i = 0; i < state.stream_count(); ++i) {
    const StreamId stream(static_cast<std::uint16_t>(i));
    state.all_seats().for_each([&](SeatIndex producer) {
      state.consumers(stream).for_each([&](SeatIndex consumer) {
        const PhysicalStream& physical = state.physical(stream, producer, consumer);
        if (was_spoken_of(physical)) {
          text += "stream " + std::to_string(i) + ", " + std::to_string(producer.value()) + " to " +
                  std::to_string(consumer.value()) + ": " + stream_text(physical) + "\n";
        }
      });
    });
  }
  return text;
}

}  // namespace sluice::exchange
