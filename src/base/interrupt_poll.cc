#include "base/interrupt_poll.h"

namespace sluice::base {
namespace {

InterruptPoll interrupt_poll = nullptr;

}  // namespace

void set_interrupt_poll(InterruptPoll poll) noexcept { interrupt_poll = poll; }

void poll_interrupts() {
  if (interrupt_poll != nullptr) {
    interrupt_poll();
  }
}

}  // namespace sluice::base
