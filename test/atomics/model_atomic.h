// Stands in for std::atomic in the exchange's own sources: every operation goes to the checker's
// model of the word. Seen by sources that must not see the checker, so only declarations.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::atomics {

/// Number of the word that is constructed next; its value is 0.
[[nodiscard]] std::uint32_t make_word() noexcept;
[[nodiscard]] std::uint64_t load_word(std::uint32_t word, std::memory_order order) noexcept;
void store_word(std::uint32_t word, std::uint64_t value, std::memory_order order) noexcept;
[[nodiscard]] std::uint64_t exchange_word(std::uint32_t word, std::uint64_t value,
                                          std::memory_order order) noexcept;
[[nodiscard]] std::uint64_t or_word(std::uint32_t word, std::uint64_t bits,
                                    std::memory_order order) noexcept;
[[nodiscard]] bool compare_exchange_word(std::uint32_t word, std::uint64_t& expected,
                                         std::uint64_t value, std::memory_order order) noexcept;

}  // namespace sluice::atomics

namespace sluice::exchange {

/// Shape: as large as T, and as trivially destroyed, like the std::atomic in its place.
template <typename T>
class SharedAtomic {
 public:
  static constexpr bool is_always_lock_free = true;

  SharedAtomic() noexcept : word_(atomics::make_word()) {}
  SharedAtomic(const SharedAtomic&) = delete;
  SharedAtomic& operator=(const SharedAtomic&) = delete;

  T load(std::memory_order order) const noexcept {
    return static_cast<T>(atomics::load_word(word_, order));
  }
  void store(T value, std::memory_order order) noexcept {
    atomics::store_word(word_, value, order);
  }
  T exchange(T value, std::memory_order order) noexcept {
    return static_cast<T>(atomics::exchange_word(word_, value, order));
  }
  T fetch_or(T bits, std::memory_order order) noexcept {
    return static_cast<T>(atomics::or_word(word_, bits, order));
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order order,
                             std::memory_order /*failure: relaxed*/) noexcept {
    std::uint64_t seen = expected;
    const bool changed = atomics::compare_exchange_word(word_, seen, value, order);
    expected = static_cast<T>(seen);
    return changed;
  }

 private:
  alignas(T) std::uint32_t word_;
};

}  // namespace sluice::exchange
