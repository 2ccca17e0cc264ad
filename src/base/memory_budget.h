// What the operators of one seat may hold, and who is charged for it. Single-threaded.
#pragma once

#include <cstddef>

namespace sluice::base {

/// A byte count with a limit, shared by the arenas of an operator.
/// Errors: reserve() throws Error kAbandon when the limit would be passed.
/// Invariant: 0 <= used_bytes() <= limit_bytes().
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes) noexcept : limit_bytes_(limit_bytes) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// Errors: kAbandon, and nothing is charged.
  void reserve(std::size_t bytes);
  [[nodiscard]] bool try_reserve(std::size_t bytes) noexcept;
  void release(std::size_t bytes) noexcept;

  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_bytes_; }
  [[nodiscard]] std::size_t peak_bytes() const noexcept { return peak_bytes_; }
  [[nodiscard]] std::size_t limit_bytes() const noexcept { return limit_bytes_; }

 private:
  std::size_t limit_bytes_;
  std::size_t used_bytes_ = 0;
  std::size_t peak_bytes_ = 0;
};

}  // namespace sluice::base
