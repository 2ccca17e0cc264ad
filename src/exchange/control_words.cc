#include "exchange/control_words.h"

#include <algorithm>

namespace sluice::exchange {

namespace {

std::uint32_t state_in(std::uint64_t word, base::Epoch epoch, std::uint32_t last) noexcept {
  const base::Epoch spoken = word_epoch(word);
  if (spoken < epoch) {
    return 0;
  }
  if (spoken > epoch && spoken != kEpochForever) {
    return last;
  }
  return std::min(static_cast<std::uint32_t>(word), last);
}

}  // namespace

WantState want_in(std::uint64_t word, base::Epoch epoch) noexcept {
  return static_cast<WantState>(
      state_in(word, epoch, static_cast<std::uint32_t>(WantState::kClose)));
}

HaveState have_in(std::uint64_t word, base::Epoch epoch) noexcept {
  return static_cast<HaveState>(
      state_in(word, epoch, static_cast<std::uint32_t>(HaveState::kClosed)));
}

bool is_answer(std::uint64_t word, base::Epoch now) noexcept {
  const base::Epoch spoken = word_epoch(word);
  return static_cast<std::uint32_t>(word) <= static_cast<std::uint32_t>(HaveState::kClosed) &&
         (spoken <= now || spoken == kEpochForever);
}

bool raise_word(SharedWord& word, std::uint64_t value) noexcept {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  while (seen < value) {
    // Release: pairs with the acquire loads of want and have in the stream's ends, ControlService
    // and Mesh::quiescent.
    if (word.compare_exchange_weak(seen, value, std::memory_order_release,
                                   std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool answer_is_due(std::uint64_t want, std::uint64_t have, base::Epoch epoch) noexcept {
  const HaveState answer = have_in(have, epoch);
  if (answer == HaveState::kOpen) {
    return true;
  }
  if (want_in(want, epoch) == WantState::kNone || answer == HaveState::kClosed) {
    return false;
  }
  // A dead consumer's CLOSE holds in every epoch and is said only once: where the producer did not
  // run there is nothing to answer.
  return !(word_epoch(want) == kEpochForever && answer == HaveState::kNone);
}

}  // namespace sluice::exchange
