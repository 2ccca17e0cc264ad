#include "engine/packed_key_cache.h"

#include <algorithm>
#include <cstring>

#include "engine/row_store.h"
#include "vector/string_ref.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::PhysicalType;
using vector::RowIndex;
using vector::StringRef;

namespace {

constexpr std::uint32_t kStringBytesMax = 7;
constexpr std::uint32_t kSizeBits = 3;
constexpr std::uint32_t kPoorBatchesMax = 8;

template <typename Word, typename T>
void pack_values(const ColumnView& column, const RowIndex* rows, std::uint32_t count,
                 std::uint32_t shift, std::uint64_t* words) noexcept {
  const T* values = column.as<T>();
  for (std::uint32_t i = 0; i < count; ++i) {
    words[i] |= static_cast<std::uint64_t>(static_cast<Word>(values[rows[i]])) << shift;
  }
}

void pack_strings(const ColumnView& column, const RowIndex* rows, std::uint32_t count,
                  std::uint32_t shift, std::uint32_t bytes_max, std::uint64_t* words,
                  std::uint8_t* unfit) noexcept {
  const auto* strings = reinterpret_cast<const std::byte*>(column.values);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t size;
    std::uint64_t bytes;  // zero-padded by StringRef's invariant where size <= 7
    std::memcpy(&size, strings + rows[i] * sizeof(StringRef), sizeof size);
    std::memcpy(&bytes, strings + rows[i] * sizeof(StringRef) + sizeof size, sizeof bytes);
    unfit[i] |= static_cast<std::uint8_t>(size > bytes_max);
    words[i] |= (bytes << kSizeBits | (size & 7)) << shift;
  }
}

}  // namespace

PackedKeyCache::PackedKeyCache(const std::vector<PhysicalType>& key_types, base::Arena& arena)
    : scratch_(arena.allocate_array<Scratch>(1).data()) {
  // The words, too: find() compares with an entry's word before it knows whether there is one.
  std::memset(scratch_->cached_words, 0, sizeof scratch_->cached_words);
  std::memset(scratch_->cached_groups, 0, sizeof scratch_->cached_groups);
  std::uint32_t bits = 0;
  for (const PhysicalType type : key_types) {
    fields_.push_back({type, 0, 0});
    bits += type == PhysicalType::kVarlen
                ? 8 + kSizeBits
                : static_cast<std::uint32_t>(vector::width_bytes(type)) * 8;
  }
  enabled_ = bits <= 64;
}

void PackedKeyCache::clear() noexcept {
  std::memset(scratch_->cached_groups, 0, sizeof scratch_->cached_groups);
}

void PackedKeyCache::plan_fields(const Batch& batch,
                                 const std::vector<std::uint32_t>& key_columns) {
  std::uint32_t bits = 0;
  const RowIndex* rows = counted_rows(batch);
  for (std::size_t k = 0; k < fields_.size(); ++k) {
    Field& field = fields_[k];
    const ColumnView& column = batch.column(key_columns[k]);
    std::uint32_t width = static_cast<std::uint32_t>(vector::width_bytes(field.type)) * 8;
    if (field.type == PhysicalType::kVarlen) {
      std::uint32_t longest = 1;
      for (std::uint32_t i = 0; i < batch.count(); ++i) {
        longest =
            std::max(longest, column.is_null(rows[i]) ? 0 : column.as<StringRef>()[rows[i]].size());
      }
      field.string_bytes_max = longest;
      enabled_ &= longest <= kStringBytesMax;
      width = std::min(longest, kStringBytesMax) * 8 + kSizeBits;
    }
    field.shift = bits;
    bits += width;
    enabled_ &= bits <= 64;
  }
  planned_ = true;
}

void PackedKeyCache::pack(const Batch& batch, const ColumnView& column,
                          const Field& field) noexcept {
  const RowIndex* rows = counted_rows(batch);
  const std::uint32_t count = batch.count();
  std::uint64_t* words = scratch_->words;
  switch (field.type) {
    case PhysicalType::kInt8:
      pack_values<std::uint8_t, std::int8_t>(column, rows, count, field.shift, words);
      break;
    case PhysicalType::kInt16:
      pack_values<std::uint16_t, std::int16_t>(column, rows, count, field.shift, words);
      break;
    case PhysicalType::kInt32:
      pack_values<std::uint32_t, std::int32_t>(column, rows, count, field.shift, words);
      break;
    case PhysicalType::kVarlen:
      pack_strings(column, rows, count, field.shift, field.string_bytes_max, words,
                   scratch_->unfit);
      break;
    default:  // of 8 bytes, and alone in its word
      pack_values<std::uint64_t, std::uint64_t>(column, rows, count, 0, words);
      break;
  }
  if (column.validity != nullptr) {
    for (std::uint32_t i = 0; i < count; ++i) {
      scratch_->unfit[i] |= static_cast<std::uint8_t>(column.is_null(rows[i]));
    }
  }
}

std::uint32_t PackedKeyCache::find(const Batch& batch,
                                   const std::vector<std::uint32_t>& key_columns,
                                   std::uint32_t* groups, RowIndex* misses) noexcept {
  if (!planned_) {
    plan_fields(batch, key_columns);
  }
  const std::uint32_t count = batch.count();
  std::fill_n(scratch_->words, count, std::uint64_t{0});
  std::fill_n(scratch_->unfit, count, std::uint8_t{0});
  if (!enabled_) {
    std::copy_n(all_rows(), count, misses);
    return count;
  }
  for (std::size_t k = 0; k < fields_.size(); ++k) {
    pack(batch, batch.column(key_columns[k]), fields_[k]);
  }
  std::uint32_t missed = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t word = scratch_->words[i];
    const std::uint64_t entry = entry_of(word);
    const std::uint32_t group = scratch_->cached_groups[entry];
    const bool hit = scratch_->cached_words[entry] == word && group != 0;
    groups[i] = group - 1;
    misses[missed] = static_cast<RowIndex>(i);
    missed += hit && scratch_->unfit[i] == 0 ? 0 : 1;
  }
  poor_batches_ = 2 * missed > count ? poor_batches_ + 1 : 0;
  enabled_ = poor_batches_ < kPoorBatchesMax;
  return missed;
}

void PackedKeyCache::learn(std::uint32_t index, std::uint32_t group) noexcept {
  if (scratch_->unfit[index] != 0) {
    return;
  }
  const std::uint64_t word = scratch_->words[index];
  const std::uint64_t entry = entry_of(word);
  scratch_->cached_words[entry] = word;
  scratch_->cached_groups[entry] = group + 1;
}

}  // namespace sluice::engine
