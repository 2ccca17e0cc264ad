#include "engine/shared_key_sets.h"

#include "base/check.h"
#include "engine/physical.h"

namespace sluice::engine {

using exchange::SharedFilter;

namespace {

vector::KeyEquality equality_of(const plan::SharedFilterSpec& spec) {
  const std::uint32_t column = spec.join->as<plan::HashJoinSpec>()->build_keys[spec.key];
  return key_equality_of(spec.join->inputs[1].output[column]);
}

}  // namespace

std::size_t SharedKeySets::bytes_for(const plan::PlanSpec& plan) {
  std::size_t bytes = 0;
  for (const plan::SharedFilterSpec& spec : plan::shared_filters(plan.root)) {
    bytes += SharedFilter::bytes_for(spec.words);
  }
  return bytes;
}

void SharedKeySets::format(const plan::PlanSpec& plan, std::span<std::byte> memory) {
  for (const Slot& slot : SharedKeySets(plan, memory).slots_) {
    SharedFilter::format(slot.memory);
  }
}

SharedKeySets::SharedKeySets(const plan::PlanSpec& plan, std::span<std::byte> memory) {
  if (memory.empty()) {
    return;
  }
  for (plan::SharedFilterSpec& spec : plan::shared_filters(plan.root)) {
    const std::size_t bytes = SharedFilter::bytes_for(spec.words);
    SLUICE_CHECK(bytes <= memory.size(), "a shared key set has no memory");
    const vector::KeyEquality equality = equality_of(spec);
    slots_.push_back({std::move(spec), memory.first(bytes), equality});
    memory = memory.subspan(bytes);
  }
}

void SharedKeySets::clear() noexcept {
  for (const Slot& slot : slots_) {
    SharedFilter(slot.memory).clear();
  }
}

}  // namespace sluice::engine
