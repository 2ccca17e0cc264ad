#include "exchange/message_buffer.h"

#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"

namespace sluice::exchange {

namespace {
constexpr std::align_val_t kMessageAlignment{64};
}

MessageBuffer::MessageBuffer(MessageBuffer&& other) noexcept
    : budget_(other.budget_),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      filled_(std::exchange(other.filled_, 0)),
      rows_(std::exchange(other.rows_, 0)) {}

void MessageBuffer::open(std::uint32_t bytes) {
  SLUICE_CHECK_BYTES(bytes != 0 && bytes <= kMessageBytesMax, "a message's length is impossible");
  budget_->reserve(bytes);
  data_ = static_cast<std::byte*>(::operator new(bytes, kMessageAlignment, std::nothrow));
  if (data_ == nullptr) {
    budget_->release(bytes);
    throw std::bad_alloc();
  }
  bytes_ = bytes;
}

void MessageBuffer::append(const RingRecord& chunk) {
  const RecordTag& tag = chunk.tag;
  if (empty()) {
    open(tag.message_bytes);
  }
  if (tag.message_bytes != bytes_ || tag.message_offset != filled_ || chunk.payload.empty() ||
      chunk.payload.size() > bytes_ - filled_) {
    reset();
    base::throw_corrupt("a message's chunks do not fit together");
  }
  std::memcpy(data_ + filled_, chunk.payload.data(), chunk.payload.size());
  filled_ += static_cast<std::uint32_t>(chunk.payload.size());
  rows_ = tag.rows;
}

void MessageBuffer::reset() noexcept {
  if (data_ == nullptr) {
    return;
  }
  ::operator delete(data_, kMessageAlignment);
  budget_->release(bytes_);
  data_ = nullptr;
  bytes_ = filled_ = rows_ = 0;
}

}  // namespace sluice::exchange
