// The two words of a physical stream: `want` is StartStream and CancelStream, `have` the answer.
// Both only grow, so a message may be repeated, be late or be overtaken without harm.
//
//   want (consumer)   NONE < START < CLOSE
//   have (producer)   NONE < OPEN < EOS < ERROR < CLOSED
//
// A word is epoch << 32 | state: growth is plain numeric maximum. kEpochForever marks what holds in
// every epoch: a seat that failed or is gone.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "exchange/ring_layout.h"

namespace sluice::exchange {

enum class WantState : std::uint32_t { kNone = 0, kStart = 1, kClose = 2 };
enum class HaveState : std::uint32_t { kNone = 0, kOpen = 1, kEos = 2, kError = 3, kClosed = 4 };

inline constexpr base::Epoch kEpochForever{0xFFFFFFFF};

[[nodiscard]] constexpr std::uint64_t want_word(base::Epoch epoch, WantState state) noexcept {
  return std::uint64_t{epoch.value()} << 32 | static_cast<std::uint32_t>(state);
}
[[nodiscard]] constexpr std::uint64_t have_word(base::Epoch epoch, HaveState state) noexcept {
  return std::uint64_t{epoch.value()} << 32 | static_cast<std::uint32_t>(state);
}
[[nodiscard]] constexpr base::Epoch word_epoch(std::uint64_t word) noexcept {
  return base::Epoch(static_cast<std::uint32_t>(word >> 32));
}

/// What a word says to somebody in `epoch`: an older word says nothing yet, a newer one that
/// `epoch` is over. States that no seat writes read as the last state.
[[nodiscard]] WantState want_in(std::uint64_t word, base::Epoch epoch) noexcept;
[[nodiscard]] HaveState have_in(std::uint64_t word, base::Epoch epoch) noexcept;

/// Whether `word` is one that a producer may have written before the end of epoch `now`.
[[nodiscard]] bool is_answer(std::uint64_t word, base::Epoch now) noexcept;

/// Raises `word` to at least `value`; returns whether it grew. Release: what was written before is
/// visible to whoever reads the new value with acquire.
/// Runs in: the word's writer, or whoever marks a dead writer; hence the compare-and-swap.
bool raise_word(SharedWord& word, std::uint64_t value) noexcept;

/// Whether a physical stream still owes an answer in `epoch` (see docs/protocol.md, "Quiescence").
[[nodiscard]] bool answer_is_due(std::uint64_t want, std::uint64_t have,
                                 base::Epoch epoch) noexcept;

}  // namespace sluice::exchange
