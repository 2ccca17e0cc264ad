#include "engine/foreign_states.h"

#include <algorithm>
#include <cstring>

#include "engine/physical.h"
#include "vector/string_ref.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::RowIndex;
using vector::StringRef;

namespace {

std::vector<plan::DataType> argument_types(const plan::AggregateCall& call,
                                           const std::vector<plan::DataType>& input) {
  std::vector<plan::DataType> types;
  for (const std::uint32_t argument : call.foreign.arguments) {
    types.push_back(input.at(argument));
  }
  return types;
}

/// A group for each row of a batch of one group.
const std::uint32_t* group_zero() noexcept {
  static constexpr std::uint32_t kZeros[kBatchRowsMax] = {};
  return kZeros;
}

bool is_true(const ColumnView& column, RowIndex row) noexcept {
  return !column.is_null(row) && column.as<std::int8_t>()[row] != 0;
}

}  // namespace

ForeignStates::Waiting::Waiting(const std::vector<plan::DataType>& types,
                                base::MemoryBudget& budget)
    : store_(physical_types_of(types), budget),
      heads_(budget),
      tails_(budget),
      arena_(budget),
      numbers_(arena_.allocate_array<std::uint32_t>(kBatchRowsMax)) {
  for (const plan::DataType& type : types) {
    columns_.emplace_back(physical_type_of(type), arena_);
  }
}

void ForeignStates::Waiting::grow(std::uint32_t groups) {
  heads_.grow(groups, 0);
  tails_.grow(groups, 0);
}

void ForeignStates::Waiting::append(const Batch& batch, std::span<const std::uint32_t> columns,
                                    const Picked& rows) {
  std::uint32_t number = store_.append(batch, columns, {rows.rows, rows.count});
  for (std::uint32_t i = 0; i < rows.count; ++i, ++number) {
    const std::uint32_t group = rows.groups[i];
    if (tails_[group] == 0) {
      heads_[group] = number;
    } else {
      store_.set_header(tails_[group], number);
    }
    tails_[group] = number;
  }
}

std::uint32_t ForeignStates::Waiting::next(std::uint32_t group, std::vector<ColumnView>& views) {
  std::uint32_t count = 0;
  std::uint32_t number = heads_[group];
  for (; number != 0 && count < kBatchRowsMax; number = store_.header(number)) {
    numbers_[count++] = number;
  }
  heads_[group] = number;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    views[c] = store_.load(c, numbers_.data(), {all_rows(), count}, columns_[c]);
  }
  return count;
}

ForeignStates::ForeignStates(const plan::AggregateCall& call,
                             const std::vector<plan::DataType>& input, bool grouped,
                             base::MemoryBudget& budget)
    : call_(call),
      budget_(budget),
      views_(call.foreign.arguments.size()),
      result_type_(physical_type_of(call.result)),
      arena_(budget),
      values_(budget),
      validity_(budget) {
  const std::vector<plan::DataType> types = argument_types(call, input);
  if (grouped && call.foreign.keeps_rows) {
    waiting_ = std::make_unique<Waiting>(types, budget);
  }
  aggregate_ = make_foreign_aggregate(call, types);
  charge();
}

ForeignStates::~ForeignStates() { budget_.release(charged_bytes_); }

void ForeignStates::grow(std::uint32_t groups) {
  groups_ = std::max(groups_, groups);
  if (waiting_ != nullptr) {
    waiting_->grow(groups_);
  } else {
    aggregate_->grow(groups_);
  }
}

