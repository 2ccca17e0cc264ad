#include "pg/source/decode/column_decode.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "base/check.h"
#include "pg/source/decode/varlena.h"
#include "vector/string_ref.h"
#include "vector/uuid_order.h"

namespace sluice::pg {
namespace {

using base::Int128;
using vector::PhysicalType;
using vector::StringRef;

/// Stores a StringRef in two words. Anything that is put together in memory first waits for its
/// stores.
[[gnu::always_inline]] inline void store_words(StringRef* to, std::uint64_t low,
                                               std::uint64_t high) noexcept {
  static_assert(sizeof(StringRef) == 2 * sizeof low && std::is_trivially_copyable_v<StringRef>);
  auto* bytes = reinterpret_cast<std::byte*>(to);
  std::memcpy(bytes, &low, sizeof low);
  std::memcpy(bytes + sizeof low, &high, sizeof high);
}

/// Stores a string that lies inside a tuple. Its bytes are fetched in words that end where the
/// string ends: what lies before it is readable, what comes after it may not be.
[[gnu::always_inline]] inline void store_string(StringRef* to, const std::uint8_t* payload,
                                                std::uint32_t size) noexcept {
  if (size > StringRef::kInlineBytes) {
    const std::uint64_t prefix = load_bytes<std::uint32_t>(payload);
    store_words(to, size | prefix << 32, reinterpret_cast<std::uintptr_t>(payload));
    return;
  }
  std::uint64_t first = 0;
  std::uint64_t rest = 0;
  if (size > 8) {
    first = load_bytes<std::uint64_t>(payload);
    rest = load_bytes<std::uint64_t>(payload + size - 8) >> (8 * (16 - size));
  } else if (size > 0) {
    first = load_bytes<std::uint64_t>(payload + size - 8) >> (8 * (8 - size));
  }
  store_words(to, size | first << 32, first >> 32 | rest << 32);
}

template <typename T>
constexpr T kNan = std::same_as<T, Int128> ? static_cast<T>(vector::kDecimalNan128)
                                           : static_cast<T>(vector::kDecimalNan64);

template <typename T>
T load_fixed(const std::uint8_t* at) noexcept {
  if constexpr (std::same_as<T, Int128>) {
    return vector::integer_of_uuid(at);
  } else {
    return load_bytes<T>(at);
  }
}

bool is_varlena(const ColumnTarget& target) noexcept {
  return target.precision > 0 || target.type == PhysicalType::kVarlen;
}

/// A value of a fixed length that is only handed on.
bool is_bytes(const ColumnTarget& target, const AttributeLayout& attribute) noexcept {
  return target.type == PhysicalType::kVarlen && attribute.length > 0;
}

void check_target(const ColumnTarget& target, const AttributeLayout& attribute) {
  bool fits = false;
  if (target.precision > 0) {
    fits = attribute.length == kVarlenaLength && target.precision <= 38 &&
           target.scale <= target.precision &&
           target.type == (target.precision <= 18 ? PhysicalType::kInt64 : PhysicalType::kInt128);
  } else if (target.type == PhysicalType::kVarlen) {
    fits = attribute.length == kVarlenaLength || attribute.length > 0;
  } else {
    fits = attribute.length == static_cast<std::int16_t>(vector::width_bytes(target.type));
  }
  SLUICE_CHECK(fits, "a scan column's type does not fit its attribute");
}

}  // namespace

ColumnDecoder::ColumnDecoder(const ColumnTarget& target, const AttributeLayout& attribute,
                             std::uint16_t column)
    : target_(&target), attribute_(attribute), column_(column) {
  check_target(target, attribute);
  if (target.precision > 0) {
    numeric_.emplace(target.precision, target.scale);
    if (NumericVector::is_supported()) {
      numeric_vector_.emplace(*numeric_);
    }
  }
  buffers_ = std::make_unique<Buffers>();  // zeroed: values of rows never decoded are readable
  load_missing();
}

void ColumnDecoder::load_missing() {
  if (!target_->missing) {
    return;
  }
  const std::vector<std::uint8_t>& bytes = *target_->missing;
  if (is_bytes(*target_, attribute_)) {
    const StringRef value(reinterpret_cast<const char*>(bytes.data()),
                          static_cast<std::uint32_t>(bytes.size()));
    std::memcpy(missing_.data(), &value, sizeof value);
    return;
  }
  if (!is_varlena(*target_)) {
    SLUICE_CHECK(bytes.size() == vector::width_bytes(target_->type),
                 "a missing value has the wrong size");
    if (target_->type == PhysicalType::kInt128) {
      const Int128 value = vector::integer_of_uuid(bytes.data());
      std::memcpy(missing_.data(), &value, sizeof value);
    } else {
      std::memcpy(missing_.data(), bytes.data(), bytes.size());
    }
    return;
  }
  const Varlena varlena = locate_varlena(bytes.data(), bytes.data() + bytes.size(), 1);
  SLUICE_CHECK(varlena.form == VarlenaForm::kPlain, "a missing value is toasted");
  const std::span<const std::uint8_t> payload(varlena.payload, varlena.end);
  if (target_->type == PhysicalType::kVarlen) {
    const StringRef text(reinterpret_cast<const char*>(payload.data()),
                         static_cast<std::uint32_t>(payload.size()));
    std::memcpy(missing_.data(), &text, sizeof text);
  } else if (target_->type == PhysicalType::kInt64) {
    const auto value = numeric_of<std::int64_t>(payload);
    std::memcpy(missing_.data(), &value, sizeof value);
  } else {
    const auto value = numeric_of<Int128>(payload);
    std::memcpy(missing_.data(), &value, sizeof value);
  }
  missing_is_nan_ = any_nan_;
}

void ColumnDecoder::begin(const TupleGroup& group, std::vector<ToastedValue>& toasted) {
  group_ = &group;
  toasted_ = &toasted;
  sparse_ = !group.is_full(target_->attribute);
  any_null_ = false;
  any_nan_ = false;
  if (sparse_) {
    buffers_->validity.fill(~std::uint64_t{0});
  }
}

vector::ColumnView ColumnDecoder::view() const noexcept {
  return {target_->type, any_nan_, buffers_->values.data(),
          any_null_ ? buffers_->validity.data() : nullptr};
}

template <typename T>
void ColumnDecoder::store_absent(std::uint32_t row) {
  if (group_->is_missing(row, target_->attribute) && target_->missing) {
    std::memcpy(values<T>() + row, missing_.data(), sizeof(T));
    any_nan_ |= missing_is_nan_;
    return;
  }
  values<T>()[row] = T{};
  buffers_->validity[row / 64] &= ~(std::uint64_t{1} << (row % 64));
  any_null_ = true;
}

// The loops are functions of their own: together with others they would run out of registers.

/// All rows have the attribute. `present` stores a row's value and returns where it ends.
template <typename T, typename Rows, typename Places, typename Present>
[[gnu::noinline]] void ColumnDecoder::decode_full(Rows rows, Places cursor,
                                                  const std::uint8_t** out, Present present) {
  const std::uint8_t* const* ends = group_->ends();
  group_->ahead().lines(rows.count).for_each(rows, [=](std::size_t, std::uint32_t row) {
    out[row] = present(row, cursor.locate(row), ends[row]);
  });
}

/// The same for numerics: they are located row by row, and a block of them is decoded together.
template <typename T, typename Rows, typename Places, typename Present>
[[gnu::noinline]] void ColumnDecoder::decode_blocks(Rows rows, Places cursor,
                                                    const std::uint8_t** out, Present present) {
  T* to = values<T>();
  const std::uint8_t* const* ends = group_->ends();
  std::uint32_t unusual_count = 0;
  NumericBlock block;
  for (std::size_t first = 0; first < rows.count; first += NumericBlock::kRows) {
    const std::size_t count = std::min<std::size_t>(NumericBlock::kRows, rows.count - first);
    const auto take = [&block, cursor, ends, out](std::size_t i, std::size_t row) {
      const std::uint8_t* at = cursor.locate(row);
      out[row] = at + short_size_bytes(block.set(i, at, ends[row]));
    };
    group_->ahead().lines(count).for_each(rows.part(first, count), take);
    const bool are_usual = numeric_vector_->decode(block, static_cast<std::uint32_t>(count));
    if constexpr (std::same_as<Rows, DenseRows> && std::same_as<T, std::int64_t>) {
      std::memcpy(to + rows[first], block.words.data(), count * sizeof(T));
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        to[rows[first + i]] = static_cast<std::int64_t>(block.words[i]);
      }
    }
    for (std::size_t i = are_usual ? count : 0; i < count; ++i) {
      if (!block.is_usual(i)) {
        const std::size_t row = rows[first + i];
        const std::uint8_t* at = out[row] - short_size_bytes(block.headers[i]);
        out[row] = present(static_cast<std::uint32_t>(row), at, ends[row]);
        ++unusual_count;
      }
    }
  }
  if (unusual_count > rows.count / 2) {
    calls_one_by_one_ = kCallsOneByOne;
  }
}

