// What the first failing seat leaves for the leader. Later failures are consequences and stay
// silent.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "exchange/ring_layout.h"
#include "exchange/seat_set.h"

namespace sluice::exchange {

/// What the first failing seat left for the leader.
struct FirstError {
  bool set = false;
  SeatIndex seat;
  base::ErrorKind kind = base::ErrorKind::kInternal;
  std::string message;  // cut to what fits
};

enum class ErrorSlotState : std::uint32_t { kEmpty = 0, kClaimed = 1, kWritten = 2 };

/// Records a failure unless another one was first; returns whether it was the first. The message is
/// cut to kErrorMessageBytesMax, not within a UTF-8 character.
[[nodiscard]] bool record_first_error(FirstErrorSlot& slot, SeatIndex seat, base::ErrorKind kind,
                                      std::string_view message) noexcept;

/// Shape: `set` is false while the slot is empty or being written.
[[nodiscard]] FirstError read_first_error(const FirstErrorSlot& slot);

}  // namespace sluice::exchange
