#include "vector/page.h"

#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>

#include "base/error.h"
#include "vector/batch_builder.h"
#include "vector/hash.h"

namespace sluice::vector {
namespace {

constexpr std::array kAllTypes = {
    PhysicalType::kInt8,   PhysicalType::kInt16,   PhysicalType::kInt32, PhysicalType::kInt64,
    PhysicalType::kInt128, PhysicalType::kFloat64, PhysicalType::kVarlen};
constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;

/// A page in a block of exactly its size, so that a sanitizer sees every read behind it.
class PageBytes {
 public:
  explicit PageBytes(std::size_t bytes)
      : data_(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{16}))),
        bytes_(bytes) {}
  explicit PageBytes(const Batch& batch) : PageBytes(page_bytes(batch)) {
    write_page(batch, {data_.get(), bytes_});
  }
  PageBytes(const PageBytes& other, std::size_t bytes) : PageBytes(bytes) {
    std::memcpy(data_.get(), other.data_.get(), bytes);
  }
  [[nodiscard]] std::span<std::byte> span() { return {data_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::byte* data) const { ::operator delete (data, std::align_val_t{16}); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_;
};

void fill(BatchBuilder& builder, std::uint32_t rows, std::mt19937& random, bool with_nulls) {
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < kAllTypes.size(); ++i) {
      ColumnBuffer& column = builder.column(i);
      if (kAllTypes[i] == PhysicalType::kVarlen) {
        column.set_string(row, std::string(random() % 30, static_cast<char>(random())));
      } else {
        const std::size_t width = width_bytes(kAllTypes[i]);
        const base::Int128 bits = (static_cast<base::Int128>(random()) << 70) + random();
        std::memcpy(column.as<char>() + row * width, &bits, width);
      }
      if (with_nulls && random() % 4 == 0) {
        column.set_null(row);
      }
    }
  }
  builder.set_rows(rows);
}

void expect_same(const Batch& source, const Batch& read) {
  ASSERT_EQ(read.rows(), source.count());
  ASSERT_EQ(read.selection(), nullptr);
  for (std::size_t i = 0; i < source.columns().size(); ++i) {
    EXPECT_EQ(read.column(i).validity == nullptr, source.column(i).validity == nullptr);
    for (std::uint32_t row = 0; row < read.rows(); ++row) {
      ASSERT_TRUE(
          values_equal(source.column(i), source.row(row), read.column(i), row, KeyEquality::kBits))
          << i << " " << row;
    }
  }
}

TEST(Page, ReadsBackWhatWasWrittenWithAndWithoutNullsAndSelection) {
  std::mt19937 random(11);
  for (const std::uint32_t rows : {0U, 1U, 63U, 64U, 65U, 700U, kBatchRowsMax}) {
    for (const bool with_nulls : {false, true}) {
      base::MemoryBudget budget(kBudgetBytes);
      BatchBuilder builder(kAllTypes, budget);
      fill(builder, rows, random, with_nulls);
      const Batch dense = builder.view();
      std::vector<RowIndex> selection;
      for (std::uint32_t row = 0; row < rows; ++row) {
        if (random() % 3 != 0) {
          selection.push_back(static_cast<RowIndex>(row));
        }
      }
      const Batch selected(dense.columns(), rows, selection.data(),
                           static_cast<std::uint32_t>(selection.size()));
      PageReader reader(kAllTypes);
      for (const Batch* batch : {&dense, &selected}) {
        PageBytes page(*batch);
        expect_same(*batch, reader.open(page.span()));
      }
    }
  }
}

