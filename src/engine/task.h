// What the scheduler runs: cooperative, resumable, never blocking the process.
#pragma once

#include <cstdint>

namespace sluice::engine {

enum class TaskState : std::uint8_t {
  kProgress,  // did something and can go on
  kBlocked,   // did nothing: a stream has neither record nor space; a bell will ring
  kDone,      // has closed its sources and ended its output
};

/// One running fragment in one seat. Suspended between steps it is plain heap data.
class Task {
 public:
  virtual ~Task() = default;
  /// Works off up to about `batches_max` batches.
  /// Errors: whatever ends the query; the task is then only to be closed.
  [[nodiscard]] virtual TaskState step(unsigned batches_max) = 0;
  /// Closes all sources, also those never begun. An output that is still wanted fails, so that
  /// nobody takes what has been sent for the whole; one that nobody wants ends quietly. Idempotent.
  /// Errors: the first of the sources' errors, after all of them were closed.
  virtual void close() = 0;
};

}  // namespace sluice::engine
