#include "engine/key_index.h"

#include <algorithm>
#include <utility>

namespace sluice::engine {

using vector::RowIndex;

namespace {
// Far enough ahead to cover a memory access, near enough to stay in the first-level cache.
constexpr std::uint32_t kPrefetchAhead = 24;
}  // namespace

KeyIndex::KeyIndex(const RowStore& store, std::vector<StoredKey> keys, base::MemoryBudget& budget)
    : store_(store), keys_(std::move(keys)), directory_(budget) {}

void KeyIndex::find(const KeyBatch& keys, std::uint32_t* numbers,
                    FindScratch& scratch) const noexcept {
  if (directory_.slot_count() == 0) {
    std::fill_n(numbers, keys.count, 0U);
    return;
  }
  for (std::uint32_t i = 0; i < std::min(kPrefetchAhead, keys.count); ++i) {
    directory_.prefetch(table_hash(keys.hashes[i]));
  }
  std::uint32_t candidates = 0;
  for (std::uint32_t i = 0; i < keys.count; ++i) {
    if (i + kPrefetchAhead < keys.count) {
      directory_.prefetch(table_hash(keys.hashes[i + kPrefetchAhead]));
    }
    const std::uint32_t hash = table_hash(keys.hashes[i]);
    const std::size_t slot = directory_.seek(directory_.home(hash), hash);
    const std::uint32_t number = directory_.number(slot);
    numbers[i] = 0;
    scratch.slots[candidates] = static_cast<std::uint32_t>(slot);
    scratch.numbers[candidates] = number;
    scratch.keys[candidates] = static_cast<RowIndex>(i);
    scratch.rows[candidates] = keys.rows[i];
    candidates += number != 0 ? 1 : 0;
    store_.prefetch(number);
  }
  while (candidates != 0) {
    std::fill_n(scratch.equal, candidates, std::uint8_t{1});
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      match_key(keys.columns[k], store_, keys_[k].column, keys_[k].equality,
                {scratch.rows, scratch.numbers, candidates}, scratch.equal);
    }
    std::uint32_t again = 0;
    for (std::uint32_t j = 0; j < candidates; ++j) {
      const RowIndex key = scratch.keys[j];
      if (scratch.equal[j] != 0) {
        numbers[key] = scratch.numbers[j];
        continue;
      }
      const std::uint32_t hash = table_hash(keys.hashes[key]);
      const std::size_t slot = directory_.seek(directory_.after(scratch.slots[j]), hash);
      const std::uint32_t number = directory_.number(slot);
      scratch.slots[again] = static_cast<std::uint32_t>(slot);
      scratch.numbers[again] = number;
      scratch.keys[again] = key;
      scratch.rows[again] = scratch.rows[j];
      again += number != 0 ? 1 : 0;
    }
    candidates = again;
  }
}

KeyIndex::Place KeyIndex::find_one(std::span<const vector::ColumnView> columns, RowIndex row,
                                   std::uint32_t hash) const noexcept {
  std::size_t slot = directory_.seek(directory_.home(hash), hash);
  while (true) {
    const std::uint32_t number = directory_.number(slot);
    if (number == 0) {
      return {slot, 0};
    }
    std::uint8_t equal = 1;
    for (std::size_t k = 0; k < keys_.size() && equal != 0; ++k) {
      match_key(columns[k], store_, keys_[k].column, keys_[k].equality, {&row, &number, 1}, &equal);
    }
    if (equal != 0) {
      return {slot, number};
    }
    slot = directory_.seek(directory_.after(slot), hash);
  }
}

KeyIndex::Place KeyIndex::find_stored(std::uint32_t number, std::uint32_t hash) const noexcept {
  std::size_t slot = directory_.seek(directory_.home(hash), hash);
  while (true) {
    const std::uint32_t entered = directory_.number(slot);
    if (entered == 0 || stored_rows_equal(number, entered)) {
      return {slot, entered};
    }
    slot = directory_.seek(directory_.after(slot), hash);
  }
}

bool KeyIndex::stored_rows_equal(std::uint32_t left, std::uint32_t right) const noexcept {
  std::uint8_t equal = 1;
  const RowIndex row = 0;
  for (std::size_t k = 0; k < keys_.size() && equal != 0; ++k) {
    std::uint64_t validity = 0;
    const auto key = stored_value_view(store_, left, keys_[k].column, validity);
    match_key(key, store_, keys_[k].column, keys_[k].equality, {&row, &right, 1}, &equal);
  }
  return equal != 0;
}

}  // namespace sluice::engine
