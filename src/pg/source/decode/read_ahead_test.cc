#include "pg/source/decode/read_ahead.h"

#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include "pg/source/decode/row_set.h"

namespace sluice::pg {
namespace {

using Visit = std::pair<std::size_t, std::size_t>;

constexpr std::uint32_t kLinesInAll =
    ReadAhead::kPagesMax * ReadAhead::kPageBytes / ReadAhead::kCacheLineBytes;

template <typename Rows>
std::vector<Visit> visits(ReadAhead& ahead, Rows rows) {
  std::vector<Visit> result;
  ahead.lines(rows.count).for_each(rows, [&](std::size_t i, std::size_t row) {
    result.emplace_back(i, row);
  });
  return result;
}

TEST(ReadAhead, VisitsEveryRowOnceAndInOrder) {
  const std::vector<std::uint8_t> page(ReadAhead::kPageBytes);
  std::vector<vector::RowIndex> selection;
  for (vector::RowIndex row = 3; selection.size() < 40; row += 5) {
    selection.push_back(row);
  }
  for (std::size_t known = 0; known <= ReadAhead::kPagesMax; ++known) {
    const std::vector<const std::uint8_t*> pages(known, page.data());
    ReadAhead ahead;
    ahead.announce(pages);
    for (std::uint32_t count = 0; count <= 20; ++count) {
      std::vector<Visit> dense;
      std::vector<Visit> selected;
      for (std::uint32_t i = 0; i < count; ++i) {
        dense.emplace_back(i, 7 + i);
        selected.emplace_back(i, selection[i + 4]);
      }
      EXPECT_EQ(visits(ahead, DenseRows{5, 40}.part(2, count)), dense) << count;
      EXPECT_EQ(visits(ahead, SelectedRows{selection.data(), 40}.part(4, count)), selected)
          << count;
    }
  }
}

TEST(ReadAhead, HasAskedForAllAfterAsManyRowsAsLines) {
  const std::vector<std::uint8_t> page(ReadAhead::kPageBytes);
  const std::vector<const std::uint8_t*> pages(ReadAhead::kPagesMax, page.data());
  ReadAhead ahead;
  EXPECT_FALSE(ahead.has_asked_all());
  ahead.announce(pages);
  (void)visits(ahead, DenseRows{0, kLinesInAll - 5});
  EXPECT_FALSE(ahead.has_asked_all());
  (void)visits(ahead, DenseRows{0, 1});
  EXPECT_TRUE(ahead.has_asked_all());
  ahead.announce(pages);
  EXPECT_FALSE(ahead.has_asked_all());
}

TEST(ReadAhead, NeverHasAskedForAllWhereNothingIsAnnounced) {
  ReadAhead ahead;
  ahead.announce({});
  (void)visits(ahead, DenseRows{0, 2 * kLinesInAll});
  EXPECT_FALSE(ahead.has_asked_all());
}

}  // namespace
}  // namespace sluice::pg
