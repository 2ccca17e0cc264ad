#include "engine/group_table.h"

#include "base/error.h"
#include "engine/physical.h"
#include "vector/hash.h"

namespace sluice::engine {

using vector::Batch;
using vector::RowIndex;

namespace {

std::vector<vector::PhysicalType> key_types(const std::vector<std::uint32_t>& columns,
                                            const std::vector<plan::DataType>& input) {
  std::vector<vector::PhysicalType> result;
  result.reserve(columns.size());
  for (const std::uint32_t column : columns) {
    result.push_back(physical_type_of(input.at(column)));
  }
  return result;
}

std::vector<vector::KeyEquality> key_equalities(const std::vector<std::uint32_t>& columns,
                                                const std::vector<plan::DataType>& input) {
  std::vector<vector::KeyEquality> result;
  result.reserve(columns.size());
  for (const std::uint32_t column : columns) {
    result.push_back(key_equality_of(input.at(column)));
  }
  return result;
}

std::vector<StoredKey> all_stored(const std::vector<vector::KeyEquality>& equalities) {
  std::vector<StoredKey> result;
  result.reserve(equalities.size());
  for (const vector::KeyEquality equality : equalities) {
    result.push_back({result.size(), equality});
  }
  return result;
}

}  // namespace

GroupTable::GroupTable(const std::vector<std::uint32_t>& key_columns,
                       const std::vector<plan::DataType>& input, base::MemoryBudget& budget)
    : key_columns_(key_columns),
      key_types_(key_types(key_columns, input)),
      equalities_(key_equalities(key_columns, input)),
      store_(key_types_, budget),
      index_(store_, all_stored(equalities_), budget),
      arena_(budget),
      scratch_(arena_.allocate_array<Scratch>(1).data()),
      cache_(key_types_, arena_),
      key_views_(key_columns.size()),
      zeros_(key_columns.size(), std::uint8_t{0}) {}

void GroupTable::clear() noexcept {
  store_.clear();
  index_.directory().clear();
  cache_.clear();
}

void GroupTable::assign(const Batch& batch, std::uint32_t* groups) {
  if (!cache_.enabled()) {
    look_up(batch);
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      groups[i] = scratch_->numbers[i] - 1;
    }
    return;
  }
  const std::uint32_t missed = cache_.find(batch, key_columns_, groups, scratch_->misses);
  for (std::uint32_t j = 0; j < missed; ++j) {
    scratch_->rows[j] = static_cast<RowIndex>(batch.row(scratch_->misses[j]));
  }
  look_up(Batch(batch.columns(), batch.rows(), scratch_->rows, missed));
  for (std::uint32_t j = 0; j < missed; ++j) {
    const RowIndex index = scratch_->misses[j];
    groups[index] = scratch_->numbers[j] - 1;
    cache_.learn(index, groups[index]);
  }
}

void GroupTable::look_up(const Batch& batch) {
  if (batch.count() == 0) {
    return;
  }
  for (std::size_t k = 0; k < key_columns_.size(); ++k) {
    key_views_[k] = batch.column(key_columns_[k]);
  }
  note_zeros(batch);  // a row whose key is in the cache has the bits of one that was here
  vector::hash_keys(batch, key_columns_, equalities_, scratch_->hashes);
  const std::uint32_t runs = find_runs(batch);
  index_.find({key_views_, scratch_->run_rows, scratch_->hashes, runs}, scratch_->run_numbers,
              scratch_->find);
  for (std::uint32_t run = 0; run < runs; ++run) {
    if (scratch_->run_numbers[run] == 0) {
      scratch_->run_numbers[run] =
          enter(batch, scratch_->run_rows[run], table_hash(scratch_->hashes[run]));
    }
  }
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    scratch_->numbers[i] = scratch_->run_numbers[scratch_->runs[i]];
  }
}

void GroupTable::note_zeros(const Batch& batch) {
  constexpr std::uint64_t kNegative = std::uint64_t{1} << 63;
  for (std::size_t k = 0; k < key_types_.size(); ++k) {
    if (key_types_[k] != vector::PhysicalType::kFloat64) {
      continue;
    }
    const vector::ColumnView& key = key_views_[k];
    const auto* words = key.as<std::uint64_t>();
    const RowIndex* rows = counted_rows(batch);
    std::uint8_t zeros = zeros_[k];
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      const std::uint64_t word = words[rows[i]];
      const bool is_zero = (word & ~kNegative) == 0 && !key.is_null(rows[i]);
      zeros |= static_cast<std::uint8_t>((is_zero ? 1U : 0U) << (word >> 63));
    }
    zeros_[k] = zeros;
    if (zeros == 3) {
      base::throw_abandon("a group's key is a zero of either sign");
    }
  }
}

/// Compacts scratch_->hashes to those of the runs. In a table that lies in the order of its key, a
/// new key would otherwise be missed, and looked up again, with each of its rows.
std::uint32_t GroupTable::find_runs(const Batch& batch) noexcept {
  const RowIndex* rows = counted_rows(batch);
  std::uint64_t* hashes = scratch_->hashes;
  scratch_->run_rows[0] = rows[0];
  scratch_->runs[0] = 0;
  std::uint32_t last = 0;  // run
  for (std::uint32_t i = 1; i < batch.count(); ++i) {
    const bool repeats = hashes[i] == hashes[last] && keys_equal(rows[i], scratch_->run_rows[last]);
    last += repeats ? 0 : 1;
    hashes[last] = hashes[i];
    scratch_->run_rows[last] = repeats ? scratch_->run_rows[last] : rows[i];
    scratch_->runs[i] = static_cast<RowIndex>(last);
  }
  return last + 1;
}

bool GroupTable::keys_equal(RowIndex left, RowIndex right) const noexcept {
  for (std::size_t k = 0; k < key_views_.size(); ++k) {
    if (!vector::values_equal(key_views_[k], left, key_views_[k], right, equalities_[k])) {
      return false;
    }
  }
  return true;
}

std::uint32_t GroupTable::enter(const Batch& batch, RowIndex row, std::uint32_t hash) {
  index_.directory().make_room();
  const KeyIndex::Place place = index_.find_one(key_views_, row, hash);
  if (place.number != 0) {
    return place.number;  // an earlier row of this batch has entered it
  }
  const std::uint32_t number = store_.append(batch, key_columns_, {&row, 1});
  index_.directory().put(place.slot, hash, number);
  return number;
}

}  // namespace sluice::engine
