// For this room's tests: a region in private memory and a latch a seat, so that seats can be
// objects or threads of one process.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "exchange/mesh.h"

namespace sluice::exchange {

/// One binary latch a seat, shared by the seats' threads.
class LatchBoard {
 public:
  explicit LatchBoard(std::size_t seats) : latches_(seats) {}
  void set(SeatIndex seat) {
    Latch& latch = latches_[seat.index()];
    const std::lock_guard<std::mutex> guard(latch.mutex);
    latch.set = true;
    ++latch.set_count;
    latch.changed.notify_all();
  }
  void reset(SeatIndex seat) {
    Latch& latch = latches_[seat.index()];
    const std::lock_guard<std::mutex> guard(latch.mutex);
    latch.set = false;
  }
  void wait(SeatIndex seat) {
    Latch& latch = latches_[seat.index()];
    std::unique_lock<std::mutex> guard(latch.mutex);
    latch.changed.wait(guard, [&] { return latch.set; });
  }
  [[nodiscard]] unsigned set_count(SeatIndex seat) {
    Latch& latch = latches_[seat.index()];
    const std::lock_guard<std::mutex> guard(latch.mutex);
    return latch.set_count;
  }

 private:
  struct Latch {
    std::mutex mutex;
    std::condition_variable changed;
    bool set = false;
    unsigned set_count = 0;
  };
  std::vector<Latch> latches_;
};

class LatchWaker final : public Waker {
 public:
  LatchWaker(LatchBoard& board, SeatIndex self) : board_(board), self_(self) {}
  void wake(SeatIndex peer) noexcept override { board_.set(peer); }
  void reset() override { board_.reset(self_); }
  void wait() override { board_.wait(self_); }

 private:
  LatchBoard& board_;
  SeatIndex self_;
};

/// Seats 0 to `count` - 1.
[[nodiscard]] constexpr SeatSet first_seats(std::uint16_t count) noexcept {
  SeatSet seats;
  for (std::uint16_t seat = 0; seat < count; ++seat) {
    seats.insert(SeatIndex(seat));
  }
  return seats;
}

/// A formatted region and a Mesh for each of its seats, sealed with all of them unless asked
/// otherwise.
class TestMesh {
 public:
  explicit TestMesh(const MeshConfig& config, bool sealed = true)
      : board_(config.seats), memory_(mesh_bytes(config), std::byte{0xA5}) {
    Mesh::format(memory_, config);
    for (std::uint16_t i = 0; i < config.seats; ++i) {
      wakers_.push_back(std::make_unique<LatchWaker>(board_, SeatIndex(i)));
      meshes_.push_back(std::make_unique<Mesh>(memory_, SeatIndex(i), *wakers_.back()));
    }
    if (sealed) {
      meshes_[0]->seal(first_seats(config.seats));
    }
  }
  [[nodiscard]] Mesh& operator[](std::size_t seat) { return *meshes_[seat]; }
  [[nodiscard]] LatchBoard& board() { return board_; }
  [[nodiscard]] std::vector<std::byte>& memory() { return memory_; }
  [[nodiscard]] Waker& waker(std::size_t seat) { return *wakers_[seat]; }

 private:
  LatchBoard board_;
  std::vector<std::byte> memory_;
  std::vector<std::unique_ptr<Waker>> wakers_;
  std::vector<std::unique_ptr<Mesh>> meshes_;
};

inline MeshConfig mesh_config(std::uint16_t seats, std::vector<StreamAudience> streams,
                              std::uint32_t ring_bytes = kRingBytesMin) {
  MeshConfig config;
  config.seats = seats;
  config.streams = std::move(streams);
  config.ring_bytes = ring_bytes;
  return config;
}

inline std::vector<std::byte> bytes_of(const std::string& text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace sluice::exchange
