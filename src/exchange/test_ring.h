// For tests: a ring of any size in private memory.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>

#include "exchange/ring.h"

namespace sluice::exchange {

class TestRing {
 public:
  explicit TestRing(std::size_t bytes)
      : bytes_(bytes),
        data_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kRecordAlignment}))) {
    std::memset(data_, 0xA5, bytes);
  }
  TestRing(const TestRing&) = delete;
  TestRing& operator=(const TestRing&) = delete;
  ~TestRing() { ::operator delete (data_, std::align_val_t{kRecordAlignment}); }

  [[nodiscard]] RingMemory memory() noexcept { return {&shared_, {data_, bytes_}}; }
  [[nodiscard]] PhysicalStream& shared() noexcept { return shared_; }
  [[nodiscard]] std::byte* data() noexcept { return data_; }

 private:
  PhysicalStream shared_{};
  std::size_t bytes_;
  std::byte* data_;
};

}  // namespace sluice::exchange
