#include "engine/budgeted_array.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <utility>

#include "base/fault_point.h"

namespace sluice::engine {

namespace {
constexpr std::size_t kBytesMin = 256;
// Beyond this the allocator remaps pages instead of copying, so smaller steps cost little.
constexpr std::size_t kDoubleUntilBytes = std::size_t{1} << 20;
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// Random access to a large array misses the TLB with every small page. Only a hint.
void prefer_huge_pages(std::byte* data, std::size_t bytes) noexcept {
  void* begin = data;
  std::size_t space = bytes;
  if (bytes >= 4 * kHugePageBytes &&
      std::align(kHugePageBytes, kHugePageBytes, begin, space) != nullptr) {
    (void)::madvise(begin, space / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
  }
}

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
  std::free(data_);
  budget_->release(capacity_bytes_);
}

void BudgetedBytes::reserve(std::size_t bytes) {
  if (bytes <= capacity_bytes_) {
    return;
  }
  SLUICE_FAULT_POINT(kOperatorMemory);
  const std::size_t step =
      capacity_bytes_ < kDoubleUntilBytes ? capacity_bytes_ : capacity_bytes_ / 2;
  const std::size_t roomy = std::max({bytes, capacity_bytes_ + step, kBytesMin});
  if (budget_->try_reserve(roomy - capacity_bytes_)) {
    resize(roomy);
  } else {
    budget_->reserve(bytes - capacity_bytes_);
    resize(bytes);
  }
}

void BudgetedBytes::resize(std::size_t bytes) {
  void* moved = std::realloc(data_, bytes);
  if (moved == nullptr) {
    budget_->release(bytes - capacity_bytes_);
    throw std::bad_alloc();
  }
  data_ = static_cast<std::byte*>(moved);
  capacity_bytes_ = bytes;
  prefer_huge_pages(data_, bytes);
}

void BudgetedBytes::shrink(std::size_t bytes) noexcept {
  if (bytes >= capacity_bytes_ || bytes == 0) {
    return;
  }
  void* moved = std::realloc(data_, bytes);
  if (moved == nullptr) {
    return;
  }
  data_ = static_cast<std::byte*>(moved);
  budget_->release(capacity_bytes_ - bytes);
  capacity_bytes_ = bytes;
}

}  // namespace sluice::engine
