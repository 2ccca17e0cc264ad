// The wall, inward: the body of every extern "C" callback.
#pragma once

#include <optional>
#include <type_traits>

namespace sluice::pg {

namespace border_detail {
/// Keeps the exception in flight as a plain pointer to what ereport() needs. Runs in a catch block.
void* capture_current_exception() noexcept;
/// Raises it; no C++ frame with a destructor is left below the callback.
[[noreturn]] void raise(void* captured);
}  // namespace border_detail

/// Runs `body`; whatever it throws becomes an ereport(ERROR) after all its frames are gone: PgError
/// as the original, base::Error with its SQLSTATE, std::bad_alloc as 53200, anything else as
/// internal.
/// Pre:    the caller's own frame has no destructor to run and holds nothing.
/// Source: README.md of this room, rule 1.
template <typename Body>
auto guard(Body&& body) -> std::invoke_result_t<Body&> {
  using Result = std::invoke_result_t<Body&>;
  void* captured = nullptr;
  if constexpr (std::is_void_v<Result>) {
    try {
      body();
      return;
    } catch (...) {
      captured = border_detail::capture_current_exception();
    }
    border_detail::raise(captured);
  } else {
    static_assert(std::is_trivially_destructible_v<Result>);
    try {
      return body();
    } catch (...) {
      captured = border_detail::capture_current_exception();
    }
    border_detail::raise(captured);
  }
}

}  // namespace sluice::pg
