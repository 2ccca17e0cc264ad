#include "engine/string_extreme.h"

#include <algorithm>
#include <cstring>

#include "engine/value_order.h"

namespace sluice::engine {

using vector::ColumnView;
using vector::StringRef;

StringExtreme::StringExtreme(bool max, bool blank_padded, bool grouped, base::MemoryBudget& budget)
    : AggregateState(EmptyResult::kNull, grouped, budget),
      max_(max),
      blank_padded_(blank_padded),
      values_(budget),
      buffers_(budget),
      arena_(budget) {}

void StringExtreme::grow(std::uint32_t groups) {
  values_.grow(groups, StringRef());
  buffers_.grow(groups, Buffer());
  grow_presence(groups);
}

bool StringExtreme::better(const StringRef& left, const StringRef& right) const noexcept {
  std::string_view left_bytes = left.view();
  std::string_view right_bytes = right.view();
  if (blank_padded_) {
    left_bytes = vector::without_trailing_blanks(left_bytes);
    right_bytes = vector::without_trailing_blanks(right_bytes);
  }
  const int order = compare_bytes(left_bytes, right_bytes);
  return max_ ? order > 0 : order < 0;
}

void StringExtreme::offer(std::uint32_t group, const StringRef& text) {
  Buffer& buffer = buffers_[group];
  if (buffer.has_value && !better(text, values_[group])) {
    return;
  }
  buffer.has_value = true;
  if (text.is_inline()) {
    values_[group] = text;
    return;
  }
  if (text.size() > buffer.capacity_bytes) {
    const std::uint64_t doubled = std::uint64_t{buffer.capacity_bytes} * 2;
    const std::uint64_t capacity = std::max<std::uint64_t>(text.size(), doubled);
    buffer.bytes = reinterpret_cast<char*>(arena_.allocate(capacity, 1));
    buffer.capacity_bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity, UINT32_MAX));
  }
  std::memcpy(buffer.bytes, text.data(), text.size());
  values_[group] = StringRef(buffer.bytes, text.size());
}

void StringExtreme::fold_run(const ColumnView& column, const GroupRun& run) {
  const auto* strings = column.as<StringRef>();
  StringRef best = strings[run.rows == nullptr ? 0 : run.rows[0]];
  for (std::uint32_t i = 1; i < run.count; ++i) {
    const StringRef& text = strings[run.rows == nullptr ? i : run.rows[i]];
    if (better(text, best)) {
      best = text;
    }
  }
  offer(run.group, best);
}

void StringExtreme::fold_rows(const ColumnView& column, const RowsByGroup& rows) {
  const auto* strings = column.as<StringRef>();
  for (std::uint32_t i = 0; i < rows.count; ++i) {
    offer(rows.groups[i], strings[rows.rows[i]]);
  }
}

ColumnView StringExtreme::values(std::uint32_t first) noexcept {
  return {vector::PhysicalType::kVarlen, false, values_.data() + first, nullptr};
}

void StringExtreme::clear_states() noexcept {
  values_.clear();
  buffers_.clear();
  arena_.reset();
}

}  // namespace sluice::engine
