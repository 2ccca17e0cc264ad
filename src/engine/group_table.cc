#include "engine/group_table.h"

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
      key_views_(key_columns.size()) {}

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
  const RowIndex* rows = counted_rows(batch);
  vector::hash_keys(batch, key_columns_, equalities_, scratch_->hashes);
  index_.find({key_views_, rows, scratch_->hashes, batch.count()}, scratch_->numbers,
              scratch_->find);
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    if (scratch_->numbers[i] == 0) {
      scratch_->numbers[i] = enter(batch, rows[i], table_hash(scratch_->hashes[i]));
    }
  }
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
