#include "base/large_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace sluice::base {

namespace {

constexpr bool is_mapped(std::size_t bytes) noexcept { return bytes >= kMappedBytesMin; }

/// Zeroed pages from an address that huge pages fit; null when there are none.
std::byte* map(std::size_t bytes) noexcept {
  const std::size_t length = granted_bytes(bytes);
  if (length < bytes || length > SIZE_MAX - kHugePageBytes) {
    return nullptr;
  }
  void* const memory = ::mmap(nullptr, length + kHugePageBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return nullptr;
  }
  auto* const begin = static_cast<std::byte*>(memory);
  const std::size_t skip = (0 - reinterpret_cast<std::uintptr_t>(begin)) & (kHugePageBytes - 1);
  if (skip != 0) {
    (void)::munmap(begin, skip);
  }
  (void)::munmap(begin + skip + length, kHugePageBytes - skip);
  (void)::madvise(begin + skip, length, MADV_HUGEPAGE);  // only a hint
  return begin + skip;
}

/// From mapping to mapping: the pages move, not the bytes.
std::byte* remap(std::byte* data, std::size_t old_bytes, std::size_t bytes) noexcept {
  const std::size_t old_length = granted_bytes(old_bytes);
  const std::size_t length = granted_bytes(bytes);
  if (length <= old_length) {
    if (length < old_length) {
      (void)::munmap(data + length, old_length - length);
    }
    return data;
  }
  std::byte* const target = map(bytes);
  if (target == nullptr) {
    return nullptr;
  }
  // In one step, so that it stays one mapping. Huge pages move whole, as both ends are aligned.
  if (::mremap(data, old_length, length, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) {
    (void)::munmap(target, length);
    return nullptr;
  }
  return target;
}

}  // namespace

std::byte* allocate_array(std::size_t bytes) noexcept {
  return is_mapped(bytes) ? map(bytes) : static_cast<std::byte*>(std::malloc(bytes));
}

std::byte* allocate_zeroed_array(std::size_t bytes) noexcept {
  return is_mapped(bytes) ? map(bytes) : static_cast<std::byte*>(std::calloc(bytes, 1));
}

std::byte* resize_array(std::byte* data, std::size_t old_bytes, std::size_t bytes) noexcept {
  if (data == nullptr) {
    return allocate_array(bytes);
  }
  if (!is_mapped(old_bytes) && !is_mapped(bytes)) {
    return static_cast<std::byte*>(std::realloc(data, bytes));
  }
  if (is_mapped(old_bytes) && is_mapped(bytes)) {
    return remap(data, old_bytes, bytes);
  }
  std::byte* const moved = allocate_array(bytes);
  if (moved != nullptr) {
    std::memcpy(moved, data, std::min(old_bytes, bytes));
    free_array(data, old_bytes);
  }
  return moved;
}

void free_array(std::byte* data, std::size_t bytes) noexcept {
  if (data != nullptr && is_mapped(bytes)) {
    (void)::munmap(data, granted_bytes(bytes));
  } else {
    std::free(data);
  }
}

}  // namespace sluice::base
