#include "engine/row_store.h"

#include <array>
#include <cstdint>
#include <numeric>

#include "base/error.h"
#include "vector/string_ref.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::PhysicalType;
using vector::RowIndex;
using vector::StringRef;

namespace {

template <std::size_t kWidth>
void store_fixed(const void* values, std::span<const RowIndex> rows, std::byte* target,
                 std::size_t stride) {
  const auto* source = static_cast<const std::byte*>(values);
  for (const RowIndex row : rows) {
    std::memcpy(target, source + row * kWidth, kWidth);
    target += stride;
  }
}

template <std::size_t kWidth, typename Number>
void load_fixed(const std::byte* field, std::size_t stride, const Number* numbers,
                std::span<const RowIndex> positions, std::byte* target) noexcept {
  for (const RowIndex position : positions) {
    std::memcpy(target + position * kWidth, field + numbers[position] * stride, kWidth);
  }
}

template <typename Number>
void load_values(std::size_t width, const std::byte* field, std::size_t stride,
                 const Number* numbers, std::span<const RowIndex> positions,
                 std::byte* target) noexcept {
  switch (width) {
    case 1:
      return load_fixed<1>(field, stride, numbers, positions, target);
    case 2:
      return load_fixed<2>(field, stride, numbers, positions, target);
    case 4:
      return load_fixed<4>(field, stride, numbers, positions, target);
    case 8:
      return load_fixed<8>(field, stride, numbers, positions, target);
    default:
      return load_fixed<16>(field, stride, numbers, positions, target);
  }
}

// One bit a position from a predicate on positions; the others stay set.
template <typename IsNull>
void load_validity(std::span<std::uint64_t> validity, std::span<const RowIndex> positions,
                   IsNull is_null) noexcept {
  std::memset(validity.data(), 0xff, validity.size_bytes());
  for (const RowIndex position : positions) {
    const std::uint64_t null = is_null(position) ? 1 : 0;
    validity[position / 64] ^= null << (position % 64);
  }
}

}  // namespace

const RowIndex* all_rows() noexcept {
  static constexpr auto kRows = [] {
    std::array<RowIndex, kBatchRowsMax> rows{};
    std::iota(rows.begin(), rows.end(), RowIndex{0});
    return rows;
  }();
  return kRows.data();
}

LoadedColumn::LoadedColumn(PhysicalType type, base::Arena& arena) : type_(type) {
  const std::size_t bytes = kBatchRowsMax * vector::width_bytes(type);
  values_ = {arena.allocate(bytes, 64), bytes};
  std::memset(values_.data(), 0, bytes);
  validity_ = arena.allocate_array<std::uint64_t>(kBatchRowsMax / 64);
}

ColumnView LoadedColumn::gather(const ColumnView& source, const RowIndex* source_rows,
                                std::span<const RowIndex> positions) noexcept {
  const std::size_t width = vector::width_bytes(type_);
  load_values(width, static_cast<const std::byte*>(source.values), width, source_rows, positions,
              values_.data());
  ColumnView view{type_, source.may_hold_nan, values_.data(), nullptr};
  if (source.validity != nullptr) {
    load_validity(validity_, positions,
                  [&](RowIndex position) { return source.is_null(source_rows[position]); });
    view.validity = validity_.data();
  }
  return view;
}

RowStore::RowStore(std::span<const PhysicalType> types, base::MemoryBudget& budget)
    : layout_(types),
      traits_(types.size()),
      bytes_(budget),
      heap_(std::make_unique<base::Arena>(budget)) {
  bytes_.reserve(layout_.stride_bytes());
  std::memset(bytes_.data(), 0, layout_.stride_bytes());
}

void RowStore::reserve_rows(std::size_t more) {
  if (more > kRowsMax - rows_) {
    base::throw_abandon("too many rows for one hash table");
  }
  bytes_.reserve((std::size_t{rows_} + 1 + more) * layout_.stride_bytes());
}

