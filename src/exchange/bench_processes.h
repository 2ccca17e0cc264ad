// For benchmarks of the exchange: memory and latches that a parent shares with one forked child.
#pragma once

#include <atomic>
#include <cstdint>
#include <linux/futex.h>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange/waker.h"

namespace sluice::exchange {

/// A T in memory that children forked while it lives share. T's bytes begin as zero.
template <typename T>
class SharedWithChild {
 public:
  SharedWithChild() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      throw std::bad_alloc();
    }
    value_ = new (memory) T();
  }
  SharedWithChild(const SharedWithChild&) = delete;
  SharedWithChild& operator=(const SharedWithChild&) = delete;
  ~SharedWithChild() { munmap(value_, sizeof(T)); }
  [[nodiscard]] T* operator->() const noexcept { return value_; }

 private:
  T* value_;
};

/// Binary latches of two seats, one futex word each.
struct FutexPair {
  std::atomic<std::uint32_t> set[2];
};

class FutexPairWaker final : public Waker {
 public:
  FutexPairWaker(FutexPair& latches, SeatIndex self) noexcept : latches_(latches), self_(self) {}
  void wake(SeatIndex peer) noexcept override {
    // Pairs with the loads in wait(). A latch that is set already has its waiter woken already.
    if (latches_.set[peer.index()].exchange(1) == 0) {
      call(latches_.set[peer.index()], FUTEX_WAKE, 1);
    }
  }
  // Pairs with the exchange in wake().
  void reset() override { latches_.set[self_.index()].store(0); }
  void wait() override {
    std::atomic<std::uint32_t>& word = latches_.set[self_.index()];
    while (word.load() == 0) {  // pairs with the exchange in wake()
      call(word, FUTEX_WAIT, 0);
    }
  }

 private:
  static void call(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) noexcept {
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr, nullptr,
            0);
  }
  FutexPair& latches_;
  SeatIndex self_;
};

/// Runs `body` in a child; the destructor waits for its end.
class BenchChild {
 public:
  template <typename Body>
  explicit BenchChild(Body body) : pid_(fork()) {
    if (pid_ < 0) {
      throw std::runtime_error("fork failed");
    }
    if (pid_ == 0) {
      body();
      _exit(0);
    }
  }
  BenchChild(const BenchChild&) = delete;
  BenchChild& operator=(const BenchChild&) = delete;
  ~BenchChild() { waitpid(pid_, nullptr, 0); }

 private:
  pid_t pid_;
};

}  // namespace sluice::exchange
