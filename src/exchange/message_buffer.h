// Puts the chunks of one large message together in the consumer's own memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/memory_budget.h"
#include "exchange/ring.h"

namespace sluice::exchange {

/// Holds one message, whole or in the making.
/// Owns:   its bytes, charged to the budget from the first chunk to reset().
class MessageBuffer {
 public:
  explicit MessageBuffer(base::MemoryBudget& budget) noexcept : budget_(&budget) {}
  MessageBuffer(MessageBuffer&& other) noexcept;
  MessageBuffer(const MessageBuffer&) = delete;
  MessageBuffer& operator=(const MessageBuffer&) = delete;
  ~MessageBuffer() { reset(); }

  /// Copies a chunk in.
  /// Errors: kCorrupt when it is not the message's next chunk; kAbandon when the budget is gone;
  ///         std::bad_alloc. The message is given up then.
  void append(const RingRecord& chunk);
  [[nodiscard]] bool empty() const noexcept { return data_ == nullptr; }
  [[nodiscard]] bool complete() const noexcept { return data_ != nullptr && filled_ == bytes_; }
  /// Shape: 64-byte aligned. Pre: complete().
  [[nodiscard]] std::span<const std::byte> message() const noexcept { return {data_, bytes_}; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  void reset() noexcept;

 private:
  void open(std::uint32_t bytes);

  base::MemoryBudget* budget_;
  std::byte* data_ = nullptr;
  std::uint32_t bytes_ = 0;
  std::uint32_t filled_ = 0;
  std::uint32_t rows_ = 0;
};

}  // namespace sluice::exchange
