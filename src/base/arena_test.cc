#include "base/arena.h"

#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

#include "base/error.h"

namespace sluice::base {
namespace {

TEST(Arena, AllocationsAreAlignedDisjointAndStable) {
  MemoryBudget budget(std::size_t{64} << 20);
  Arena arena(budget);
  std::mt19937 random(7);
  struct Piece {
    std::byte* data;
    std::size_t bytes;
    std::byte fill;
  };
  std::vector<Piece> pieces;
  for (int i = 0; i < 5000; ++i) {
    const std::size_t alignment = std::size_t{1} << (random() % 7);
    const std::size_t bytes = random() % 700;
    std::byte* data = arena.allocate(bytes, alignment);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % alignment, 0U);
    const auto fill = static_cast<std::byte>(random());
    std::memset(data, static_cast<int>(fill), bytes);
    pieces.push_back({data, bytes, fill});
  }
  for (const Piece& piece : pieces) {
    for (std::size_t i = 0; i < piece.bytes; ++i) {
      ASSERT_EQ(piece.data[i], piece.fill);
    }
  }
  EXPECT_EQ(budget.used_bytes(), arena.chunk_bytes());
}

TEST(Arena, StopsAtItsBudgetAndGivesEverythingBack) {
  MemoryBudget budget(std::size_t{100} * 1024);
  {
    Arena arena(budget);
    EXPECT_THROW(
        {
          for (;;) {
            (void)arena.allocate(1000);
          }
        },
        Error);
    EXPECT_LE(budget.used_bytes(), budget.limit_bytes());
    EXPECT_THROW((void)arena.allocate(std::size_t{1} << 40), Error);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(Arena, ResetKeepsOneChunk) {
  MemoryBudget budget(std::size_t{64} << 20);
  Arena arena(budget);
  for (int i = 0; i < 100; ++i) {
    (void)arena.allocate(10000);
  }
  arena.reset();
  EXPECT_EQ(arena.chunk_bytes(), Arena::kChunkBytesMin);
  EXPECT_EQ(budget.used_bytes(), Arena::kChunkBytesMin);
}

}  // namespace
}  // namespace sluice::base
