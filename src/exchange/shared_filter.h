// A set of keys that the seats of a query fill together, in shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bloom_word.h"
#include "base/ids.h"
#include "exchange/ring_layout.h"

namespace sluice::exchange {

/// The bytes in front of a shared filter's words.
struct SharedFilterHeader {
  SharedWord published;  // (epoch << 32) | how many seats have added all their keys in that epoch
  std::byte unused[kLineBytes - sizeof(SharedWord)];
};
static_assert(sizeof(SharedFilterHeader) == kLineBytes);
static_assert(offsetof(SharedFilterHeader, published) == 0);

/// A Bloom filter over hashes. Nobody waits for it: while it is not complete it says nothing.
/// Phases: in every epoch each seat add()s its keys and then publish()es once, or does not publish
///         at all; may_hold() is asked once complete() has been true in that epoch.
/// Owns:   nothing; a view.
/// Source: docs/decisions/0015-runtime-filters-across-exchanges.md
class SharedFilter {
 public:
  /// Units: bytes. Shape: 0 < words < 2^32.
  [[nodiscard]] static std::size_t bytes_for(std::size_t words) noexcept;
  /// Makes an empty filter of `memory`. Runs in: the leader, before any seat looks.
  /// Shape: bytes_for(words) bytes, aligned for SharedWord; to kLineBytes where it is to be fast.
  static void format(std::span<std::byte> memory) noexcept;

  /// Shape: `memory` has been formatted, with the same size.
  explicit SharedFilter(std::span<std::byte> memory) noexcept;

  [[nodiscard]] std::size_t words() const noexcept { return words_.size(); }
  void add(std::uint64_t hash) noexcept {
    SharedWord& word = words_[base::bloom_word(hash, words_.size())];
    const std::uint64_t bits = base::bloom_bits(hash);
    // Relaxed, both: publish() releases what was added.
    if ((word.load(std::memory_order_relaxed) & bits) != bits) {
      word.fetch_or(bits, std::memory_order_relaxed);
    }
  }
  void publish(base::Epoch epoch) noexcept;

  /// Whether `seats` seats have published in this epoch; final in it.
  [[nodiscard]] bool complete(base::Epoch epoch, std::size_t seats) const noexcept;
  [[nodiscard]] bool may_hold(std::uint64_t hash) const noexcept {
    const std::uint64_t bits = base::bloom_bits(hash);
    // Relaxed: complete() has acquired what was added.
    return (words_[base::bloom_word(hash, words_.size())].load(std::memory_order_relaxed) & bits) ==
           bits;
  }

  /// Forgets the keys of older epochs, which would only make it coarser. Runs in: the leader, while
  /// no seat uses it.
  void clear() noexcept;

 private:
  SharedFilterHeader* header_;
  std::span<SharedWord> words_;
};

}  // namespace sluice::exchange
