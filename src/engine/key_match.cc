#include "engine/key_match.h"

#include <cmath>

namespace sluice::engine {

using vector::ColumnView;
using vector::KeyEquality;
using vector::PhysicalType;
using vector::StringRef;

namespace {

template <typename T, typename Equal>
void match_values(const void* key_values, const RowStore& store, std::size_t column,
                  const RowPairs& pairs, std::uint8_t* equal, Equal equals) noexcept {
  const auto* keys = static_cast<const std::byte*>(key_values);
  const std::byte* field = store.row(0) + store.layout().field(column).offset;
  const std::size_t stride = store.layout().stride_bytes();
  for (std::uint32_t i = 0; i < pairs.count; ++i) {
    T left;
    T right;
    std::memcpy(static_cast<void*>(&left), keys + pairs.rows[i] * sizeof(T), sizeof(T));
    std::memcpy(static_cast<void*>(&right), field + pairs.numbers[i] * stride, sizeof(T));
    equal[i] &= static_cast<std::uint8_t>(equals(left, right));
  }
}

template <typename T>
void match_bits(const void* keys, const RowStore& store, std::size_t column, const RowPairs& pairs,
                std::uint8_t* equal) noexcept {
  match_values<T>(keys, store, column, pairs, equal, [](T a, T b) { return a == b; });
}

bool blank_padded_equal(const StringRef& left, const StringRef& right) noexcept {
  return left == right || vector::without_trailing_blanks(left.view()) ==
                              vector::without_trailing_blanks(right.view());
}

void match_not_null(const ColumnView& key, const RowStore& store, std::size_t column,
                    KeyEquality equality, const RowPairs& pairs, std::uint8_t* equal) noexcept {
  switch (key.type) {
    case PhysicalType::kInt8:
      return match_bits<std::uint8_t>(key.values, store, column, pairs, equal);
    case PhysicalType::kInt16:
      return match_bits<std::uint16_t>(key.values, store, column, pairs, equal);
    case PhysicalType::kInt32:
      return match_bits<std::uint32_t>(key.values, store, column, pairs, equal);
    case PhysicalType::kInt64:
      return match_bits<std::uint64_t>(key.values, store, column, pairs, equal);
    case PhysicalType::kInt128:
      return match_bits<base::UInt128>(key.values, store, column, pairs, equal);
    case PhysicalType::kFloat64:
      if (equality == KeyEquality::kBits) {
        return match_bits<std::uint64_t>(key.values, store, column, pairs, equal);
      }
      return match_values<double>(key.values, store, column, pairs, equal, [](double a, double b) {
        return a == b || (std::isnan(a) && std::isnan(b));
      });
    case PhysicalType::kVarlen:
      if (equality == KeyEquality::kBlankPadded) {
        return match_values<StringRef>(key.values, store, column, pairs, equal, blank_padded_equal);
      }
      return match_values<StringRef>(key.values, store, column, pairs, equal,
                                     [](const StringRef& a, const StringRef& b) { return a == b; });
  }
}

void match_nullable(const ColumnView& key, const RowStore& store, std::size_t column,
                    KeyEquality equality, const RowPairs& pairs, std::uint8_t* equal) noexcept {
  for (std::uint32_t i = 0; i < pairs.count; ++i) {
    const bool key_null = key.is_null(pairs.rows[i]);
    const bool stored_null = store.is_null(pairs.numbers[i], column);
    if (key_null || stored_null) {
      equal[i] &= static_cast<std::uint8_t>(key_null == stored_null);
    } else {
      match_not_null(key, store, column, equality, {pairs.rows + i, pairs.numbers + i, 1},
                     equal + i);
    }
  }
}

}  // namespace

void match_key(const ColumnView& key, const RowStore& store, std::size_t column,
               KeyEquality equality, const RowPairs& pairs, std::uint8_t* equal) noexcept {
  if (key.validity == nullptr && !store.may_hold_null(column)) {
    match_not_null(key, store, column, equality, pairs, equal);
  } else {
    match_nullable(key, store, column, equality, pairs, equal);
  }
}

ColumnView stored_value_view(const RowStore& store, std::uint32_t number, std::size_t column,
                             std::uint64_t& validity) noexcept {
  validity = store.is_null(number, column) ? 0 : 1;
  const RowField& field = store.layout().field(column);
  return {field.type, store.may_hold_nan(column), store.row(number) + field.offset, &validity};
}

}  // namespace sluice::engine
