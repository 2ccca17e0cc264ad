#include "base/arena.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <new>

#include "base/fault_point.h"

namespace sluice::base {

namespace {
constexpr std::align_val_t kChunkAlignment{64};
}

Arena::~Arena() { release(); }

std::byte* Arena::allocate(std::size_t bytes, std::size_t alignment) {
  assert(alignment != 0 && alignment <= 64 && (alignment & (alignment - 1)) == 0);
  const auto padding = [&] {
    return (0 - reinterpret_cast<std::uintptr_t>(next_)) & (std::uintptr_t{alignment} - 1);
  };
  const auto room = static_cast<std::size_t>(end_ - next_);
  if (next_ == nullptr || padding() > room || bytes > room - padding()) {
    add_chunk(bytes);
  }
  std::byte* result = next_ + padding();
  next_ = result + bytes;
  return result;
}

void Arena::add_chunk(std::size_t bytes_min) {
  SLUICE_FAULT_POINT(kOperatorMemory);
  std::size_t bytes = chunks_.empty() ? kChunkBytesMin : chunks_.back().bytes * 2;
  bytes = std::max(std::min(bytes, kChunkBytesMax), bytes_min);
  chunks_.reserve(chunks_.size() + 1);
  budget_->reserve(bytes);
  auto* data = static_cast<std::byte*>(::operator new(bytes, kChunkAlignment, std::nothrow));
  if (data == nullptr) {
    budget_->release(bytes);
    throw std::bad_alloc();
  }
  chunks_.push_back({data, bytes});
  chunk_bytes_ += bytes;
  next_ = data;
  end_ = data + bytes;
}

void Arena::free_chunk(const Chunk& chunk) noexcept {
  ::operator delete(chunk.data, kChunkAlignment);
  budget_->release(chunk.bytes);
  chunk_bytes_ -= chunk.bytes;
}

void Arena::release() noexcept {
  for (const Chunk& chunk : chunks_) {
    free_chunk(chunk);
  }
  chunks_.clear();
  next_ = end_ = nullptr;
}

void Arena::reset() noexcept {
  if (chunks_.empty()) {
    return;
  }
  for (std::size_t i = 1; i < chunks_.size(); ++i) {
    free_chunk(chunks_[i]);
  }
  chunks_.resize(1);
  next_ = chunks_[0].data;
  end_ = next_ + chunks_[0].bytes;
}

}  // namespace sluice::base
