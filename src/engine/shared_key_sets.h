// The runtime filters of one run that cross redistributions, as one seat uses them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/runtime_filter.h"
#include "plan/plan_spec.h"
#include "plan/runtime_filter.h"

namespace sluice::engine {

/// Shape: the same plan and as much memory in every seat.
/// Owns:  nothing but its notes; the plan and the memory outlive it.
class SharedKeySets {
 public:
  /// One set of the plan.
  struct Slot {
    plan::SharedFilterSpec spec;
    std::span<std::byte> memory;
    vector::KeyEquality equality;
  };

  /// Units: bytes of shared memory, aligned as SharedFilter::format() wants it.
  [[nodiscard]] static std::size_t bytes_for(const plan::PlanSpec& plan);
  /// Runs in: the leader, before any seat looks.
  static void format(const plan::PlanSpec& plan, std::span<std::byte> memory);

  /// Without memory there are no sets.
  SharedKeySets(const plan::PlanSpec& plan, std::span<std::byte> memory);

  [[nodiscard]] const std::vector<Slot>& slots() const noexcept { return slots_; }
  /// Between two epochs. Runs in: the leader, while no seat is at work.
  void clear() noexcept;

 private:
  std::vector<Slot> slots_;
};

}  // namespace sluice::engine
