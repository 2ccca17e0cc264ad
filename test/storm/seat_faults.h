// What a seat meets at fault points: scheduling noise everywhere, and faults at chosen passages.
// Seats are threads of one process; each thread has its own SeatFaults.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <sched.h>
#include <string>
#include <time.h>
#include <vector>

#include "base/error.h"
#include "base/fault_point.h"
#include "exchange/waker.h"

namespace sluice::storm {

using base::FaultPoint;

inline constexpr std::size_t kPoints = static_cast<std::size_t>(FaultPoint::kCount);

/// Whether seats pass `point` only in the server: src/pg has it.
[[nodiscard]] constexpr bool only_in_the_server(FaultPoint point) noexcept {
  switch (point) {
    case FaultPoint::kLaunchBegin:
    case FaultPoint::kLaunchFormatted:
    case FaultPoint::kLaunched:
    case FaultPoint::kWorkerStart:
    case FaultPoint::kWorkerAttached:
    case FaultPoint::kScanPage:
    case FaultPoint::kRowReturned:
    case FaultPoint::kWorkerLeave:
    case FaultPoint::kDetoast:
    case FaultPoint::kParametersBound:
    case FaultPoint::kAbandoned:
    case FaultPoint::kErrorAwaited:
    case FaultPoint::kDismissed:
      return true;
    default:
      return false;
  }
}

enum class FaultAction : std::uint8_t { kError, kOutOfMemory, kAbandon, kLeave };

/// Happens at the nth passage of `point` by `seat`, and at no other.
struct Fault {
  FaultPoint point = FaultPoint::kCount;
  std::uint64_t nth = 1;
  std::uint16_t seat = 0;
  FaultAction action = FaultAction::kError;
};

/// A seat whose process ends here: whoever runs the seat marks it dead and says nothing more. No
/// std::exception, as nothing on the way may take it for an error.
struct SeatLeaves {};

inline constexpr const char* kFaultState = "SL001";

[[nodiscard]] inline std::string message_of(const Fault& fault) {
  return std::string("fault at ") + base::name_of(fault.point) + " in seat " +
         std::to_string(fault.seat);
}

/// The faults of a query that have happened, in order.
class FaultLog {
 public:
  void add(const Fault& fault) {
    const std::lock_guard<std::mutex> guard(mutex_);
    fired_.push_back(fault);
  }
  /// Runs in: the test, when all seats have ended.
  [[nodiscard]] const std::vector<Fault>& fired() const { return fired_; }

 private:
  std::mutex mutex_;
  std::vector<Fault> fired_;
};

/// While it lives, the calling thread works as a seat; what a test does around that is not the
/// seat's.
class SeatAtWork {
 public:
  SeatAtWork() noexcept { at_work = true; }
  SeatAtWork(const SeatAtWork&) = delete;
  SeatAtWork& operator=(const SeatAtWork&) = delete;
  ~SeatAtWork() { at_work = false; }
  [[nodiscard]] static bool here() noexcept { return at_work; }

 private:
  inline static thread_local bool at_work = false;
};

/// How often points were passed in this process, by anybody.
inline std::array<std::atomic<std::uint64_t>, kPoints> passages{};

class SeatFaults {
 public:
  struct Noise {
    std::uint64_t seed = 1;
    unsigned yields = 0;  // in 256 passages
    bool resets_latch = false;
  };

  SeatFaults(std::uint16_t seat, const std::vector<Fault>& faults, const Noise& noise,
             FaultLog& log)
      : seat_(seat),
        faults_(faults),
        noise_(noise),
        random_(noise.seed * 64 + seat + 1),
        log_(log) {}

  /// Makes the calling thread this seat. `waker` is the seat's own.
  void enter(exchange::Waker& waker) noexcept {
    waker_ = &waker;
    current = this;
  }
  static void leave() noexcept { current = nullptr; }

  /// For the watchdog: where the seat was seen last.
  [[nodiscard]] std::string last_seen() const {
    const std::size_t point = last_.load();
    return point == kPoints ? "nowhere" : base::name_of(static_cast<FaultPoint>(point));
  }

  /// The process's fault handler.
  static void pass(FaultPoint point, bool may_throw) {
    passages[static_cast<std::size_t>(point)].fetch_add(1, std::memory_order_relaxed);
    if (current != nullptr) {
      current->meet(point, may_throw);
    }
  }

 private:
  void meet(FaultPoint point, bool may_throw) {
    last_.store(static_cast<std::size_t>(point));
    make_noise(point);
    const std::uint64_t nth = ++passed_[static_cast<std::size_t>(point)];
    for (const Fault& fault : faults_) {
      if (fault.seat == seat_ && fault.point == point && fault.nth == nth && may_throw) {
        log_.add(fault);
        happen(fault);
      }
    }
  }

  void make_noise(FaultPoint point) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    // Nothing of a leaf's runs between the look at the bells and the sleep.
    if (noise_.resets_latch && point != FaultPoint::kParked && random_ % 8 == 0) {
      waker_->reset();
    }
    if ((random_ >> 8) % 256 >= noise_.yields) {
      return;
    }
    if ((random_ >> 16) % 32 != 0) {
      sched_yield();
      return;
    }
    const timespec nap{0, static_cast<long>((random_ >> 24) % 100000)};
    nanosleep(&nap, nullptr);
  }

  [[noreturn]] static void happen(const Fault& fault) {
    switch (fault.action) {
      case FaultAction::kError:
        throw base::Error(base::ErrorKind::kQuery, kFaultState, message_of(fault));
      case FaultAction::kOutOfMemory:
        throw std::bad_alloc();
      case FaultAction::kAbandon:
        base::throw_abandon(message_of(fault));
      case FaultAction::kLeave:
        break;
    }
    throw SeatLeaves();
  }

  inline static thread_local SeatFaults* current = nullptr;

  const std::uint16_t seat_;
  const std::vector<Fault>& faults_;
  const Noise noise_;
  std::uint64_t random_;
  FaultLog& log_;
  exchange::Waker* waker_ = nullptr;
  std::array<std::uint64_t, kPoints> passed_{};
  std::atomic<std::size_t> last_{kPoints};
};

}  // namespace sluice::storm
