#include "storm/failing_allocator.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "storm/seat_faults.h"

namespace sluice::storm {

namespace {

std::atomic<std::int64_t> left{0};  // until the failure; 0 or less: it is behind us
std::atomic<bool> for_good{false};
std::atomic<bool> wanted{false};
std::atomic<bool> failed{false};
std::atomic<std::int64_t> live{0};

bool refuses() noexcept {
  if (!SeatAtWork::here() || !wanted.load()) {
    return false;
  }
  const std::int64_t before = left.fetch_sub(1);
  const bool refused = before == 1 || (before < 1 && for_good.load());
  if (refused) {
    failed.store(true);
  }
  return refused;
}

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (refuses()) {
    return nullptr;
  }
  const std::size_t whole = (bytes + alignment) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, whole);
  live.fetch_add(memory == nullptr ? 0 : 1);
  return memory;
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* memory = allocate(bytes, alignment);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

void release(void* memory) noexcept {
  live.fetch_sub(memory == nullptr ? 0 : 1);
  std::free(memory);
}

constexpr std::size_t kUsual = alignof(std::max_align_t);

}  // namespace

void fail_allocation(std::int64_t nth, Shortage shortage) noexcept {
  left = nth;
  for_good = shortage == Shortage::kForGood;
  failed = false;
  wanted = true;
}
bool allocation_failed() noexcept { return failed; }
std::int64_t live_allocations() noexcept { return live; }

}  // namespace sluice::storm

using sluice::storm::allocate;
using sluice::storm::allocate_or_throw;
using sluice::storm::kUsual;
using sluice::storm::release;

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, kUsual); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, kUsual); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, kUsual);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, kUsual);
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }

// What grows in place (engine/budgeted_array.cc); the linker sends its realloc here.
extern "C" void* __real_realloc(void* memory, std::size_t bytes);
extern "C" void* __wrap_realloc(void* memory, std::size_t bytes) {
  return sluice::storm::refuses() ? nullptr : __real_realloc(memory, bytes);
}
