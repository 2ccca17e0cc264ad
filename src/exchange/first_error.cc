#include "exchange/first_error.h"

#include <algorithm>

#include "base/cut_text.h"

namespace sluice::exchange {

bool record_first_error(FirstErrorSlot& slot, SeatIndex seat, base::ErrorKind kind,
                        std::string_view message) noexcept {
  auto state = static_cast<std::uint32_t>(ErrorSlotState::kEmpty);
  // Relaxed: pairs with the same operation of other seats; only the winner touches the rest.
  if (!slot.state.compare_exchange_strong(state,
                                          static_cast<std::uint32_t>(ErrorSlotState::kClaimed),
                                          std::memory_order_relaxed, std::memory_order_relaxed)) {
    return false;
  }
  const std::size_t bytes = base::cut_text(message, kErrorMessageBytesMax).size();
  slot.seat = seat.value();
  slot.kind = static_cast<std::uint8_t>(kind);
  slot.message_bytes = static_cast<std::uint32_t>(bytes);
  std::copy_n(message.data(), bytes, slot.message);
  // Pairs with the acquire in read_first_error.
  slot.state.store(static_cast<std::uint32_t>(ErrorSlotState::kWritten), std::memory_order_release);
  return true;
}

FirstError read_first_error(const FirstErrorSlot& slot) {
  FirstError error;
  // Pairs with the release in record_first_error.
  if (slot.state.load(std::memory_order_acquire) !=
      static_cast<std::uint32_t>(ErrorSlotState::kWritten)) {
    return error;
  }
  error.set = true;
  error.seat = SeatIndex(slot.seat);
  error.kind = slot.kind <= static_cast<std::uint8_t>(base::ErrorKind::kInternal)
                   ? base::ErrorKind{slot.kind}
                   : base::ErrorKind::kCorrupt;
  error.message.assign(slot.message,
                       std::min<std::size_t>(slot.message_bytes, kErrorMessageBytesMax));
  return error;
}

}  // namespace sluice::exchange
