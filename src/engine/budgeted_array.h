// Arrays of an operator that grow with its input, charged to its budget. Single-threaded.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "base/memory_budget.h"

namespace sluice::engine {

/// Untyped storage behind BudgetedArray.
/// Errors:    kAbandon when the budget is gone, std::bad_alloc when the system has no memory;
///            nothing has changed then.
/// Owns:      its bytes, 16-byte aligned; growing may move them.
/// Invariant: the budget is charged exactly capacity_bytes().
class BudgetedBytes {
 public:
  explicit BudgetedBytes(base::MemoryBudget& budget) noexcept : budget_(&budget) {}
  BudgetedBytes(BudgetedBytes&& other) noexcept;
  BudgetedBytes& operator=(BudgetedBytes&& other) noexcept;
  ~BudgetedBytes();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }
  /// Grows geometrically while the budget allows it, to exactly `bytes` where it does not.
  void reserve(std::size_t bytes);
  /// Gives back what is beyond `bytes`.
  void shrink(std::size_t bytes) noexcept;

 private:
  void resize(std::size_t bytes);

  base::MemoryBudget* budget_;
  std::byte* data_ = nullptr;
  std::size_t capacity_bytes_ = 0;
};

/// A vector of plain values.
template <typename T>
class BudgetedArray {
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 16);

 public:
  explicit BudgetedArray(base::MemoryBudget& budget) noexcept : bytes_(budget) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T* data() noexcept { return reinterpret_cast<T*>(bytes_.data()); }
  [[nodiscard]] const T* data() const noexcept { return reinterpret_cast<const T*>(bytes_.data()); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  /// Forgets the elements and keeps their memory.
  void clear() noexcept { size_ = 0; }
  /// Appends copies of `value` until there are `size` elements; never shrinks.
  void grow(std::size_t size, const T& value) {
    if (size <= size_) {
      return;
    }
    bytes_.reserve(size * sizeof(T));
    for (std::size_t i = size_; i < size; ++i) {
      std::memcpy(bytes_.data() + i * sizeof(T), &value, sizeof(T));
    }
    size_ = size;
  }

 private:
  BudgetedBytes bytes_;
  std::size_t size_ = 0;
};

}  // namespace sluice::engine