TEST(Page, ViewsPointIntoThePageAndBuffersAreAligned) {
  std::mt19937 random(5);
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder builder(kAllTypes, budget);
  fill(builder, 100, random, true);
  builder.column(6).set_string(0, "a string longer than twelve bytes");
  builder.column(6).set_may_hold_nan();
  PageBytes page(builder.view());
  PageReader reader(kAllTypes);
  const Batch batch = reader.open(page.span());
  const auto inside = [&](const void* address) {
    const auto* byte = static_cast<const std::byte*>(address);
    return byte >= page.span().data() && byte < page.span().data() + page.span().size();
  };
  for (std::size_t i = 0; i < kAllTypes.size(); ++i) {
    const ColumnView& column = batch.column(i);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(column.validity) % 16, 0U);
    EXPECT_TRUE(inside(column.validity));
    EXPECT_EQ(column.may_hold_nan, i == 6);
    if (kAllTypes[i] != PhysicalType::kVarlen) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(column.values) % 16, 0U);
      EXPECT_TRUE(inside(column.values));
    }
  }
  EXPECT_TRUE(inside(batch.column(6).as<StringRef>()[0].data()));
}

TEST(Page, ZeroColumnsCarryTheirRowCount) {
  const Batch batch({}, 2000);
  PageBytes page(batch);
  PageReader reader({});
  EXPECT_EQ(reader.open(page.span()).rows(), 2000U);
}

TEST(Page, EveryTruncationIsRefused) {
  std::mt19937 random(23);
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder builder(kAllTypes, budget);
  fill(builder, 20, random, true);
  builder.column(6).set_string(19, "the last string lies at the page's end");
  PageBytes page(builder.view());
  PageReader reader(kAllTypes);
  const std::size_t whole = page.span().size();
  for (std::size_t bytes = 0; bytes + 16 <= whole; ++bytes) {
    PageBytes cut(page, bytes);
    EXPECT_THROW((void)reader.open(cut.span()), base::Error) << bytes;
  }
}

TEST(Page, AnyCorruptedByteReadsInsideThePageOrIsRefused) {
  std::mt19937 random(31);
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder builder(kAllTypes, budget);
  fill(builder, 40, random, true);
  PageBytes page(builder.view());
  PageReader reader(kAllTypes);
  unsigned refused = 0;
  std::uint64_t sum = 0;
  for (int round = 0; round < 20000; ++round) {
    PageBytes broken(page, page.span().size());
    for (unsigned i = 0; i <= random() % 3; ++i) {
      broken.span()[random() % (round % 2 == 0 ? 256 : broken.span().size())] =
          static_cast<std::byte>(random());
    }
    try {
      const Batch batch = reader.open(broken.span());
      for (std::uint32_t row = 0; row < batch.rows(); ++row) {
        for (std::size_t i = 0; i < kAllTypes.size(); ++i) {
          sum += batch.column(i).is_null(row) ? 1 : 0;
          sum += values_equal(batch.column(i), row, batch.column(i), row, KeyEquality::kBits);
        }
        const std::string_view text = batch.column(6).as<StringRef>()[row].view();
        for (const char c : text) {
          sum += static_cast<unsigned char>(c);
        }
      }
    } catch (const base::Error& error) {
      ASSERT_EQ(error.kind(), base::ErrorKind::kCorrupt);
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000U);
  EXPECT_GT(sum, 0U);
}

TEST(Page, RefusesOtherTypesCountsAndAlignment) {
  std::mt19937 random(1);
  base::MemoryBudget budget(kBudgetBytes);
  BatchBuilder builder(kAllTypes, budget);
  fill(builder, 8, random, false);
  PageBytes page(builder.view());
  auto other = kAllTypes;
  other[3] = PhysicalType::kFloat64;
  EXPECT_THROW((void)PageReader(other).open(page.span()), base::Error);
  EXPECT_THROW((void)PageReader(std::span(kAllTypes).first(6)).open(page.span()), base::Error);
  PageReader reader(kAllTypes);
  EXPECT_THROW((void)reader.open(page.span().subspan(8)), base::Error);
  const std::uint32_t rows = kBatchRowsMax + 1;
  std::memcpy(page.span().data() + 8, &rows, sizeof rows);
  EXPECT_THROW((void)reader.open(page.span()), base::Error);
}

}  // namespace
}  // namespace sluice::vector
