// The wall, outward: what can ereport() is called through here.
#pragma once

#include <type_traits>

#include "pg/border/pg_error.h"

namespace sluice::pg {

namespace border_detail {
/// Runs fn(argument) under its own sigsetjmp. Errors: PgError, thrown after the setjmp scope was
/// left.
void call_leaf(void (*fn)(void*), void* argument);
}  // namespace border_detail

/// Runs `body`, which may ereport(), and turns its longjmp into PgError.
/// Pre:    `body` and all it calls have only trivially destructible C++ frames, throw nothing and
///         do not hold on to C++ resources; its captures are references or plain values.
/// Errors: PgError. Interrupts (CHECK_FOR_INTERRUPTS) may be served inside.
/// Source: README.md of this room, rule 2.
template <typename Body>
auto call(Body&& body) -> std::invoke_result_t<Body&> {
  using Result = std::invoke_result_t<Body&>;
  using Plain = std::remove_reference_t<Body>;
  if constexpr (std::is_void_v<Result>) {
    border_detail::call_leaf([](void* p) { (*static_cast<Plain*>(p))(); },
                             const_cast<std::remove_const_t<Plain>*>(&body));
  } else {
    static_assert(std::is_trivially_destructible_v<Result>);
    struct Frame {
      Plain* body;
      Result result;
    } frame{&body, Result{}};
    border_detail::call_leaf(
        [](void* p) {
          auto* f = static_cast<Frame*>(p);
          f->result = (*f->body)();
        },
        &frame);
    return frame.result;
  }
}

}  // namespace sluice::pg