/// In the order of the batch within a group.
ForeignStates::Picked ForeignStates::pick(const Batch& batch, const RowsByGroup& rows,
                                          AggregateState::Scratch& scratch) const noexcept {
  const ColumnView* filter =
      call_.foreign.filter.has_value() ? &batch.column(*call_.foreign.filter) : nullptr;
  std::uint32_t count = 0;
  const auto take = [&](RowIndex row, std::uint32_t group) {
    scratch.rows[count] = row;
    scratch.groups[count] = group;
    count += filter == nullptr || is_true(*filter, row) ? 1 : 0;
  };
  for (const GroupRun& run : rows.runs) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      take(run.rows == nullptr ? static_cast<RowIndex>(i) : run.rows[i], run.group);
    }
  }
  if (rows.runs.empty()) {
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      take(rows.rows[i], rows.groups[i]);
    }
  }
  return {scratch.rows, scratch.groups, count};
}

void ForeignStates::update(const Batch& batch, const RowsByGroup& rows,
                           AggregateState::Scratch& scratch) {
  const Picked picked = pick(batch, rows, scratch);
  if (picked.count == 0) {
    return;
  }
  const auto& columns = call_.foreign.arguments;
  if (waiting_ != nullptr) {
    waiting_->append(batch, columns, picked);
    return;
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    views_[i] = batch.column(columns[i]);
  }
  aggregate_->add(views_, picked.rows, picked.groups, picked.count);
  charge();
}

void ForeignStates::charge() {
  const std::size_t bytes = aggregate_->memory_bytes();
  if (bytes > charged_bytes_) {
    budget_.reserve(bytes - charged_bytes_);
  } else {
    budget_.release(charged_bytes_ - bytes);
  }
  charged_bytes_ = bytes;
}

void ForeignStates::take_results(std::uint32_t first_state, std::uint32_t first,
                                 std::uint32_t count) {
  const std::size_t width = vector::width_bytes(result_type_);
  std::uint64_t valid[kBatchRowsMax / 64] = {};
  ValueBuffer result(result_type_, values_.data() + first * width, valid);
  aggregate_->finish(first_state, count, result);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t group = first + i;
    validity_[group / 64] |= std::uint64_t{is_valid(valid, i)} << (group % 64);
    if (result_type_ != vector::PhysicalType::kVarlen) {
      continue;
    }
    StringRef& text = result.as<StringRef>()[i];
    if (!is_valid(valid, i)) {
      text = StringRef();
    } else if (!text.is_inline()) {
      auto* kept = reinterpret_cast<char*>(arena_.allocate(text.size(), 1));
      std::memcpy(kept, text.data(), text.size());
      text = StringRef(kept, text.size());
    }
  }
}

void ForeignStates::finish_waiting() {
  for (std::uint32_t group = 0; group < groups_; ++group) {
    aggregate_->grow(1);
    for (std::uint32_t count; (count = waiting_->next(group, views_)) != 0;) {
      aggregate_->add(views_, all_rows(), group_zero(), count);
      charge();
    }
    take_results(0, group, 1);
    aggregate_->reset();
  }
}

void ForeignStates::finish() {
  const std::size_t bytes = std::size_t{groups_} * vector::width_bytes(result_type_);
  values_.reserve(bytes);
  if (bytes != 0) {
    std::memset(values_.data(), 0, bytes);
  }
  validity_.grow((std::size_t{groups_} + 63) / 64, 0);
  if (waiting_ != nullptr) {
    finish_waiting();
  } else {
    for (std::uint32_t first = 0; first < groups_; first += kBatchRowsMax) {
      take_results(first, first, std::min(groups_ - first, kBatchRowsMax));
      charge();
    }
  }
  waiting_.reset();
  close();
}

ColumnView ForeignStates::view(std::uint32_t first) const noexcept {
  const std::size_t offset = std::size_t{first} * vector::width_bytes(result_type_);
  return {result_type_, call_.result.kind == plan::TypeKind::kDecimal, values_.data() + offset,
          validity_.data() + first / 64};
}

void ForeignStates::close() {
  if (closed_) {
    return;
  }
  closed_ = true;
  aggregate_->close();
  budget_.release(charged_bytes_);
  charged_bytes_ = 0;
}

}  // namespace sluice::engine
