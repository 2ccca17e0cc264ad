// The sink above a fragment's last pipeline: a stream, or the leader's hand.
#pragma once

#include "engine/operator.h"

namespace sluice::engine {

/// A sink that outlives the pipelines and can lose its consumer at any time, also while an earlier
/// phase of the fragment runs.
class FragmentOutput : public Sink {
 public:
  /// False once nobody wants anything more of this fragment.
  [[nodiscard]] virtual bool wanted() noexcept = 0;
  /// Called when the last pipeline has begun: from here on the fragment needs no memory that it
  /// might not get, so that it never gives the run up (decision 0014).
  virtual void settle() noexcept = 0;
  /// Ends the output without an error although rows are missing. Idempotent.
  /// Pre: not wanted(); the fragment's sources are closed, so that who waits for the end may take
  ///      it that nobody reads them any more.
  virtual void cancel() noexcept = 0;
};

}  // namespace sluice::engine
