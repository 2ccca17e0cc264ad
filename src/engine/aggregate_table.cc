#include "engine/aggregate_table.h"

#include <algorithm>
#include <numeric>

#include "engine/aggregate_calls.h"

namespace sluice::engine {

using plan::AggregateFunction;
using plan::AggregatePhase;
using vector::Batch;
using vector::kBatchRowsMax;
using vector::RowIndex;

namespace {

bool reads_column(const plan::AggregateCall& call, AggregatePhase phase) noexcept {
  return call.function != AggregateFunction::kCountStar || phase == AggregatePhase::kFinal;
}

}  // namespace

AggregateTable::AggregateTable(const plan::AggregateSpec& spec,
                               const std::vector<plan::DataType>& input, base::MemoryBudget& budget)
    : spec_(spec),
      arena_(budget),
      scratch_(arena_.allocate_array<Scratch>(1).data()),
      views_(spec.group_keys.size() + spec.calls.size()) {
  const bool grouped = !spec.group_keys.empty();
  if (grouped) {
    keys_.emplace(spec.group_keys, input, budget);
    for (std::size_t k = 0; k < spec.group_keys.size(); ++k) {
      key_columns_.emplace_back(keys_->keys().layout().field(k).type, arena_);
    }
  }
  for (const plan::AggregateCall& call : spec.calls) {
    if (plan::is_foreign(call)) {
      states_.push_back(nullptr);
      foreign_.push_back(std::make_unique<ForeignStates>(call, input, grouped, budget));
      foreign_.back()->grow(grouped ? 0 : 1);
      continue;
    }
    foreign_.push_back(nullptr);
    const plan::DataType type =
        reads_column(call, spec.phase) ? input.at(call.column) : call.result;
    states_.push_back(make_aggregate_state(call, spec.phase, type, grouped, budget));
    states_.back()->grow(grouped ? 0 : 1);
  }
}

void AggregateTable::consume(const Batch& batch) {
  if (batch.count() == 0) {
    return;
  }
  const RowsByGroup rows = divide(batch);
  update(batch, rows, groups());
}

void AggregateTable::update(const Batch& batch, const RowsByGroup& rows, std::uint32_t groups) {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const plan::AggregateCall& call = spec_.calls[i];
    if (foreign_[i] != nullptr) {
      foreign_[i]->grow(groups);
      foreign_[i]->update(batch, rows, scratch_->state);
      continue;
    }
    states_[i]->grow(groups);
    states_[i]->update(reads_column(call, spec_.phase) ? &batch.column(call.column) : nullptr, rows,
                       scratch_->state);
  }
}

RowsByGroup AggregateTable::divide(const Batch& batch) {
  if (!keys_.has_value()) {
    scratch_->runs[0] = {batch.selection(), batch.count(), 0};
    return {{scratch_->runs, 1}};
  }
  keys_->assign(batch, scratch_->groups);
  if (keys_->groups() <= kRunGroupsMax) {
    return sort_into_runs(batch);
  }
  return {{}, counted_rows(batch), scratch_->groups, batch.count()};
}

// A counting sort: stable, for float sums depend on the order.
RowsByGroup AggregateTable::sort_into_runs(const Batch& batch) noexcept {
  std::uint32_t ends[kRunGroupsMax] = {};
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    ++ends[scratch_->groups[i]];
  }
  std::uint32_t begin = 0;
  std::uint32_t runs = 0;
  for (std::uint32_t group = 0; group < groups(); ++group) {
    const std::uint32_t count = ends[group];
    ends[group] = begin;
    if (count != 0) {
      scratch_->runs[runs++] = {scratch_->rows + begin, count, group};
    }
    begin += count;
  }
  if (runs == 1) {
    scratch_->runs[0].rows = batch.selection();
    return {{scratch_->runs, 1}};
  }
  const RowIndex* rows = counted_rows(batch);
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    scratch_->rows[ends[scratch_->groups[i]]++] = rows[i];
  }
  return {{scratch_->runs, runs}};
}

void AggregateTable::finish() {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (foreign_[i] != nullptr) {
      foreign_[i]->finish();
    } else {
      states_[i]->finish();
    }
  }
}

void AggregateTable::clear() noexcept {
  keys_->clear();
  for (const std::unique_ptr<AggregateState>& state : states_) {
    state->clear();
  }
}

Batch AggregateTable::states_of(const Batch& batch) {
  // A row's group has the row's number, so that keys and states are columns of the same rows.
  const RowIndex* rows = counted_rows(batch);
  std::copy_n(rows, batch.count(), scratch_->groups);
  for (const std::unique_ptr<AggregateState>& state : states_) {
    state->clear();
  }
  update(batch, {{}, rows, scratch_->groups, batch.count()}, batch.rows());
  finish();
  for (std::size_t k = 0; k < spec_.group_keys.size(); ++k) {
    views_[k] = batch.column(spec_.group_keys[k]);
  }
  for (std::size_t i = 0; i < states_.size(); ++i) {
    views_[spec_.group_keys.size() + i] = states_[i]->view(0, batch.rows());
  }
  return {views_, batch.rows(), batch.selection(), batch.count()};
}

void AggregateTable::close() {
  for (const std::unique_ptr<ForeignStates>& states : foreign_) {
    if (states != nullptr) {
      states->close();
    }
  }
}

Batch AggregateTable::read(std::uint32_t first) {
  const std::uint32_t count = std::min(groups() - first, kBatchRowsMax);
  if (keys_.has_value()) {
    std::iota(scratch_->groups, scratch_->groups + count, first + 1);
  }
  for (std::size_t k = 0; k < key_columns_.size(); ++k) {
    views_[k] = keys_->keys().load(k, scratch_->groups, {all_rows(), count}, key_columns_[k]);
  }
  for (std::size_t i = 0; i < states_.size(); ++i) {
    views_[key_columns_.size() + i] =
        foreign_[i] != nullptr ? foreign_[i]->view(first) : states_[i]->view(first, count);
  }
  return {views_, count};
}

}  // namespace sluice::engine
