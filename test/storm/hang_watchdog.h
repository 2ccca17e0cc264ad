// Ends a test that hangs, after telling how everything stood.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace sluice::storm {

/// While it lives, a thread waits for its end. After kSeconds it prints `describe()` and aborts.
/// Runs in: its own thread, so that `describe` may read shared words only.
class HangWatchdog {
 public:
  static constexpr int kSeconds = 60;

  explicit HangWatchdog(std::function<std::string()> describe)
      : describe_(std::move(describe)), thread_([this] { watch(); }) {}
  HangWatchdog(const HangWatchdog&) = delete;
  HangWatchdog& operator=(const HangWatchdog&) = delete;
  ~HangWatchdog() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  void watch() {
    std::unique_lock<std::mutex> guard(mutex_);
    if (!changed_.wait_for(guard, std::chrono::seconds(kSeconds), [this] { return ended_; })) {
      std::fprintf(stderr, "hangs for %d s:\n%s\n", kSeconds, describe_().c_str());
      std::abort();
    }
  }

  std::function<std::string()> describe_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace sluice::storm
