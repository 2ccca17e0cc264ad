#include "atomics/checker.h"

namespace sluice::atomics {
namespace {

rl::memory_order order_of(std::uint32_t word, Operation operation, std::memory_order order) {
  if (word == mutation.word && operation == mutation.operation && order == mutation.asked) {
    order = mutation.given;
  }
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

}  // namespace

std::uint32_t make_word() noexcept {
  Words::current->values[Words::current->count].store(0, rl::mo_relaxed, $);
  return Words::current->count++;
}
std::uint64_t load_word(std::uint32_t word, std::memory_order order) noexcept {
  return Words::current->values[word].load(order_of(word, Operation::kLoad, order), $);
}
void store_word(std::uint32_t word, std::uint64_t value, std::memory_order order) noexcept {
  Words::current->values[word].store(value, order_of(word, Operation::kStore, order), $);
}
std::uint64_t exchange_word(std::uint32_t word, std::uint64_t value,
                            std::memory_order order) noexcept {
  return Words::current->values[word].exchange(
      value, order_of(word, Operation::kReadModifyWrite, order), $);
}
std::uint64_t or_word(std::uint32_t word, std::uint64_t bits, std::memory_order order) noexcept {
  return Words::current->values[word].fetch_or(
      bits, order_of(word, Operation::kReadModifyWrite, order), $);
}
bool compare_exchange_word(std::uint32_t word, std::uint64_t& expected, std::uint64_t value,
                           std::memory_order order) noexcept {
  return Words::current->values[word].compare_exchange_weak(
      expected, value, order_of(word, Operation::kReadModifyWrite, order), $, rl::mo_relaxed, $);
}

void PrintTo(const Mutation& mutated, std::ostream* out) { *out << mutated.name; }

}  // namespace sluice::atomics
