// Replaces operator new and delete of this library and, as sluice.map exports them in such a build,
// of the C++ library that it loads.
#include "pg/port/allocation_count.h"

#ifdef SLUICE_FAULT_POINTS

#include <cstdlib>
#include <new>

namespace {

std::int64_t live = 0;  // a backend has one thread

#ifndef __SANITIZE_ADDRESS__
void* counted(void* memory) {
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  ++live;
  return memory;
}

void release(void* memory) noexcept {
  live -= memory != nullptr ? 1 : 0;
  std::free(memory);
}
#endif

}  // namespace

namespace sluice::pg {

std::int64_t live_allocations() noexcept { return live; }

}  // namespace sluice::pg

#ifndef __SANITIZE_ADDRESS__
#define SLUICE_REPLACED __attribute__((visibility("default")))

SLUICE_REPLACED void* operator new(std::size_t bytes) {
  return counted(std::malloc(bytes == 0 ? 1 : bytes));
}
SLUICE_REPLACED void* operator new[](std::size_t bytes) { return ::operator new(bytes); }
SLUICE_REPLACED void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  return counted(std::aligned_alloc(align, (bytes + align - 1) / align * align));
}
SLUICE_REPLACED void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return ::operator new(bytes, alignment);
}
SLUICE_REPLACED void operator delete(void* memory) noexcept { release(memory); }
SLUICE_REPLACED void operator delete[](void* memory) noexcept { release(memory); }
SLUICE_REPLACED void operator delete(void* memory, std::size_t) noexcept { release(memory); }
SLUICE_REPLACED void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
SLUICE_REPLACED void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
SLUICE_REPLACED void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
SLUICE_REPLACED void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
SLUICE_REPLACED void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
#endif

#endif
