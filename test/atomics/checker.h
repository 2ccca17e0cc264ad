// One access order of the code under test weakened, and a run of the checker over all schedules.
#pragma once

#include <array>
#include <cstdint>
#include <iostream>
#include <ostream>
#include <string>

#include "atomics/model_atomic.h"
// clang-format off
#include <relacy/relacy.hpp>  // last, for it makes macros of words of the language
#undef delete
#undef new
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
// clang-format on

namespace sluice::atomics {

constexpr std::uint32_t kWordsMax = 32;

enum class Operation { kNone, kLoad, kStore, kReadModifyWrite };

/// One kind of access to one word, and the order that it gets in place of its own.
struct Mutation {
  const char* name;
  std::uint32_t word;
  Operation operation = Operation::kNone;
  std::memory_order asked = std::memory_order_relaxed;
  std::memory_order given = std::memory_order_relaxed;
};

void PrintTo(const Mutation& mutated, std::ostream* out);

/// The model of the words that a suite is made of, in the order of their construction. It is the
/// suite's first member.
struct Words {
  Words() { current = this; }
  std::array<rl::atomic<std::uint64_t>, kWordsMax> values;
  std::uint32_t count = 0;

  static inline Words* current = nullptr;
};

inline Mutation mutation{"none", 0};

/// Whether every execution of the suite is without fault.
template <typename Suite>
[[nodiscard]] bool passes(const Mutation& changed, std::uint64_t executions) {
  mutation = changed;
  std::ostream nowhere(nullptr);  // the checker would allocate for it in its own memory
  rl::test_params parameters;
  parameters.iteration_count = executions;
  parameters.search_type = rl::sched_random;
  parameters.execution_depth_limit = 4000;
  parameters.output_stream = &nowhere;
  parameters.progress_stream = &nowhere;
  const bool passed = rl::simulate<Suite>(parameters);
  mutation = {"none", 0};
  std::cout << changed.name << ": " << rl::test_result_str(parameters.test_result) << " after "
            << parameters.stop_iteration << " executions\n";
  return passed;
}

}  // namespace sluice::atomics
