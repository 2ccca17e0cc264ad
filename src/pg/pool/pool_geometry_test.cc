#include "pg/pool/pool_geometry.h"

#include <gtest/gtest.h>

namespace sluice::pg {
namespace {

constexpr std::uintptr_t kStart = 0x7f0000123000;  // no huge page begins here
constexpr std::uintptr_t kMb = 1 << 20;

TEST(PoolGeometry, ReadsALineOfTheMaps) {
  MappedArea area;
  ASSERT_TRUE(
      parse_area("7f0000123000-7f0080123000 rw-s 00001000 00:01 25  /dev/zero (deleted)\n", area));
  EXPECT_EQ(area.begin, kStart);
  EXPECT_EQ(area.end, kStart + 2048 * kMb);
  EXPECT_EQ(area.offset, 0x1000U);
  EXPECT_TRUE(area.shared);
  EXPECT_FALSE(area.reserved);
  ASSERT_TRUE(parse_area("7f00-7f01 rw-p 0 00:00 0\n", area));
  EXPECT_FALSE(area.shared);
  ASSERT_TRUE(parse_area("7f00-7f01 rw-s 0 00:0f 1 /anon_hugepage (deleted)\n", area));
  EXPECT_TRUE(area.reserved);
  EXPECT_FALSE(parse_area("no line of it", area));
}

TEST(PoolGeometry, HugePagesAreCountedFromTheObjectsStart) {
  const MappedArea area{kStart, kStart + 100 * kMb, 0, true, false};
  const AddressRange pages = huge_pages_of(area, kStart + 3 * kMb + 128, kStart + 9 * kMb);
  EXPECT_EQ(pages.begin, kStart + 2 * kMb);
  EXPECT_EQ(pages.end, kStart + 10 * kMb);
  const AddressRange cut = huge_pages_of(area, kStart + 3 * kMb, kStart + 99 * kMb + 1);
  EXPECT_EQ(cut.end, area.end);
}

TEST(PoolGeometry, AnAreaThatBeginsInsideAHugePageIsCountedFromTheObjectsStart) {
  const MappedArea area{kStart, kStart + 100 * kMb, kMb, true, false};
  EXPECT_EQ(huge_pages_of(area, kStart + 3 * kMb, kStart + 9 * kMb).begin, kStart + 3 * kMb);
  EXPECT_EQ(huge_pages_of(area, kStart + 3 * kMb, kStart + 9 * kMb).end, kStart + 9 * kMb);
  const AddressRange outside = huge_pages_of(area, kStart + kMb / 2, kStart + 9 * kMb);
  EXPECT_EQ(outside.begin, outside.end);  // its first huge page is not all there
}

TEST(PoolGeometry, NoneWhereTheAreaIsNotOfSmallSharedPages) {
  for (const MappedArea& area : {MappedArea{kStart, kStart + 100 * kMb, 0, false, false},
                                 MappedArea{kStart, kStart + 100 * kMb, 0, true, true},
                                 MappedArea{kStart, kStart + 8 * kMb, 0, true, false}}) {
    const AddressRange pages = huge_pages_of(area, kStart + 3 * kMb, kStart + 9 * kMb);
    EXPECT_EQ(pages.begin, pages.end);
  }
}

TEST(PoolGeometry, EveryBlockBeginsInOneHugePage) {
  constexpr std::size_t kBlocks = 1000;
  constexpr std::size_t kBytes = 8192;
  const std::uintptr_t first = kStart + 5 * kMb + 384;  // blocks do not begin at pages
  const MappedArea area{kStart, kStart + 100 * kMb, 0, true, false};
  const AddressRange pages = huge_pages_of(area, first, first + kBlocks * kBytes);
  std::size_t next = 0;
  for (std::uintptr_t page = pages.begin; page < pages.end; page += kHugePageBytes) {
    const BlockRange blocks = blocks_in(page, first, kBlocks, kBytes);
    EXPECT_EQ(blocks.begin, next);
    for (std::size_t block = blocks.begin; block < blocks.end; ++block) {
      const std::uintptr_t start = first + block * kBytes;
      EXPECT_TRUE(start >= page && start < page + kHugePageBytes);
    }
    next = blocks.end;
  }
  EXPECT_EQ(next, kBlocks);
}

}  // namespace
}  // namespace sluice::pg
