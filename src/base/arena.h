// Bump allocation for trivially destructible data that dies together. Single-threaded.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "base/memory_budget.h"

namespace sluice::base {

/// Allocates from chunks that are charged to a budget; addresses are stable until reset().
/// Errors: kAbandon when the budget is gone, std::bad_alloc when the system has no memory.
/// Owns:   its chunks; everything allocated dies with reset() or the arena.
class Arena {
 public:
  static constexpr std::size_t kChunkBytesMin = std::size_t{16} * 1024;
  static constexpr std::size_t kChunkBytesMax = std::size_t{1024} * 1024;

  explicit Arena(MemoryBudget& budget) noexcept : budget_(&budget) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /// Units: bytes; `alignment` is a power of two up to 64.
  [[nodiscard]] std::byte* allocate(std::size_t bytes, std::size_t alignment = 8);

  template <typename T>
  [[nodiscard]] std::span<T> allocate_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return {reinterpret_cast<T*>(allocate(count * sizeof(T), alignof(T))), count};
  }

  /// Forgets everything; keeps the first chunk for reuse.
  void reset() noexcept;
  /// Forgets everything and gives every chunk back.
  void release() noexcept;
  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }

 private:
  struct Chunk {
    std::byte* data;
    std::size_t bytes;
  };
  void add_chunk(std::size_t bytes_min);
  void free_chunk(const Chunk& chunk) noexcept;

  MemoryBudget* budget_;
  std::vector<Chunk> chunks_;
  std::byte* next_ = nullptr;
  std::byte* end_ = nullptr;
  std::size_t chunk_bytes_ = 0;
};

}  // namespace sluice::base
