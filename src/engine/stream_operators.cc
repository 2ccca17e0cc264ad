#include "engine/stream_operators.h"

#include <algorithm>

#include "engine/row_store.h"

namespace sluice::engine {

using vector::Batch;
using vector::kBatchRowsMax;

namespace {

void count_batch(NodeCounters& counters, const Batch& out) noexcept {
  if (out.count() != 0) {
    counters.rows += out.count();
    ++counters.batches;
  }
}

}  // namespace

FilterOperator::FilterOperator(const plan::FilterSpec& spec,
                               const std::vector<plan::DataType>& input, base::MemoryBudget& budget,
                               NodeCounters& counters)
    : predicate_(spec.conjuncts, input, budget), passed_(kBatchRowsMax), counters_(counters) {}

OperatorState FilterOperator::process(const Batch& in, Batch& out) {
  const std::uint32_t count = predicate_.filter(in, passed_.data());
  counters_.rows_removed += in.count() - count;
  // All rows of a dense batch stay dense, which every kernel above likes better.
  out = count == in.count() ? in : Batch(in.columns(), in.rows(), passed_.data(), count);
  count_batch(counters_, out);
  return OperatorState::kNeedInput;
}

ProjectOperator::ProjectOperator(const plan::ProjectSpec& spec,
                                 const std::vector<plan::DataType>& input,
                                 base::MemoryBudget& budget, NodeCounters& counters)
    : programs_(spec.exprs, input, budget), counters_(counters) {}

OperatorState ProjectOperator::process(const Batch& in, Batch& out) {
  const std::uint32_t first = done_;
  std::uint32_t count = 0;
  const auto columns = programs_.evaluate_from(in, first, count);
  const bool all = count == in.count();
  out = Batch(columns, in.rows(), all ? in.selection() : counted_rows(in) + first, count);
  count_batch(counters_, out);
  done_ = first + count == in.count() ? 0 : first + count;
  return done_ == 0 ? OperatorState::kNeedInput : OperatorState::kHaveMore;
}

LimitOperator::LimitOperator(const plan::LimitSpec& spec, NodeCounters& counters) noexcept
    : left_(spec.limit), counters_(counters) {}

OperatorState LimitOperator::process(const Batch& in, Batch& out) {
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(left_, in.count()));
  if (count == in.count()) {
    out = in;
  } else if (in.selection() == nullptr) {
    out = Batch(in.columns(), count);
  } else {
    out = Batch(in.columns(), in.rows(), in.selection(), count);
  }
  left_ -= count;
  count_batch(counters_, out);
  return left_ == 0 ? OperatorState::kDone : OperatorState::kNeedInput;
}

}  // namespace sluice::engine
