// Wake-up latency: a seat parked in one process is rung by another, beside a byte through a pipe.
#include <benchmark/benchmark.h>
#include <cstddef>
#include <stdexcept>

#include "base/yardstick.h"
#include "exchange/bench_processes.h"
#include "exchange/doorbell.h"

namespace sluice::exchange {
namespace {

constexpr SeatIndex kFirst{0};
constexpr SeatIndex kSecond{1};

struct Board {
  FutexPair latches;
  BellLine bells[2];
  std::atomic<bool> over;
};

/// Two pipes between the parent and a child that sends every byte back until the pipe ends.
class EchoingChild {
 public:
  EchoingChild() {
    if (pipe(there_) != 0 || pipe(back_) != 0) {
      throw std::runtime_error("no pipe");
    }
    pid_ = fork();
    if (pid_ == 0) {
      close(there_[1]);
      char byte = 0;
      while (read(there_[0], &byte, 1) == 1 && write(back_[1], &byte, 1) == 1) {
      }
      _exit(0);
    }
  }
  EchoingChild(const EchoingChild&) = delete;
  EchoingChild& operator=(const EchoingChild&) = delete;
  ~EchoingChild() {
    close(there_[1]);
    waitpid(pid_, nullptr, 0);
    close(there_[0]);
    close(back_[0]);
    close(back_[1]);
  }
  void round_trip() const {
    char byte = 0;
    if (write(there_[1], &byte, 1) != 1 || read(back_[0], &byte, 1) != 1) {
      throw std::runtime_error("the pipe broke");
    }
  }

 private:
  int there_[2];
  int back_[2];
  pid_t pid_ = -1;
};

double pipe_round_trip_seconds() {
  const EchoingChild child;
  return base::yardstick_seconds([&] { child.round_trip(); }, base::YardstickClock::kWall);
}

void await_bell(Doorbell& bell) {
  while (!bell.take()) {
    bell.park();
  }
}

/// There and back: two rings, each of a sleeper.
void round_trip(benchmark::State& state) {
  SharedWithChild<Board> board;
  const BenchChild child([&] {
    FutexPairWaker waker(board->latches, kSecond);
    Doorbell bell({board->bells, 2}, kSecond, waker);
    while (!board->over.load()) {  // pairs with the store below
      await_bell(bell);
      (void)bell.ring(kFirst);
    }
  });
  FutexPairWaker waker(board->latches, kFirst);
  Doorbell bell({board->bells, 2}, kFirst, waker);
  for (auto _ : state) {
    (void)bell.ring(kSecond);
    await_bell(bell);
  }
  board->over.store(true);  // pairs with the load in the child
  (void)bell.ring(kSecond);
  base::compare_with(state, pipe_round_trip_seconds(), "a byte through a pipe and back");
}

/// Ringing a seat that is awake: no system call.
void ring_awake(benchmark::State& state) {
  SharedWithChild<Board> board;
  FutexPairWaker waker(board->latches, kFirst);
  Doorbell bell({board->bells, 2}, kFirst, waker);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bell.ring(kSecond));
  }
  base::compare_with(state, base::empty_loop_seconds(1'000'000) / 1e6,
                     "one round of an empty loop");
}

BENCHMARK(round_trip)->UseRealTime();
BENCHMARK(ring_awake);

}  // namespace
}  // namespace sluice::exchange

BENCHMARK_MAIN();
