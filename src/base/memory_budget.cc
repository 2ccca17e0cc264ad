#include "base/memory_budget.h"

#include <algorithm>
#include <cassert>

#include "base/error.h"

namespace sluice::base {

void MemoryBudget::reserve(std::size_t bytes) {
  if (!try_reserve(bytes)) {
    throw_abandon("out of work_mem");
  }
}

bool MemoryBudget::try_reserve(std::size_t bytes) noexcept {
  if (bytes > limit_bytes_ - used_bytes_) {
    return false;
  }
  used_bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, used_bytes_);
  return true;
}

void MemoryBudget::release(std::size_t bytes) noexcept {
  assert(bytes <= used_bytes_);
  used_bytes_ -= bytes;
}

}  // namespace sluice::base