template <typename T, typename Rows, typename Present>
[[gnu::noinline]] void ColumnDecoder::decode_sparse(Rows rows, Cursor cursor,
                                                    const std::uint8_t** out, Present present) {
  const TupleGroup& group = *group_;
  const std::uint32_t attribute = target_->attribute;
  for (std::uint32_t i = 0; i < rows.count; ++i) {
    const std::uint32_t row = rows[i];
    const std::uint8_t* at = cursor.locate(row);
    if (group.is_missing(row, attribute) || group.is_null(row, attribute)) {
      store_absent<T>(row);
      out[row] = at;
    } else {
      out[row] = present(row, at, group.ends()[row]);
    }
  }
}

template <typename T, typename Present>
void ColumnDecoder::decode_values(const Cursor& cursor, const RowSet& rows,
                                  const std::uint8_t** out, Present present) {
  with_rows(rows, [&](auto set) {
    if (sparse_) {
      decode_sparse<T>(set, cursor, out, present);
    } else if (cursor.is_exact()) {
      decode_full<T>(set, ExactCursor{cursor.at}, out, present);
    } else {
      decode_full<T>(set, cursor, out, present);
    }
  });
}

template <typename T>
void ColumnDecoder::decode_fixed(Cursor& cursor, const RowSet& rows, const std::uint8_t** out) {
  T* to = values<T>();
  const auto store = [to](std::uint32_t row, const std::uint8_t* at,
                          const std::uint8_t* tuple_end) {
    if (at + sizeof(T) > tuple_end) [[unlikely]] {
      throw_tuple_too_short();
    }
    to[row] = load_fixed<T>(at);
    return at + sizeof(T);
  };
  if (sparse_) {
    const std::uint32_t alignment = attribute_.alignment;
    decode_values<T>(cursor, rows, out,
                     [store, alignment](std::uint32_t row, const std::uint8_t* at,
                                        const std::uint8_t* tuple_end) {
                       return store(row, align_up(at, alignment), tuple_end);
                     });
    cursor = {out, 1, 0};
    return;
  }
  AttributeWalk::align(cursor, attribute_.alignment, rows, out);
  const ReadAhead::Lines ahead = group_->ahead().lines(rows.count);
  if (cursor.at == group_->data() && cursor.skip_bytes + sizeof(T) <= group_->data_bytes_min()) {
    with_rows(rows, [to, ahead, here = cursor](auto set) {  // at the same place in every tuple
      ahead.for_each(set, [=](std::size_t, std::uint32_t row) {
        to[row] = load_fixed<T>(here.at[row] + here.skip_bytes);
      });
    });
    cursor.skip_bytes += sizeof(T);
    return;
  }
  const std::uint8_t* const* ends = group_->ends();
  with_rows(rows, [store, ends, ahead, here = cursor](auto set) {
    ahead.for_each(
        set, [=](std::size_t, std::uint32_t row) { store(row, here.locate(row), ends[row]); });
  });
  cursor.skip_bytes += sizeof(T);
}

