#include "exchange/doorbell.h"

#include <cassert>

#include "base/fault_point.h"

namespace sluice::exchange {

namespace {

constexpr auto kRunning = static_cast<std::uint32_t>(SeatState::kRunning);
constexpr auto kParked = static_cast<std::uint32_t>(SeatState::kParked);

/// Between two looks at a word that another processor writes.
void pause_processor() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // yield is no pause on most of them
#endif
}

// Leaves PARKED on every way out of park(), an exception of the waker included.
class Parked {
 public:
  explicit Parked(SharedAtomic<std::uint32_t>& state) noexcept : state_(state) {
    // Pairs with the state load in ring(); ordered before the bells load in park().
    state_.store(kParked, std::memory_order_seq_cst);
  }
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;
  // Relaxed: a ringer that still sees PARKED only sets the latch once more than needed.
  ~Parked() { state_.store(kRunning, std::memory_order_relaxed); }

 private:
  SharedAtomic<std::uint32_t>& state_;
};

}  // namespace

bool Doorbell::ring(SeatIndex peer) noexcept {
  assert(peer.index() < lines_.size());
  BellLine& line = lines_[peer.index()];
  // Pairs with the exchange in take() and the load in park().
  line.bells.fetch_or(SeatSet::of(self_).bits(), std::memory_order_seq_cst);
  // Pairs with the store in Parked.
  if (line.state.load(std::memory_order_seq_cst) != kParked) {
    return false;
  }
  waker_->wake(peer);
  return true;
}

bool Doorbell::take() noexcept {
  SharedWord& bells = own().bells;
  // Relaxed: a bell missed here is found by the next take() or by park().
  if (bells.load(std::memory_order_relaxed) == 0) {
    return false;
  }
  // Pairs with the fetch_or in ring(): what was published before the ring is visible after this.
  return bells.exchange(0, std::memory_order_seq_cst) != 0;
}

bool Doorbell::look() noexcept {
  constexpr int kLooks = 400;
  for (int i = 0; i < kLooks; ++i) {
    // Relaxed: take() comes after it.
    if (own().bells.load(std::memory_order_relaxed) != 0) {
      return true;
    }
    pause_processor();
  }
  return false;
}

void Doorbell::park() {
  SLUICE_FAULT_POINT(kPark);
  waker_->reset();
  const Parked parked(own().state);
  // Pairs with the fetch_or in ring().
  if (own().bells.load(std::memory_order_seq_cst) == 0) {
    SLUICE_FAULT_POINT_NOEXCEPT(kParked);
    waker_->wait();
    SLUICE_FAULT_POINT(kWoken);
  }
}

}  // namespace sluice::exchange
