#include "engine/hash_directory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/interrupt_poll.h"
#include "base/large_memory.h"

namespace sluice::engine {

namespace {

constexpr std::size_t kSlotsMin = 16;
constexpr std::size_t kSlotsBetweenPolls = std::size_t{1} << 16;

}  // namespace

HashDirectory::~HashDirectory() { free_slots(); }

void HashDirectory::free_slots() noexcept {
  const std::size_t bytes = slot_count_ * sizeof(std::uint64_t);
  if (slots_ != nullptr) {
    base::free_array(reinterpret_cast<std::byte*>(slots_), bytes);
    budget_->release(bytes);
  }
}

/// Shape: there are no slots yet.
bool HashDirectory::try_open(std::size_t slots) {
  const std::size_t bytes = slots * sizeof(std::uint64_t);
  if (!budget_->try_reserve(bytes)) {
    return false;
  }
  std::byte* const memory = base::allocate_zeroed_array(bytes);
  if (memory == nullptr) {
    budget_->release(bytes);
    throw std::bad_alloc();
  }
  slots_ = reinterpret_cast<std::uint64_t*>(memory);
  slot_count_ = slots;
  return true;
}

void HashDirectory::open_for(std::size_t rows) {
  const std::array<std::size_t, 3> choices = {rows * 2, rows + rows / 2, rows + rows / 4};
  for (const std::size_t choice : choices) {
    HashDirectory opened(*budget_);
    if (opened.try_open(std::max(choice + 1, kSlotsMin))) {
      take_slots(opened);
      entries_ = 0;
      return;
    }
  }
  base::throw_abandon("out of work_mem");
}

void HashDirectory::clear() noexcept {
  if (slots_ != nullptr) {
    std::memset(slots_, 0, slot_count_ * sizeof(std::uint64_t));
  }
  entries_ = 0;
}

void HashDirectory::make_room() {
  if (2 * (entries_ + 1) <= slot_count_) {
    return;
  }
  const std::size_t slots = std::max(2 * slot_count_, kSlotsMin);
  HashDirectory grown(*budget_);  // owns the new slots until they are full: a poll may throw
  if (!grown.try_open(slots)) {
    // Long probes are still cheaper than giving up.
    if (8 * (entries_ + 1) <= 7 * slot_count_) {
      return;
    }
    base::throw_abandon("out of work_mem");
  }
  for (std::size_t old = 0; old < slot_count_; ++old) {
    if (old % kSlotsBetweenPolls == kSlotsBetweenPolls - 1) {
      base::poll_interrupts();
    }
    if (slots_[old] == 0) {
      continue;
    }
    std::size_t slot = static_cast<std::size_t>(((slots_[old] >> 32) * slots) >> 32);
    while (grown.slots_[slot] != 0) {
      slot = slot + 1 == slots ? 0 : slot + 1;
    }
    grown.slots_[slot] = slots_[old];
  }
  take_slots(grown);
}

/// Leaves its own to the other one.
void HashDirectory::take_slots(HashDirectory& other) noexcept {
  std::swap(slots_, other.slots_);
  std::swap(slot_count_, other.slot_count_);
}

}  // namespace sluice::engine
