// Open addressing from a hash to a row number; the rows themselves lie elsewhere. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/memory_budget.h"

namespace sluice::engine {

/// The half of a 64-bit key hash that the tables use. Partitioning uses the other one: within one
/// seat its leading bits are all alike.
[[nodiscard]] constexpr std::uint32_t table_hash(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash);
}

/// Linear probing over 8-byte slots that hold (hash, row number); 0 is an empty slot.
/// Shape:     any number of slots: the home slot is the hash scaled to it, so the order of slots is
///            nearly the order of hashes and growing walks both tables forward.
/// Errors:    kAbandon when the budget is gone.
/// Invariant: at least one slot is empty.
class HashDirectory {
 public:
  explicit HashDirectory(base::MemoryBudget& budget) noexcept : budget_(&budget) {}
  HashDirectory(const HashDirectory&) = delete;
  HashDirectory& operator=(const HashDirectory&) = delete;
  ~HashDirectory();

  /// Room for exactly `rows` entries, at half load, or denser where the budget does not allow it.
  void open_for(std::size_t rows);
  /// Forgets all entries and keeps their room.
  void clear() noexcept;
  /// Makes sure that one more entry fits; entries may move.
  /// Errors: also whatever ends the query; nothing has changed then.
  void make_room();

  [[nodiscard]] std::size_t slot_count() const noexcept { return slot_count_; }
  [[nodiscard]] std::size_t entries() const noexcept { return entries_; }
  [[nodiscard]] std::size_t home(std::uint32_t hash) const noexcept {
    return static_cast<std::size_t>((std::uint64_t{hash} * slot_count_) >> 32);
  }
  [[nodiscard]] std::size_t after(std::size_t slot) const noexcept {
    return slot + 1 == slot_count_ ? 0 : slot + 1;
  }
  /// The first slot from `slot` on that is empty or has this hash.
  [[nodiscard]] std::size_t seek(std::size_t slot, std::uint32_t hash) const noexcept {
    while (slots_[slot] != 0 && static_cast<std::uint32_t>(slots_[slot] >> 32) != hash) {
      slot = after(slot);
    }
    return slot;
  }
  /// 0 for an empty slot.
  [[nodiscard]] std::uint32_t number(std::size_t slot) const noexcept {
    return static_cast<std::uint32_t>(slots_[slot]);
  }
  /// Shape: `slot` is empty, `number` is not 0.
  void put(std::size_t slot, std::uint32_t hash, std::uint32_t number) noexcept {
    slots_[slot] = (std::uint64_t{hash} << 32) | number;
    ++entries_;
  }
  /// Inlined: GCC takes a function that only prefetches for one without effects, and drops its
  /// calls.
  [[gnu::always_inline]] void prefetch(std::uint32_t hash) const noexcept {
    __builtin_prefetch(slots_ + home(hash));
  }

 private:
  [[nodiscard]] bool try_open(std::size_t slots);
  void take_slots(HashDirectory& other) noexcept;
  void free_slots() noexcept;

  base::MemoryBudget* budget_;
  std::uint64_t* slots_ = nullptr;
  std::size_t slot_count_ = 0;
  std::size_t entries_ = 0;
};

}  // namespace sluice::engine
