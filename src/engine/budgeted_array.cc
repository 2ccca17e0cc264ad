#include "engine/budgeted_array.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/fault_point.h"
#include "base/large_memory.h"

namespace sluice::engine {

namespace {
constexpr std::size_t kBytesMin = 256;
// Beyond this pages move instead of bytes, so smaller steps cost little.
constexpr std::size_t kDoubleUntilBytes = base::kMappedBytesMin;
}  // namespace

BudgetedBytes::BudgetedBytes(BudgetedBytes&& other) noexcept
    : budget_(other.budget_),
      data_(std::exchange(other.data_, nullptr)),
      capacity_bytes_(std::exchange(other.capacity_bytes_, 0)) {}

BudgetedBytes& BudgetedBytes::operator=(BudgetedBytes&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(data_, other.data_);
  std::swap(capacity_bytes_, other.capacity_bytes_);
  return *this;
}

BudgetedBytes::~BudgetedBytes() {
  base::free_array(data_, capacity_bytes_);
  budget_->release(capacity_bytes_);
}

void BudgetedBytes::reserve(std::size_t bytes) {
  if (bytes <= capacity_bytes_) {
    return;
  }
  SLUICE_FAULT_POINT(kOperatorMemory);
  const std::size_t step =
      capacity_bytes_ < kDoubleUntilBytes ? capacity_bytes_ : capacity_bytes_ / 2;
  const std::size_t roomy =
      base::granted_bytes(std::max({bytes, capacity_bytes_ + step, kBytesMin}));
  if (budget_->try_reserve(roomy - capacity_bytes_)) {
    resize(roomy);
  } else {
    budget_->reserve(bytes - capacity_bytes_);
    resize(bytes);
  }
}

void BudgetedBytes::resize(std::size_t bytes) {
  std::byte* const moved = base::resize_array(data_, capacity_bytes_, bytes);
  if (moved == nullptr) {
    budget_->release(bytes - capacity_bytes_);
    throw std::bad_alloc();
  }
  data_ = moved;
  capacity_bytes_ = bytes;
}

void BudgetedBytes::shrink(std::size_t bytes) noexcept {
  if (bytes >= capacity_bytes_ || bytes == 0) {
    return;
  }
  std::byte* const moved = base::resize_array(data_, capacity_bytes_, bytes);
  if (moved == nullptr) {
    return;
  }
  data_ = moved;
  budget_->release(capacity_bytes_ - bytes);
  capacity_bytes_ = bytes;
}

}  // namespace sluice::engine
