#include "engine/join_table.h"

#include <algorithm>
#include <numeric>

#include "base/interrupt_poll.h"
#include "engine/physical.h"
#include "vector/hash.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::KeyEquality;
using vector::RowIndex;

namespace {

constexpr std::uint32_t kSlotsAhead = 32;
constexpr std::uint32_t kRowsAhead = 12;
constexpr std::uint32_t kRowsBetweenPolls = 1U << 16;

std::vector<KeyEquality> equalities_of(const std::vector<std::uint32_t>& columns,
                                       const std::vector<plan::DataType>& types) {
  std::vector<KeyEquality> result;
  result.reserve(columns.size());
  for (const std::uint32_t column : columns) {
    result.push_back(key_equality_of(types.at(column)));
  }
  return result;
}

std::vector<StoredKey> stored_keys(const std::vector<std::uint32_t>& columns,
                                   const std::vector<KeyEquality>& equalities) {
  std::vector<StoredKey> result;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    result.push_back({columns[i], equalities[i]});
  }
  return result;
}

std::vector<std::uint32_t> first_columns(std::size_t count) {
  std::vector<std::uint32_t> result(count);
  std::iota(result.begin(), result.end(), 0U);
  return result;
}

}  // namespace

std::uint32_t drop_null_keys(const Batch& batch, std::span<const std::uint32_t> key_columns,
                             RowIndex* rows, std::uint64_t* hashes, std::uint32_t count) noexcept {
  for (const std::uint32_t key : key_columns) {
    const ColumnView& column = batch.column(key);
    if (column.validity == nullptr) {
      continue;
    }
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      rows[kept] = rows[i];
      hashes[kept] = hashes[i];
      kept += column.is_null(rows[i]) ? 0 : 1;
    }
    count = kept;
  }
  return count;
}

JoinTable::JoinTable(const plan::HashJoinSpec& spec, const std::vector<plan::DataType>& build_types,
                     base::MemoryBudget& budget)
    : key_columns_(spec.build_keys),
      equalities_(equalities_of(spec.build_keys, build_types)),
      all_columns_(first_columns(build_types.size())),
      store_(physical_types_of(build_types), budget),
      index_(store_, stored_keys(spec.build_keys, equalities_), budget),
      direct_(budget),
      arena_(budget),
      scratch_(arena_.allocate_array<AppendScratch>(1).data()),
      keeps_null_keys_(plan::keeps_build(spec.type) && spec.type != plan::JoinType::kRightSemi) {
  if (plan::extends_probe(spec.type)) {
    store_.make_none_null();
  }
}

void JoinTable::append(const Batch& batch) {
  vector::hash_keys(batch, key_columns_, equalities_, scratch_->hashes);
  std::copy_n(counted_rows(batch), batch.count(), scratch_->rows);
  const std::uint32_t count = keeps_null_keys_ ? batch.count()
                                               : drop_null_keys(batch, key_columns_, scratch_->rows,
                                                                scratch_->hashes, batch.count());
  const std::uint32_t first = store_.append(batch, all_columns_, {scratch_->rows, count});
  for (std::uint32_t i = 0; i < count; ++i) {
    store_.set_header(first + i, table_hash(scratch_->hashes[i]));
  }
}

void JoinTable::finish() {
  store_.shrink();
  if (key_columns_.empty()) {
    chain_all();
  } else if (key_columns_.size() == 1 && direct_.try_open(store_, key_columns_[0])) {
    has_duplicates_ = direct_.enter_all(store_);
  } else if (rows() != 0) {
    index_.directory().open_for(rows());
    enter_all();
  }
}

bool JoinTable::has_null_key(std::uint32_t number) const noexcept {
  return std::ranges::any_of(key_columns_, [this, number](std::uint32_t column) {
    return store_.is_null(number, column);
  });
}

void JoinTable::chain_all() noexcept {
  for (std::uint32_t number = 1; number <= rows(); ++number) {
    store_.set_header(number, number < rows() ? number + 1 : 0);
  }
  has_duplicates_ = rows() > 1;
}

void JoinTable::enter_all() {
  HashDirectory& directory = index_.directory();
  for (std::uint32_t number = 1; number <= rows(); ++number) {
    if (number % kRowsBetweenPolls == 0) {
      base::poll_interrupts();
    }
    if (rows() - number >= kSlotsAhead) {
      directory.prefetch(store_.header(number + kSlotsAhead));
    }
    if (rows() - number >= kRowsAhead) {
      // Where the key is there already, its first row is compared and re-linked.
      const std::uint32_t hash = store_.header(number + kRowsAhead);
      store_.prefetch(directory.number(directory.seek(directory.home(hash), hash)));
    }
    if (keeps_null_keys_ && has_null_key(number)) {
      store_.set_header(number, 0);
      continue;
    }
    const std::uint32_t hash = store_.header(number);
    const KeyIndex::Place place = index_.find_stored(number, hash);
    if (place.number == 0) {
      store_.set_header(number, 0);
      directory.put(place.slot, hash, number);
    } else {
      store_.set_header(number, store_.header(place.number));
      store_.set_header(place.number, number);
      has_duplicates_ = true;
    }
  }
}

std::uint32_t JoinTable::skip(std::uint32_t number, std::span<const std::uint64_t> bits) noexcept {
  const std::uint32_t first = next(number);
  std::uint32_t end = first;
  while (end != 0 && (bits[end / 64] >> (end % 64) & 1) != 0) {
    end = next(end);
  }
  for (std::uint32_t at = number; end != first && at != end;) {
    const std::uint32_t after = next(at);
    store_.set_header(at, end);
    at = after;
  }
  return end;
}

void JoinTable::find(const KeyBatch& keys, std::uint32_t* numbers,
                     FindScratch& scratch) const noexcept {
  if (key_columns_.empty()) {
    std::fill_n(numbers, keys.count, rows() == 0 ? 0U : 1U);
  } else if (direct_.is_open()) {
    direct_.find(keys.columns[0], keys.rows, keys.count, numbers);
  } else {
    index_.find(keys, numbers, scratch);
  }
}

}  // namespace sluice::engine
