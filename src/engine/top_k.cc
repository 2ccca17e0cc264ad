#include "engine/top_k.h"

#include <algorithm>
#include <numeric>

#include "base/arena.h"
#include "engine/budgeted_array.h"
#include "engine/physical.h"
#include "engine/row_order.h"
#include "engine/row_store.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::RowIndex;

namespace {
// Rows that are collected beyond the limit before the worst are thrown away, at least.
constexpr std::uint64_t kSpareRowsMin = kBatchRowsMax;
}  // namespace

/// Invariant: store holds at most 2 * limit + kSpareRowsMin + kBatchRowsMax rows, and among them
///            the first `limit` of all consumed. bound, where not 0, is the last of those as of
///            the last cut().
struct TopKSink::Impl {
  Impl(const plan::TopKSpec& spec_in, const std::vector<plan::DataType>& input,
       base::MemoryBudget& budget_in, NodeCounters& counters_in)
      : limit(spec_in.limit),
        order(spec_in.keys, input),
        types(physical_types_of(input)),
        budget(budget_in),
        counters(counters_in),
        columns(types.size()),
        arena(budget_in),
        candidates(arena.allocate_array<RowIndex>(kBatchRowsMax)),
        store(types, budget_in),
        numbers(budget_in) {
    std::iota(columns.begin(), columns.end(), 0U);
  }

  void take(const Batch& batch);
  void cut();
  void sort_numbers();
  [[nodiscard]] std::uint32_t results() const noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, store.rows()));
  }
  [[nodiscard]] auto before() const noexcept {
    return [this](std::uint32_t left, std::uint32_t right) {
      return order.compare(store, left, right) < 0;
    };
  }

  const std::uint64_t limit;
  const RowOrder order;
  const std::vector<vector::PhysicalType> types;
  base::MemoryBudget& budget;
  NodeCounters& counters;
  std::vector<std::uint32_t> columns;
  base::Arena arena;
  std::span<RowIndex> candidates;
  RowStore store;
  std::uint32_t bound = 0;
  BudgetedArray<std::uint32_t> numbers;  // of all rows of the store, once sort_numbers() has run
};

void TopKSink::Impl::take(const Batch& batch) {
  std::span<const RowIndex> rows{counted_rows(batch), batch.count()};
  if (bound != 0) {
    rows = {candidates.data(), order.select_before(batch, rows, store, bound, candidates.data())};
  }
  if (rows.empty()) {
    return;
  }
  store.append(batch, columns, rows);
  // Where the sum would wrap, no cut is needed: the limit is beyond any number of rows.
  if (limit < RowStore::kRowsMax &&
      store.rows() >= limit + std::max<std::uint64_t>(limit, kSpareRowsMin)) {
    cut();
  }
}

// Copies the first `limit` rows to a new store, which leaves the others' strings behind.
void TopKSink::Impl::cut() {
  numbers.grow(std::size_t{store.rows()}, 0);
  std::uint32_t* begin = numbers.data();
  std::uint32_t* end = begin + store.rows();
  std::iota(begin, end, 1U);
  std::uint32_t* last = begin + (limit - 1);
  std::nth_element(begin, last, end, before());
  RowStore kept(types, budget);
  for (const std::uint32_t* number = begin; number <= last; ++number) {
    kept.append_from(store, *number);
  }
  store = std::move(kept);
  bound = static_cast<std::uint32_t>(limit);
}

void TopKSink::Impl::sort_numbers() {
  numbers.grow(std::size_t{store.rows()}, 0);
  std::uint32_t* begin = numbers.data();
  std::uint32_t* end = begin + store.rows();
  std::iota(begin, end, 1U);
  std::partial_sort(begin, begin + results(), end, before());
}

namespace {

/// Hands out the rows numbers[0..rows) of a store; borrows both.
class SortedRowSource final : public Source {
 public:
  SortedRowSource(const RowStore& store, const std::uint32_t* numbers, std::uint32_t rows,
                  base::Arena& arena, NodeCounters& counters)
      : store_(store),
        numbers_(numbers),
        rows_(rows),
        counters_(counters),
        views_(store.layout().column_count()) {
    for (std::size_t c = 0; c < views_.size(); ++c) {
      columns_.emplace_back(store.layout().field(c).type, arena);
    }
  }

  SourceState next(Batch& out) override {
    if (next_ == rows_) {
      return SourceState::kEnd;
    }
    const std::uint32_t count = std::min(rows_ - next_, kBatchRowsMax);
    for (std::size_t c = 0; c < views_.size(); ++c) {
      views_[c] = store_.load(c, numbers_ + next_, {all_rows(), count}, columns_[c]);
    }
    next_ += count;
    out = Batch(views_, count);
    counters_.rows += count;
    counters_.batches += 1;
    return SourceState::kBatch;
  }
  void close() override {}

 private:
  const RowStore& store_;
  const std::uint32_t* numbers_;
  const std::uint32_t rows_;
  NodeCounters& counters_;
  std::uint32_t next_ = 0;
  std::vector<LoadedColumn> columns_;
  std::vector<ColumnView> views_;
};

}  // namespace

TopKSink::TopKSink(const plan::TopKSpec& spec, const std::vector<plan::DataType>& input,
                   base::MemoryBudget& budget, NodeCounters& counters)
    : impl_(std::make_unique<Impl>(spec, input, budget, counters)) {}

TopKSink::~TopKSink() = default;

SinkState TopKSink::consume(const Batch& batch) {
  if (impl_->limit == 0) {
    return SinkState::kClosed;
  }
  impl_->take(batch);
  return SinkState::kAccepted;
}

SinkState TopKSink::finish() {
  if (impl_->limit != 0) {
    impl_->sort_numbers();
  }
  impl_->counters.memory_bytes_peak =
      std::max<std::uint64_t>(impl_->counters.memory_bytes_peak, impl_->budget.peak_bytes());
  return SinkState::kAccepted;
}

std::unique_ptr<Source> TopKSink::results() {
  return std::make_unique<SortedRowSource>(impl_->store, impl_->numbers.data(), impl_->results(),
                                           impl_->arena, impl_->counters);
}

}  // namespace sluice::engine
