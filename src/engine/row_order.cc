#include "engine/row_order.h"

#include <algorithm>
#include <cstring>

#include "engine/physical.h"
#include "engine/value_order.h"
#include "vector/string_ref.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::PhysicalType;
using vector::RowIndex;
using vector::StringRef;

namespace {

template <typename T>
T read_value(const std::byte* bytes) noexcept {
  T value;
  std::memcpy(static_cast<void*>(&value), bytes, sizeof value);
  return value;
}

template <typename T>
int compare_at(const std::byte* left, const std::byte* right) noexcept {
  return compare_values(read_value<T>(left), read_value<T>(right));
}

int compare_strings(const std::byte* left, const std::byte* right, bool blank_padded) noexcept {
  const auto left_text = read_value<StringRef>(left);
  const auto right_text = read_value<StringRef>(right);
  return blank_padded ? compare_bytes(vector::without_trailing_blanks(left_text.view()),
                                      vector::without_trailing_blanks(right_text.view()))
                      : compare_bytes(left_text.view(), right_text.view());
}

int compare_not_null(PhysicalType type, bool blank_padded, const std::byte* left,
                     const std::byte* right) noexcept {
  switch (type) {
    case PhysicalType::kInt8:
      return compare_at<std::int8_t>(left, right);
    case PhysicalType::kInt16:
      return compare_at<std::int16_t>(left, right);
    case PhysicalType::kInt32:
      return compare_at<std::int32_t>(left, right);
    case PhysicalType::kInt64:
      return compare_at<std::int64_t>(left, right);
    case PhysicalType::kInt128:
      return compare_at<base::Int128>(left, right);
    case PhysicalType::kFloat64:
      return compare_at<double>(left, right);
    case PhysicalType::kVarlen:
      break;
  }
  return compare_strings(left, right, blank_padded);
}

// Rows whose integer is not beyond the bound; most rows of a large input end here.
template <typename T>
std::uint32_t select_integers(const ColumnView& column, std::span<const RowIndex> rows, T bound,
                              bool descending, RowIndex* selected) noexcept {
  const T* values = column.as<T>();
  std::uint32_t count = 0;
  for (const RowIndex row : rows) {
    selected[count] = row;
    count += (descending ? values[row] >= bound : values[row] <= bound) ? 1 : 0;
  }
  return count;
}

}  // namespace

RowOrder::RowOrder(const std::vector<plan::SortKey>& keys,
                   const std::vector<plan::DataType>& types) {
  for (const plan::SortKey& key : keys) {
    const plan::DataType& type = types.at(key.column);
    keys_.push_back({key, physical_type_of(type), type.kind == plan::TypeKind::kBpchar});
  }
}

int RowOrder::compare_key(const Key& key, const std::byte* left, bool left_null,
                          const std::byte* right, bool right_null) noexcept {
  if (left_null || right_null) {
    if (left_null && right_null) {
      return 0;
    }
    return left_null == key.spec.nulls_first ? -1 : 1;
  }
  const int order = compare_not_null(key.type, key.blank_padded, left, right);
  return key.spec.descending ? -order : order;
}

int RowOrder::compare(const RowStore& store, std::uint32_t left,
                      std::uint32_t right) const noexcept {
  for (const Key& key : keys_) {
    const std::size_t column = key.spec.column;
    const std::uint32_t offset = store.layout().field(column).offset;
    const int order = compare_key(key, store.row(left) + offset, store.is_null(left, column),
                                  store.row(right) + offset, store.is_null(right, column));
    if (order != 0) {
      return order;
    }
  }
  return 0;
}

int RowOrder::compare_row(const Batch& batch, RowIndex row, const RowStore& store,
                          std::uint32_t right) const noexcept {
  for (const Key& key : keys_) {
    const ColumnView& column = batch.column(key.spec.column);
    const auto* value =
        static_cast<const std::byte*>(column.values) + row * vector::width_bytes(key.type);
    const std::uint32_t offset = store.layout().field(key.spec.column).offset;
    const int order = compare_key(key, value, column.is_null(row), store.row(right) + offset,
                                  store.is_null(right, key.spec.column));
    if (order != 0) {
      return order;
    }
  }
  return 0;
}

std::uint32_t RowOrder::select_before(const Batch& batch, std::span<const RowIndex> rows,
                                      const RowStore& store, std::uint32_t bound,
                                      RowIndex* selected) const noexcept {
  if (!keys_.empty()) {
    const Key& key = keys_.front();
    const std::size_t c = key.spec.column;
    const ColumnView& column = batch.column(c);
    if (column.validity == nullptr && !store.is_null(bound, c)) {
      std::uint32_t count = 0;
      const bool descending = key.spec.descending;
      switch (key.type) {
        case PhysicalType::kInt32:
          count = select_integers(column, rows, store.value<std::int32_t>(bound, c), descending,
                                  selected);
          rows = {selected, count};
          break;
        case PhysicalType::kInt64:
          count = select_integers(column, rows, store.value<std::int64_t>(bound, c), descending,
                                  selected);
          rows = {selected, count};
          break;
        case PhysicalType::kInt128:
          count = select_integers(column, rows, store.value<base::Int128>(bound, c), descending,
                                  selected);
          rows = {selected, count};
          break;
        default:
          break;
      }
    }
  }
  std::uint32_t count = 0;
  for (const RowIndex row : rows) {
    selected[count] = row;
    count += compare_row(batch, row, store, bound) < 0 ? 1 : 0;
  }
  return count;
}

}  // namespace sluice::engine
