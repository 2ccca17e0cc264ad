#include "engine/runtime_filter.h"

#include <algorithm>
#include <type_traits>

#include "base/arena.h"
#include "base/bloom_word.h"
#include "base/fault_point.h"
#include "engine/join_table.h"
#include "engine/wide_select.h"

namespace sluice::engine {

using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::KeyEquality;
using vector::PhysicalType;
using vector::RowIndex;

namespace {

// A build side of more rows is seldom one that removes much, and reading it again is not free.
constexpr std::uint32_t kBuildRowsMax = std::uint32_t{1} << 23;
// A bit for every value of the range up to this many a row: about what a Bloom filter of good
// precision needs is 12, but those bits cost a hash. More where a second-level cache holds them.
constexpr std::uint64_t kRangePerRowMax = 32;
constexpr std::uint64_t kCachedRangePerRowMax = 256;
constexpr std::uint64_t kCachedRangeMax = std::uint64_t{1} << 23;  // 1 MB
constexpr std::uint64_t kRangeFree = std::uint64_t{1} << 17;       // 16 kB, whatever the rows
constexpr std::uint32_t kRowsPerWord = 5;
constexpr std::uint32_t kSharedRowsPerWordMax = 16;  // four bits a row: hardly a filter any more

constexpr std::uint64_t kJudgedRows = std::uint64_t{1} << 14;
constexpr std::uint64_t kRemovedShareMin = 16;  // one row in so many pays for the test
constexpr std::uint64_t kRestRowsFirst = std::uint64_t{1} << 18;
constexpr std::uint64_t kRestRowsMax = std::uint64_t{1} << 24;

std::uint32_t drop_nulls(const ColumnView& column, RowIndex* rows, std::uint32_t count) noexcept {
  if (column.validity == nullptr) {
    return count;
  }
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    rows[kept] = rows[i];
    kept += column.is_null(rows[i]) ? 0 : 1;
  }
  return kept;
}

/// Calls `visit` with the hash of every value of a stored column.
template <typename Visit>
void for_hashes(const RowStore& store, std::size_t column, KeyEquality equality, Visit visit) {
  // Not out of the join's budget: it is a batch, and gone at the end.
  base::MemoryBudget budget(std::size_t{1} << 20);
  base::Arena arena(budget);
  LoadedColumn loaded(store.layout().field(column).type, arena);
  const std::span<std::uint32_t> numbers = arena.allocate_array<std::uint32_t>(kBatchRowsMax);
  const std::span<std::uint64_t> hashes = arena.allocate_array<std::uint64_t>(kBatchRowsMax);
  std::uint32_t count = 0;
  const auto flush = [&] {
    const ColumnView view = store.load(column, numbers.data(), {all_rows(), count}, loaded);
    const std::uint32_t key = 0;
    vector::hash_keys(vector::Batch({&view, 1}, count), {&key, 1}, {&equality, 1}, hashes.data());
    std::ranges::for_each(hashes.first(count), visit);
    count = 0;
  };
  for_values(store, column, [&](std::uint32_t number) {
    numbers[count++] = number;
    if (count == kBatchRowsMax) {
      flush();
    }
  });
  flush();
}

/// Leaves of `rows` those whose value's hash `may_hold` holds for.
template <typename MayHold>
std::uint32_t keep_by_hash(const ColumnView& column, KeyEquality equality, RowIndex* rows,
                           std::uint32_t count, std::uint64_t* hashes, MayHold may_hold) noexcept {
  const std::uint32_t key = 0;
  const vector::Batch batch({&column, 1}, kBatchRowsMax, rows, count);
  vector::hash_keys(batch, {&key, 1}, {&equality, 1}, hashes);
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    rows[kept] = rows[i];
    kept += may_hold(hashes[i]) ? 1 : 0;
  }
  return kept;
}

/// Whether a bit for every value of the range is better than a Bloom filter.
bool is_worth_its_bits(std::uint64_t span, std::uint64_t rows) noexcept {
  const std::uint64_t cached = std::min(rows * kCachedRangePerRowMax, kCachedRangeMax);
  return span < std::max({kRangeFree, rows * kRangePerRowMax, cached});
}

}  // namespace

std::unique_ptr<RuntimeFilter> RuntimeFilter::make(const JoinTable& table, std::size_t key,
                                                   base::MemoryBudget& budget) {
  if (table.rows() > kBuildRowsMax) {
    return nullptr;
  }
  const std::size_t column = table.key_columns()[key];
  std::unique_ptr<RuntimeFilter> filter(new RuntimeFilter(table.store().layout().field(column).type,
                                                          table.equalities()[key], budget));
  return filter->fill(table, column, budget) ? std::move(filter) : nullptr;
}

bool RuntimeFilter::fill(const JoinTable& table, std::size_t column, base::MemoryBudget& budget) {
  const std::uint64_t rows = table.rows();
  if (is_integer(type_)) {
    with_integer(type_, [&]<typename T>(T) { range_ = integer_range<T>(table.store(), column); });
    has_range_ = true;
    exact_ = is_worth_its_bits(range_.span, rows) &&
             make_words(static_cast<std::size_t>(range_.span / 64 + 1), budget);
    if (exact_) {
      with_integer(type_, [&]<typename T>(T) { fill_exact<T>(table, column); });
      return true;
    }
  }
  if (!make_words(static_cast<std::size_t>(rows / kRowsPerWord + 1), budget)) {
    return false;
  }
  fill_bloom(table, column);
  return true;
}

