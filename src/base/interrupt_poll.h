// A look for the query's end from inside a long computation, where no scheduler comes by.
#pragma once

namespace sluice::base {

/// Errors: whatever ends the query.
using InterruptPoll = void (*)();

/// Sets the process's poll; null: none. Set once, before queries run.
void set_interrupt_poll(InterruptPoll poll) noexcept;
/// To be called about every millisecond by whatever may compute for longer than that; cheap.
void poll_interrupts();

}  // namespace sluice::base
