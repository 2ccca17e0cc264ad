// PostgreSQL's interrupts as the engine's: cancel, termination, messages from workers.
#pragma once

#include "engine/seat_runtime.h"

namespace sluice::pg {

/// Errors: PgError.
void serve_interrupts();

/// Runs in: leader and workers.
class PgInterrupts final : public engine::Interrupts {
 public:
  /// Errors: PgError.
  void check() override;
};

}  // namespace sluice::pg
