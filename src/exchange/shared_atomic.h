// The atomics of shared memory: std::atomic, or, where test/atomics builds the sources of this room
// for a memory-model checker, the checker's stand-in of the same size and interface.
#pragma once

#ifdef SLUICE_SHARED_ATOMIC_HEADER
#include SLUICE_SHARED_ATOMIC_HEADER
#else
#include <atomic>

namespace sluice::exchange {

template <typename T>
using SharedAtomic = std::atomic<T>;

}  // namespace sluice::exchange
#endif