/// A filter must not make a run give up for want of memory.
bool RuntimeFilter::make_words(std::size_t count, base::MemoryBudget& budget) {
  if (budget.limit_bytes() - budget.used_bytes() < 2 * count * sizeof(std::uint64_t)) {
    return false;
  }
  words_.grow(count, 0);
  return true;
}

template <typename T>
void RuntimeFilter::fill_exact(const JoinTable& table, std::size_t column) {
  std::uint64_t* words = words_.data();
  for_values(table.store(), column, [&](std::uint32_t number) {
    const std::uint64_t bit = range_.offset(table.store().value<T>(number, column));
    words[bit / 64] |= std::uint64_t{1} << (bit % 64);
  });
}

void RuntimeFilter::fill_bloom(const JoinTable& table, std::size_t column) {
  for_hashes(table.store(), column, equality_, [this](std::uint64_t hash) {
    words_[base::bloom_word(hash, words_.size())] |= base::bloom_bits(hash);
  });
}

template <typename T>
std::uint32_t RuntimeFilter::keep_in_range(const ColumnView& column, RowIndex* rows,
                                           std::uint32_t count) const noexcept {
  const T* values = column.as<T>();
  const std::uint64_t* words = words_.data();
  std::uint32_t kept = 0;
  if (!exact_) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const RowIndex row = rows[i];
      rows[kept] = row;
      kept += range_.offset(values[row]) <= range_.span ? 1 : 0;
    }
    return kept;
  }
  if constexpr (std::is_same_v<T, std::int32_t>) {
    if (wide::is_supported()) {
      return wide::keep_set(values, range_, words, rows, count);
    }
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const RowIndex row = rows[i];
    const std::uint64_t bit = range_.offset(values[row]);
    const bool in_range = bit <= range_.span;
    const std::uint64_t word = words[in_range ? bit / 64 : 0];
    rows[kept] = row;
    kept += (in_range ? 1U : 0U) & static_cast<std::uint32_t>(word >> (bit % 64));
  }
  return kept;
}

std::uint32_t RuntimeFilter::keep_integers(const ColumnView& column, RowIndex* rows,
                                           std::uint32_t count) const noexcept {
  switch (type_) {
    case PhysicalType::kInt8:
      return keep_in_range<std::int8_t>(column, rows, count);
    case PhysicalType::kInt16:
      return keep_in_range<std::int16_t>(column, rows, count);
    case PhysicalType::kInt32:
      return keep_in_range<std::int32_t>(column, rows, count);
    default:
      return keep_in_range<std::int64_t>(column, rows, count);
  }
}

std::uint32_t RuntimeFilter::keep_hashed(const ColumnView& column, RowIndex* rows,
                                         std::uint32_t count,
                                         std::uint64_t* hashes) const noexcept {
  return keep_by_hash(column, equality_, rows, count, hashes, [this](std::uint64_t hash) {
    const std::uint64_t bits = base::bloom_bits(hash);
    return (words_[base::bloom_word(hash, words_.size())] & bits) == bits;
  });
}

std::uint32_t RuntimeFilter::keep(const ColumnView& column, RowIndex* rows, std::uint32_t count,
                                  std::uint64_t* hashes) const noexcept {
  count = drop_nulls(column, rows, count);
  if (has_range_) {
    count = keep_integers(column, rows, count);
  }
  return exact_ ? count : keep_hashed(column, rows, count, hashes);
}

void SharedKeySet::add(const JoinTable* table, std::size_t key) {
  if (table != nullptr) {
    if (table->rows() * seats_ > filter_.words() * kSharedRowsPerWordMax) {
      return;
    }
    for_hashes(table->store(), table->key_columns()[key], equality_,
               [this](std::uint64_t hash) { filter_.add(hash); });
  }
  SLUICE_FAULT_POINT(kKeysAdded);
  filter_.publish(epoch_);
}

std::uint32_t SharedKeySet::keep(const ColumnView& column, RowIndex* rows, std::uint32_t count,
                                 std::uint64_t* hashes) const noexcept {
  count = drop_nulls(column, rows, count);
  return keep_by_hash(column, equality_, rows, count, hashes,
                      [this](std::uint64_t hash) { return filter_.may_hold(hash); });
}

ScanFilter::ScanFilter(std::uint32_t column, const KeySet& keys, NodeCounters& counters)
    : column_(column),
      keys_(&keys),
      ready_(keys.ready()),
      counters_(&counters),
      hashes_(std::make_unique<std::uint64_t[]>(kBatchRowsMax)),
      next_rest_rows_(kRestRowsFirst) {}

std::uint32_t ScanFilter::keep(const ColumnView& column, RowIndex* rows,
                               std::uint32_t count) noexcept {
  ready_ = ready_ || keys_->ready();
  if (!ready_) {
    return count;
  }
  if (rest_rows_ != 0) {
    rest_rows_ -= std::min<std::uint64_t>(rest_rows_, count);
    return count;
  }
  const std::uint32_t kept = keys_->keep(column, rows, count, hashes_.get());
  tested_ += count;
  removed_ += count - kept;
  counters_->rows_removed_at_run_time += count - kept;
  if (tested_ >= kJudgedRows) {
    judge();
  }
  return kept;
}

void ScanFilter::judge() noexcept {
  if (removed_ * kRemovedShareMin < tested_) {
    rest_rows_ = next_rest_rows_;
    next_rest_rows_ = std::min(2 * next_rest_rows_, kRestRowsMax);
  } else {
    next_rest_rows_ = kRestRowsFirst;
  }
  tested_ = 0;
  removed_ = 0;
}

}  // namespace sluice::engine