std::uint32_t RowStore::append(const Batch& batch, std::span<const std::uint32_t> columns,
                               std::span<const RowIndex> source_rows) {
  reserve_rows(source_rows.size());
  const std::size_t stride = layout_.stride_bytes();
  std::byte* first = bytes_.data() + (std::size_t{rows_} + 1) * stride;
  std::byte* row = first;
  for (std::size_t i = 0; i < source_rows.size(); ++i, row += stride) {
    std::memset(row, 0, RowLayout::kHeaderBytes);
    std::memset(row + layout_.null_offset(), 0, layout_.null_bytes());
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const ColumnView& column = batch.column(columns[c]);
    std::byte* target = first + layout_.field(c).offset;
    switch (vector::width_bytes(layout_.field(c).type)) {
      case 1:
        store_fixed<1>(column.values, source_rows, target, stride);
        break;
      case 2:
        store_fixed<2>(column.values, source_rows, target, stride);
        break;
      case 4:
        store_fixed<4>(column.values, source_rows, target, stride);
        break;
      case 8:
        store_fixed<8>(column.values, source_rows, target, stride);
        break;
      default:
        store_fixed<16>(column.values, source_rows, target, stride);
        break;
    }
    if (column.type == PhysicalType::kVarlen) {
      store_strings(column, source_rows, target);
    }
    if (column.validity != nullptr) {
      store_nulls(c, column, source_rows, first);
    }
    traits_[c].may_hold_nan |= column.may_hold_nan;
  }
  const std::uint32_t first_number = rows_ + 1;
  rows_ += static_cast<std::uint32_t>(source_rows.size());
  return first_number;
}

const char* RowStore::keep_bytes(const char* data, std::uint32_t size) {
  auto* copy = reinterpret_cast<char*>(heap_->allocate(size, 1));
  std::memcpy(copy, data, size);
  return copy;
}

void RowStore::store_strings(const ColumnView& column, std::span<const RowIndex> rows,
                             std::byte* target) {
  const auto* strings = column.as<StringRef>();
  const std::size_t stride = layout_.stride_bytes();
  for (const RowIndex row : rows) {
    const StringRef& text = strings[row];
    if (!text.is_inline()) {
      const StringRef kept = column.is_null(row)
                                 ? StringRef()
                                 : StringRef(keep_bytes(text.data(), text.size()), text.size());
      std::memcpy(target, static_cast<const void*>(&kept), sizeof kept);
    }
    target += stride;
  }
}

void RowStore::store_nulls(std::size_t column, const ColumnView& view,
                           std::span<const RowIndex> rows, std::byte* first) {
  std::byte* bits = first + layout_.null_offset() + column / 8;
  const auto mask = std::byte{static_cast<unsigned char>(1U << (column % 8))};
  bool any = false;
  for (const RowIndex row : rows) {
    if (view.is_null(row)) {
      *bits |= mask;
      any = true;
    }
    bits += layout_.stride_bytes();
  }
  traits_[column].may_hold_null |= any;
}

void RowStore::append_from(const RowStore& other, std::uint32_t number) {
  reserve_rows(1);
  const std::uint32_t copy = rows_ + 1;
  std::byte* target = bytes_.data() + std::size_t{copy} * layout_.stride_bytes();
  std::memcpy(target, other.row(number), layout_.stride_bytes());
  for (std::size_t c = 0; c < layout_.column_count(); ++c) {
    traits_[c].may_hold_null |= other.traits_[c].may_hold_null;
    traits_[c].may_hold_nan |= other.traits_[c].may_hold_nan;
    if (layout_.field(c).type != PhysicalType::kVarlen) {
      continue;
    }
    const auto text = other.value<StringRef>(number, c);
    if (!text.is_inline()) {
      const StringRef kept(keep_bytes(text.data(), text.size()), text.size());
      std::memcpy(target + layout_.field(c).offset, static_cast<const void*>(&kept), sizeof kept);
    }
  }
  rows_ = copy;
}

ColumnView RowStore::load(std::size_t column, const std::uint32_t* numbers,
                          std::span<const RowIndex> positions,
                          LoadedColumn& target) const noexcept {
  std::byte* values = target.values_.data();
  load_values(vector::width_bytes(target.type_), bytes_.data() + layout_.field(column).offset,
              layout_.stride_bytes(), numbers, positions, values);
  ColumnView view{target.type_, may_hold_nan(column), values, nullptr};
  if (may_hold_null(column)) {
    load_validity(target.validity_, positions,
                  [&](RowIndex position) { return is_null(numbers[position], column); });
    view.validity = target.validity_.data();
  }
  return view;
}

void RowStore::make_none_null() noexcept {
  std::memset(bytes_.data() + layout_.null_offset(), 0xff, layout_.null_bytes());
  for (ColumnTraits& traits : traits_) {
    traits.may_hold_null = true;
  }
}

void RowStore::clear() noexcept {
  rows_ = 0;
  heap_->reset();
}

void RowStore::shrink() noexcept {
  bytes_.shrink((std::size_t{rows_} + 1) * layout_.stride_bytes());
}

}  // namespace sluice::engine
