// Whether the system can hold one more shared memory segment.
#pragma once

#include <cstddef>

namespace sluice::pg {

/// False where creating a segment for `bytes` of ours is known to fail, as in a container whose
/// /dev/shm is full. The server would raise an error, where the leader alone can do the work.
/// A guess: others take and give back at the same time.
[[nodiscard]] bool has_room_for_segment(std::size_t bytes) noexcept;

}  // namespace sluice::pg
