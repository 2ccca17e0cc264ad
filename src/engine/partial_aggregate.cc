#include "engine/partial_aggregate.h"

#include <algorithm>

#include "engine/aggregate_table.h"

namespace sluice::engine {

using vector::Batch;

PartialAggregateOperator::PartialAggregateOperator(const plan::AggregateSpec& spec,
                                                   const std::vector<plan::DataType>& input,
                                                   base::MemoryBudget& budget,
                                                   NodeCounters& counters,
                                                   const PartialTableLimit::Sizes& sizes)
    : spec_(spec),
      input_(input),
      budget_(budget),
      counters_(counters),
      table_(std::make_unique<AggregateTable>(spec, input, budget)),
      limit_(sizes) {}

PartialAggregateOperator::~PartialAggregateOperator() = default;

OperatorState PartialAggregateOperator::process(const Batch& in, Batch& out) {
  out = Batch();
  if (mode_ == Mode::kHandingOut) {
    if (handed_out_ < table_->groups()) {
      return hand_out(out);
    }
    begin_again();  // what was handed out last is no longer looked at
  }
  if (mode_ == Mode::kPassing) {
    out = table_->states_of(in);
    account(out);
    rows_ += in.count();
    if (rows_ >= limit_.rows_passed()) {
      begin_handing_out();  // of nothing: what passed is still looked at
      next_mode_ = Mode::kCollecting;
    }
    return OperatorState::kNeedInput;
  }
  collect(in);
  return mode_ == Mode::kHandingOut ? hand_out(out) : OperatorState::kNeedInput;
}

void PartialAggregateOperator::collect(const Batch& in) {
  table_->consume(in);
  rows_ += in.count();
  const bool short_of_memory = is_short_of_memory();
  if (table_->groups() < limit_.groups() && !short_of_memory) {
    return;
  }
  const FullTable full = limit_.decide(rows_, table_->groups(), !short_of_memory);
  if (full == FullTable::kGrow) {
    return;
  }
  table_->finish();
  begin_handing_out();
  next_mode_ = full == FullTable::kPass ? Mode::kPassing : Mode::kCollecting;
}

/// The table's arrays double as they grow.
bool PartialAggregateOperator::is_short_of_memory() const noexcept {
  return budget_.used_bytes() > budget_.limit_bytes() / 2;
}

void PartialAggregateOperator::begin_handing_out() noexcept {
  counters_.groups += table_->groups();
  mode_ = Mode::kHandingOut;
  handed_out_ = 0;
}

OperatorState PartialAggregateOperator::hand_out(Batch& out) {
  out = table_->read(handed_out_);
  handed_out_ += out.rows();
  account(out);
  return handed_out_ < table_->groups() ? OperatorState::kHaveMore : OperatorState::kNeedInput;
}

void PartialAggregateOperator::begin_again() {
  const bool oversized = table_->groups() > 2 * limit_.groups() && next_mode_ == Mode::kCollecting;
  if (is_short_of_memory() || oversized) {
    table_.reset();
    table_ = std::make_unique<AggregateTable>(spec_, input_, budget_);
  } else {
    table_->clear();
  }
  mode_ = next_mode_;
  rows_ = 0;
}

OperatorState PartialAggregateOperator::flush(Batch& out) {
  out = Batch();
  if (mode_ == Mode::kHandingOut && handed_out_ == table_->groups()) {
    begin_again();
  }
  if (mode_ == Mode::kCollecting) {
    table_->finish();
    begin_handing_out();
  }
  if (mode_ == Mode::kPassing || table_->groups() == 0) {
    mode_ = Mode::kPassing;  // nothing is held
    return OperatorState::kNeedInput;
  }
  return hand_out(out);
}

void PartialAggregateOperator::account(const Batch& out) noexcept {
  counters_.rows += out.count();
  counters_.batches += out.count() == 0 ? 0 : 1;
  counters_.memory_bytes_peak =
      std::max<std::uint64_t>(counters_.memory_bytes_peak, budget_.peak_bytes());
}

}  // namespace sluice::engine
