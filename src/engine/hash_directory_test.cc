#include "engine/hash_directory.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

#include "base/error.h"
#include "base/interrupt_poll.h"

namespace sluice::engine {
namespace {

TEST(HashDirectory, KeepsEveryEntryWhileItGrows) {
  base::MemoryBudget budget(std::size_t{16} << 20);
  HashDirectory directory(budget);
  std::mt19937 random(1);
  std::map<std::uint32_t, std::uint32_t> model;  // hash -> number
  for (std::uint32_t number = 1; number <= 50'000; ++number) {
    const std::uint32_t hash = number % 3 == 0 ? 0xffffffffU - number : random();
    if (!model.emplace(hash, number).second) {
      continue;
    }
    directory.make_room();
    const std::size_t slot = directory.seek(directory.home(hash), hash);
    ASSERT_EQ(directory.number(slot), 0U);
    directory.put(slot, hash, number);
  }
  ASSERT_EQ(directory.entries(), model.size());
  EXPECT_LE(2 * directory.entries(), directory.slot_count());
  for (const auto& [hash, number] : model) {
    EXPECT_EQ(directory.number(directory.seek(directory.home(hash), hash)), number);
  }
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t hash = random();
    if (model.find(hash) == model.end()) {
      EXPECT_EQ(directory.number(directory.seek(directory.home(hash), hash)), 0U);
    }
  }
}

TEST(HashDirectory, EqualHashesLieBehindEachOther) {
  base::MemoryBudget budget(std::size_t{1} << 20);
  HashDirectory directory(budget);
  directory.open_for(100);
  const std::uint32_t hash = 0xffffffffU;  // the last home slot: the run wraps
  for (std::uint32_t number = 1; number <= 100; ++number) {
    std::size_t slot = directory.seek(directory.home(hash), hash);
    while (directory.number(slot) != 0) {
      slot = directory.seek(directory.after(slot), hash);
    }
    directory.put(slot, hash, number);
  }
  std::size_t slot = directory.home(hash);
  for (std::uint32_t number = 1; number <= 100; ++number) {
    slot = directory.seek(slot, hash);
    EXPECT_EQ(directory.number(slot), number);
    slot = directory.after(slot);
  }
}

TEST(HashDirectory, GrowingCanBeInterruptedAndChangesNothingThen) {
  base::MemoryBudget budget(std::size_t{64} << 20);
  {
    HashDirectory directory(budget);
    directory.open_for(100'000);
    const std::size_t slots = directory.slot_count();
    const std::size_t held = budget.used_bytes();
    std::mt19937 random(5);
    for (std::uint32_t number = 1; 2 * (directory.entries() + 1) <= slots; ++number) {
      const std::uint32_t hash = random();
      std::size_t slot = directory.seek(directory.home(hash), hash);
      while (directory.number(slot) != 0) {
        slot = directory.seek(directory.after(slot), hash);
      }
      directory.put(slot, hash, number);
    }
    base::set_interrupt_poll([] { base::throw_abandon("interrupted"); });
    EXPECT_THROW(directory.make_room(), base::Error);
    base::set_interrupt_poll(nullptr);
    EXPECT_EQ(directory.slot_count(), slots);
    EXPECT_EQ(budget.used_bytes(), held);
    directory.make_room();
    EXPECT_GT(directory.slot_count(), slots);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

TEST(HashDirectory, GrowsDenserBeforeItAbandons) {
  base::MemoryBudget budget(1024 * 8 + 512 * 8);  // 1024 slots beside the 512 before them
  HashDirectory directory(budget);
  std::uint32_t entries = 0;
  try {
    while (true) {
      directory.make_room();
      const std::uint32_t hash = entries * 2654435761U;
      directory.put(directory.seek(directory.home(hash), hash), hash, ++entries);
    }
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kAbandon);
  }
  EXPECT_EQ(entries, 1024U * 7 / 8);
}

TEST(HashDirectory, ChargesItsBudgetAndGivesItBack) {
  base::MemoryBudget budget(std::size_t{64} << 20);
  {
    HashDirectory directory(budget);
    directory.open_for(1'000'000);
    EXPECT_GE(budget.used_bytes(), 16'000'000U);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
}

}  // namespace
}  // namespace sluice::engine
