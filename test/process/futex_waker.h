// A binary latch a seat made of one futex word: what PostgreSQL's latch is in the server.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exchange/waker.h"

namespace sluice::process {

struct FutexLatches {
  std::array<std::atomic<std::uint32_t>, exchange::kSeatsMax> set{};
};

/// Owns: nothing; `latches` lie in memory that all seats share.
class FutexWaker final : public exchange::Waker {
 public:
  FutexWaker(FutexLatches& latches, exchange::SeatIndex self) : latches_(latches), self_(self) {}

  void wake(exchange::SeatIndex peer) noexcept override {
    std::atomic<std::uint32_t>& word = latches_.set[peer.index()];
    // Pairs with the loads in wait(). A latch that is set already has its waiter woken already.
    if (word.exchange(1) == 0) {
      call(word, FUTEX_WAKE, 1);
    }
  }
  void reset() override { latches_.set[self_.index()].store(0); }
  void wait() override {
    std::atomic<std::uint32_t>& word = latches_.set[self_.index()];
    while (word.load() == 0) {
      call(word, FUTEX_WAIT, 0);  // the kernel compares again: a wake in between is not lost
    }
  }

 private:
  static void call(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr, nullptr,
            0);
  }

  FutexLatches& latches_;
  exchange::SeatIndex self_;
};

}  // namespace sluice::process
