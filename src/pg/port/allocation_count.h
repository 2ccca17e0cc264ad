// How many C++ allocations of this library live. Only in builds with SLUICE_FAULT_POINTS and
// without sanitizers, which count better.
#pragma once

#ifdef SLUICE_FAULT_POINTS
#include <cstdint>

namespace sluice::pg {

/// Always 0 under a sanitizer.
[[nodiscard]] std::int64_t live_allocations() noexcept;

}  // namespace sluice::pg
#endif
