// Memory that fork() shares between parent and children.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <sys/mman.h>

namespace sluice::process {

/// Zeroed pages, shared by this process and the children forked while it lives.
class SharedRegion {
 public:
  explicit SharedRegion(std::size_t bytes) : bytes_(bytes) {
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) {
      throw std::bad_alloc();
    }
  }
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;
  ~SharedRegion() { munmap(data_, bytes_); }

  [[nodiscard]] std::span<std::byte> bytes() const noexcept {
    return {static_cast<std::byte*>(data_), bytes_};
  }

 private:
  void* data_;
  std::size_t bytes_;
};

/// One T in shared memory.
template <typename T>
class Shared {
 public:
  Shared() : region_(sizeof(T)), value_(new (region_.bytes().data()) T()) {}
  [[nodiscard]] T& operator*() const noexcept { return *value_; }
  [[nodiscard]] T* operator->() const noexcept { return value_; }

 private:
  SharedRegion region_;
  T* value_;
};

}  // namespace sluice::process