template <typename T>
T ColumnDecoder::numeric_of(std::span<const std::uint8_t> payload) {
  const NumericResult result = numeric_->decode(payload);
  switch (result.state) {
    case NumericState::kValue:
      return static_cast<T>(result.value);
    case NumericState::kNan:
      any_nan_ = true;
      return kNan<T>;
    case NumericState::kDoesNotFit:
      base::throw_abandon("a stored numeric does not fit its column's precision and scale");
    case NumericState::kCorrupt:
      break;
  }
  base::throw_corrupt("a stored numeric is malformed");
}

template <typename T>
[[gnu::noinline]] const std::uint8_t* ColumnDecoder::decode_unusual(std::uint32_t row,
                                                                    const std::uint8_t* at,
                                                                    const std::uint8_t* tuple_end) {
  const Varlena varlena = locate_varlena(at, tuple_end, attribute_.alignment);
  if (varlena.form == VarlenaForm::kToasted) {
    toasted_->push_back({column_, static_cast<vector::RowIndex>(row), varlena.start});
    values<T>()[row] = T{};
  } else {
    store_payload(row, {varlena.payload, varlena.end});
  }
  return varlena.end;
}

template <typename T, bool kCut>
void ColumnDecoder::decode_numeric(const Cursor& cursor, const RowSet& rows,
                                   const std::uint8_t** out) {
  T* to = values<T>();
  const auto present = [this, to](std::uint32_t row, const std::uint8_t* at,
                                  const std::uint8_t* tuple_end) {
    if (at < tuple_end) [[likely]] {
      const std::uint8_t header = *at;
      const std::uint8_t* next = at + short_size_bytes(header);
      std::int64_t value;
      if (next <= tuple_end && numeric_->decode_short<kCut>(header, next, value)) [[likely]] {
        to[row] = value;
        return next;
      }
    }
    return decode_unusual<T>(row, at, tuple_end);
  };
  if (sparse_ || !numeric_vector_ || calls_one_by_one_ > 0) {
    calls_one_by_one_ -= calls_one_by_one_ > 0 ? 1 : 0;
    decode_values<T>(cursor, rows, out, present);
    return;
  }
  with_rows(rows, [&](auto set) {
    if (cursor.is_exact()) {
      decode_blocks<T>(set, ExactCursor{cursor.at}, out, present);
    } else {
      decode_blocks<T>(set, cursor, out, present);
    }
  });
}

