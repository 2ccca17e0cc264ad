#include "vector/hash.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice::vector {

namespace {

constexpr std::uint64_t kNullWord = 0x6e756c6c6e756c6cULL;
constexpr std::uint64_t kSeedFactor = 0x9e3779b97f4a7c15ULL;

// A bijection whose every output bit depends on every input bit.
// Source: Pelle Evensen, "Moremur" constants for David Stafford's mixer.
inline std::uint64_t mix(std::uint64_t word) noexcept {
  word ^= word >> 27;
  word *= 0x3c79ac492ba7b653ULL;
  word ^= word >> 33;
  word *= 0x1c69b3f74ac4ae35ULL;
  return word ^ (word >> 27);
}

// The words below fold a value to 64 bits; mix() spreads them afterwards.

template <typename T>
inline std::uint64_t integer_word(T value) noexcept {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

// A value that fits 64 bits folds to those, so that both decimal widths agree.
inline std::uint64_t int128_word(base::Int128 value) noexcept {
  const auto low = static_cast<std::int64_t>(value);
  const auto high = static_cast<std::int64_t>(value >> 64);
  const auto excess = static_cast<std::uint64_t>(low < 0 ? ~high : high);
  return static_cast<std::uint64_t>(low) ^ mix(excess * kSeedFactor);
}

inline std::uint64_t float_word(double value) noexcept {
  if (std::isnan(value)) {
    value = std::numeric_limits<double>::quiet_NaN();
  }
  return std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
}

inline std::uint64_t short_string_word(const StringRef& string) noexcept {
  std::uint64_t words[2];
  std::memcpy(words, &string, sizeof words);
  return words[0] ^ mix(words[1] + kSeedFactor);
}

inline std::uint64_t string_word(const StringRef& string) noexcept {
  return string.is_inline() ? short_string_word(string) : XXH3_64bits(string.data(), string.size());
}

inline std::uint64_t blank_padded_word(const StringRef& string) noexcept {
  return string_word(without_trailing_blanks(string));
}

// One loop a combination of type, nulls, selection and first key, so that no row pays for a choice.
template <bool kFirst, bool kSelected, bool kNullable, typename Word>
void hash_rows(const Batch& batch, const ColumnView& column, std::uint64_t* hashes,
               Word word_at) noexcept {
  const RowIndex* selection = batch.selection();
  const std::uint32_t count = batch.count();
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t row = kSelected ? selection[i] : i;
    std::uint64_t word = word_at(row);
    if (kNullable) {
      word = column.is_null(row) ? kNullWord : word;
    }
    hashes[i] = mix(kFirst ? word : word + hashes[i] * kSeedFactor);
  }
}

template <typename Word>
void hash_column(const Batch& batch, const ColumnView& column, bool first, std::uint64_t* hashes,
                 Word word_at) noexcept {
  const unsigned shape = (first ? 4U : 0U) | (batch.selection() != nullptr ? 2U : 0U) |
                         (column.validity != nullptr ? 1U : 0U);
  switch (shape) {
    case 0:
      return hash_rows<false, false, false>(batch, column, hashes, word_at);
    case 1:
      return hash_rows<false, false, true>(batch, column, hashes, word_at);
    case 2:
      return hash_rows<false, true, false>(batch, column, hashes, word_at);
    case 3:
      return hash_rows<false, true, true>(batch, column, hashes, word_at);
    case 4:
      return hash_rows<true, false, false>(batch, column, hashes, word_at);
    case 5:
      return hash_rows<true, false, true>(batch, column, hashes, word_at);
    case 6:
      return hash_rows<true, true, false>(batch, column, hashes, word_at);
    default:
      return hash_rows<true, true, true>(batch, column, hashes, word_at);
  }
}

template <typename T>
void hash_integers(const Batch& batch, const ColumnView& column, bool first,
                   std::uint64_t* hashes) noexcept {
  const T* values = column.as<T>();
  hash_column(batch, column, first, hashes,
              [values](std::uint32_t row) { return integer_word(values[row]); });
}

void hash_strings(const Batch& batch, const ColumnView& column, KeyEquality equality, bool first,
                  std::uint64_t* hashes) noexcept {
  const auto* values = column.as<StringRef>();
  if (equality == KeyEquality::kBlankPadded) {
    hash_column(batch, column, first, hashes,
                [values](std::uint32_t row) { return blank_padded_word(values[row]); });
  } else {
    hash_column(batch, column, first, hashes,
                [values](std::uint32_t row) { return string_word(values[row]); });
  }
}

void hash_key(const Batch& batch, const ColumnView& column, KeyEquality equality, bool first,
              std::uint64_t* hashes) noexcept {
  switch (column.type) {
    case PhysicalType::kInt8:
      return hash_integers<std::int8_t>(batch, column, first, hashes);
    case PhysicalType::kInt16:
      return hash_integers<std::int16_t>(batch, column, first, hashes);
    case PhysicalType::kInt32:
      return hash_integers<std::int32_t>(batch, column, first, hashes);
    case PhysicalType::kInt64:
      return hash_integers<std::int64_t>(batch, column, first, hashes);
    case PhysicalType::kInt128: {
      const auto* values = column.as<base::Int128>();
      return hash_column(batch, column, first, hashes,
                         [values](std::uint32_t row) { return int128_word(values[row]); });
    }
    case PhysicalType::kFloat64: {
      if (equality == KeyEquality::kBits) {
        return hash_integers<std::int64_t>(batch, column, first, hashes);
      }
      const auto* values = column.as<double>();
      return hash_column(batch, column, first, hashes,
                         [values](std::uint32_t row) { return float_word(values[row]); });
    }
    case PhysicalType::kVarlen:
      return hash_strings(batch, column, equality, first, hashes);
  }
}

template <typename T>
bool bits_equal(const ColumnView& left, std::uint32_t left_row, const ColumnView& right,
                std::uint32_t right_row) noexcept {
  return left.as<T>()[left_row] == right.as<T>()[right_row];
}

bool floats_equal(double left, double right) noexcept {
  return left == right || (std::isnan(left) && std::isnan(right));
}

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes) noexcept {
  return mix(string_word(StringRef(bytes)));
}

