// For fuzzers: a recipe read from the fuzzer's bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

namespace sluice::base {

/// What a fuzzer finds broken; a fuzzer is the only program here that may abort.
inline void fuzz_require(bool condition) noexcept {
  if (!condition) {
    std::abort();
  }
}

/// Takes numbers and bytes from the front; zeros and nothing once they are used up.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) noexcept : rest_(data, size) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  /// Shape: `bytes` is 1 to 8; least significant first.
  [[nodiscard]] std::uint64_t number(std::size_t bytes) noexcept {
    std::uint64_t value = 0;
    const std::span<const std::uint8_t> taken = take(bytes);
    if (!taken.empty()) {
      std::memcpy(&value, taken.data(), taken.size());
    }
    return value;
  }
  [[nodiscard]] std::uint8_t byte() noexcept { return static_cast<std::uint8_t>(number(1)); }
  /// At most `count` bytes.
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t count) noexcept {
    const std::span<const std::uint8_t> taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace sluice::base