void ColumnDecoder::decode_string(const Cursor& cursor, const RowSet& rows,
                                  const std::uint8_t** out) {
  auto* to = values<StringRef>();
  decode_values<StringRef>(
      cursor, rows, out,
      [this, to](std::uint32_t row, const std::uint8_t* at, const std::uint8_t* tuple_end) {
        if (at < tuple_end) [[likely]] {
          const std::uint8_t header = *at;
          const std::uint32_t size = short_size_bytes(header);
          if (is_short_header(header) && at + size <= tuple_end) [[likely]] {
            store_string(to + row, at + 1, size - 1);
            return at + size;
          }
        }
        return decode_unusual<StringRef>(row, at, tuple_end);
      });
}

void ColumnDecoder::decode_bytes(const Cursor& cursor, const RowSet& rows,
                                 const std::uint8_t** out) {
  auto* to = values<StringRef>();
  const std::uint32_t alignment = attribute_.alignment;
  const auto length = static_cast<std::uint32_t>(attribute_.length);
  decode_values<StringRef>(cursor, rows, out,
                           [to, alignment, length](std::uint32_t row, const std::uint8_t* at,
                                                   const std::uint8_t* tuple_end) {
                             at = align_up(at, alignment);
                             if (at + length > tuple_end) [[unlikely]] {
                               throw_tuple_too_short();
                             }
                             store_string(to + row, at, length);
                             return at + length;
                           });
}

void ColumnDecoder::decode(Cursor& cursor, const RowSet& rows, const std::uint8_t** out) {
  if (is_bytes(*target_, attribute_)) {
    decode_bytes(cursor, rows, out);
    cursor = {out, 1, 0};
    return;
  }
  if (is_varlena(*target_)) {
    const bool cut = numeric_ && numeric_->cuts_digit();
    if (target_->type == PhysicalType::kVarlen) {
      decode_string(cursor, rows, out);
    } else if (target_->type == PhysicalType::kInt64) {
      cut ? decode_numeric<std::int64_t, true>(cursor, rows, out)
          : decode_numeric<std::int64_t, false>(cursor, rows, out);
    } else {
      cut ? decode_numeric<Int128, true>(cursor, rows, out)
          : decode_numeric<Int128, false>(cursor, rows, out);
    }
    cursor = {out, 1, 0};
    return;
  }
  switch (vector::width_bytes(target_->type)) {
    case 1:
      return decode_fixed<std::int8_t>(cursor, rows, out);
    case 2:
      return decode_fixed<std::int16_t>(cursor, rows, out);
    case 4:
      return decode_fixed<std::int32_t>(cursor, rows, out);
    case 16:
      return decode_fixed<Int128>(cursor, rows, out);
    default:
      return decode_fixed<std::int64_t>(cursor, rows, out);
  }
}

void ColumnDecoder::store_payload(std::uint32_t row, std::span<const std::uint8_t> payload) {
  if (target_->type == PhysicalType::kVarlen) {
    values<StringRef>()[row] = StringRef(reinterpret_cast<const char*>(payload.data()),
                                         static_cast<std::uint32_t>(payload.size()));
  } else if (target_->type == PhysicalType::kInt64) {
    values<std::int64_t>()[row] = numeric_of<std::int64_t>(payload);
  } else {
    values<Int128>()[row] = numeric_of<Int128>(payload);
  }
}

}  // namespace sluice::pg