std::uint64_t hash_integer(std::uint64_t value) noexcept { return mix(value); }

void hash_keys(const Batch& batch, std::span<const std::uint32_t> key_columns,
               std::span<const KeyEquality> equalities, std::uint64_t* hashes) noexcept {
  assert(key_columns.size() == equalities.size());
  if (key_columns.empty()) {
    std::memset(hashes, 0, batch.count() * sizeof *hashes);
    return;
  }
  for (std::size_t i = 0; i < key_columns.size(); ++i) {
    hash_key(batch, batch.column(key_columns[i]), equalities[i], i == 0, hashes);
  }
}

bool values_equal(const ColumnView& left, std::uint32_t left_row, const ColumnView& right,
                  std::uint32_t right_row, KeyEquality equality) noexcept {
  assert(left.type == right.type);
  const bool left_null = left.is_null(left_row);
  const bool right_null = right.is_null(right_row);
  if (left_null || right_null) {
    return left_null && right_null;
  }
  switch (left.type) {
    case PhysicalType::kInt8:
      return bits_equal<std::int8_t>(left, left_row, right, right_row);
    case PhysicalType::kInt16:
      return bits_equal<std::int16_t>(left, left_row, right, right_row);
    case PhysicalType::kInt32:
      return bits_equal<std::int32_t>(left, left_row, right, right_row);
    case PhysicalType::kInt64:
      return bits_equal<std::int64_t>(left, left_row, right, right_row);
    case PhysicalType::kInt128:
      return bits_equal<base::Int128>(left, left_row, right, right_row);
    case PhysicalType::kFloat64:
      return equality == KeyEquality::kBits
                 ? bits_equal<std::int64_t>(left, left_row, right, right_row)
                 : floats_equal(left.as<double>()[left_row], right.as<double>()[right_row]);
    case PhysicalType::kVarlen: {
      const StringRef& a = left.as<StringRef>()[left_row];
      const StringRef& b = right.as<StringRef>()[right_row];
      return equality == KeyEquality::kBlankPadded
                 ? without_trailing_blanks(a) == without_trailing_blanks(b)
                 : a == b;
    }
  }
  return false;
}

}  // namespace sluice::vector
