#include "engine/row_store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using vector::Batch;

constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;

std::vector<std::uint32_t> every_column() {
  std::vector<std::uint32_t> columns(all_types().size());
  for (std::uint32_t c = 0; c < columns.size(); ++c) {
    columns[c] = c;
  }
  return columns;
}

Rows read_store(const RowStore& store, const Types& types, base::MemoryBudget& budget) {
  base::Arena arena(budget);
  Rows rows;
  for (std::uint32_t first = 1; first <= store.rows(); first += vector::kBatchRowsMax) {
    const std::uint32_t count = std::min(store.rows() - first + 1, vector::kBatchRowsMax);
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < count; ++i) {
      numbers.push_back(first + i);
    }
    std::deque<LoadedColumn> loaded;
    std::vector<vector::ColumnView> views;
    for (std::size_t c = 0; c < types.size(); ++c) {
      loaded.emplace_back(physical_type_of(types[c]), arena);
      views.push_back(store.load(c, numbers.data(), {all_rows(), count}, loaded.back()));
    }
    read_batch(Batch(views, count), rows);
  }
  return rows;
}

TEST(RowStore, ReadsBackWhatWasAppended) {
  RandomRows random(1);
  const Types types = all_types();
  const Rows rows = random.rows(types, 20'000, {.distinct = 1000});
  base::MemoryBudget budget(kBudgetBytes);
  {
    RowStore store(physical_types_of(types), budget);
    for_batches(types, rows, random, [&](const Batch& batch) {
      const std::uint32_t before = store.rows();
      EXPECT_EQ(store.append(batch, every_column(), {counted_rows(batch), batch.count()}),
                before + 1);
    });
    ASSERT_EQ(store.rows(), rows.size());
    const Rows back = read_store(store, types, budget);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(text_of(types, back[i]), text_of(types, rows[i])) << i;
    }
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(RowStore, CopiedRowsOutliveTheirFirstStore) {
  RandomRows random(2);
  const Types types = all_types();
  const Rows rows = random.rows(types, 500, {});
  base::MemoryBudget budget(kBudgetBytes);
  RowStore copy(physical_types_of(types), budget);
  {
    RowStore store(physical_types_of(types), budget);
    const OwnedBatch batch(types, rows, true);
    (void)store.append(batch.get(), every_column(),
                       {counted_rows(batch.get()), batch.get().count()});
    for (std::uint32_t number = 500; number >= 1; --number) {
      copy.append_from(store, number);
    }
  }
  const Rows back = read_store(copy, types, budget);
  ASSERT_EQ(back.size(), 500U);
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_EQ(text_of(types, back[i]), text_of(types, rows[499 - i]));
  }
}

TEST(RowStore, ColumnsWithoutNullsHaveNoValidity) {
  RandomRows random(3);
  const Types types = all_types();
  base::MemoryBudget budget(kBudgetBytes);
  RowStore store(physical_types_of(types), budget);
  const OwnedBatch batch(types, random.rows(types, 100, {.nulls = 0, .special = 0}), false);
  (void)store.append(batch.get(), every_column(), {all_rows(), 100});
  for (std::size_t c = 0; c < types.size(); ++c) {
    EXPECT_FALSE(store.may_hold_null(c));
    EXPECT_FALSE(store.may_hold_nan(c));
  }
}

TEST(RowStore, FailedAppendLeavesTheRowsThatWereThere) {
  RandomRows random(4);
  const Types types = {plan::DataType::of(plan::TypeKind::kText)};
  base::MemoryBudget budget(std::size_t{100} << 10);
  RowStore store(physical_types_of(types), budget);
  const std::vector<std::uint32_t> columns = {0};
  const OwnedBatch batch(types, Rows(100, {of_text(std::string(200, 'x'))}), false);
  std::vector<std::uint32_t> rows;
  try {
    while (true) {
      (void)store.append(batch.get(), columns, {all_rows(), 100});
      rows.push_back(store.rows());
    }
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kAbandon);
  }
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(store.rows(), rows.back());
}

}  // namespace
}  // namespace sluice::engine
