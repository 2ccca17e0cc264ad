#include "base/large_memory.h"

#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>

namespace sluice::base {
namespace {

constexpr std::size_t kSizes[] = {1,
                                  4096,
                                  kMappedBytesMin - 1,
                                  kMappedBytesMin,
                                  kHugePageBytes,
                                  kHugePageBytes + 1,
                                  5 * kHugePageBytes,
                                  9 * kHugePageBytes - 3};

std::byte mark(std::size_t i) { return static_cast<std::byte>(i * 31 + i / 4096); }

void fill(std::byte* data, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    data[i] = mark(i);
  }
}

bool holds(const std::byte* data, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (data[i] != mark(i)) {
      return false;
    }
  }
  return true;
}

TEST(LargeMemory, MappedArraysBeginWhereHugePagesDo) {
  for (const std::size_t bytes : kSizes) {
    std::byte* data = allocate_array(bytes);
    ASSERT_NE(data, nullptr);
    const std::size_t alignment = bytes < kMappedBytesMin ? 16 : kHugePageBytes;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % alignment, 0U) << bytes;
    fill(data, 0, granted_bytes(bytes));
    free_array(data, bytes);
  }
}

TEST(LargeMemory, ZeroedArraysAreZero) {
  for (const std::size_t bytes : kSizes) {
    std::byte* data = allocate_zeroed_array(bytes);
    ASSERT_NE(data, nullptr);
    std::size_t other = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      other += data[i] == std::byte{0} ? 0 : 1;
    }
    EXPECT_EQ(other, 0U) << bytes;
    free_array(data, bytes);
  }
}

TEST(LargeMemory, ContentsMoveFromEverySizeToEverySize) {
  for (const std::size_t from : kSizes) {
    for (const std::size_t to : kSizes) {
      std::byte* data = allocate_array(from);
      ASSERT_NE(data, nullptr);
      fill(data, 0, from);
      data = resize_array(data, from, to);
      ASSERT_NE(data, nullptr);
      EXPECT_TRUE(holds(data, std::min(from, to))) << from << " to " << to;
      fill(data, 0, to);
      free_array(data, to);
    }
  }
}

TEST(LargeMemory, GrowsAgainAndAgain) {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  for (std::size_t next = 1000; next < 40 * kHugePageBytes; next += next / 2) {
    data = resize_array(data, bytes, next);
    ASSERT_NE(data, nullptr);
    ASSERT_TRUE(holds(data, bytes));
    fill(data, bytes, next);
    bytes = next;
  }
  free_array(data, bytes);
}

TEST(LargeMemory, WhatCannotBeHadLeavesTheOldArray) {
  EXPECT_EQ(allocate_array(SIZE_MAX), nullptr);
  EXPECT_EQ(allocate_array(SIZE_MAX / 2), nullptr);
  for (const std::size_t bytes : {std::size_t{1000}, 3 * kHugePageBytes}) {
    std::byte* data = allocate_array(bytes);
    ASSERT_NE(data, nullptr);
    fill(data, 0, bytes);
    EXPECT_EQ(resize_array(data, bytes, SIZE_MAX / 2), nullptr);
    EXPECT_TRUE(holds(data, bytes));
    free_array(data, bytes);
  }
}

TEST(LargeMemory, NothingIsFreedQuietly) { free_array(nullptr, 0); }

}  // namespace
}  // namespace sluice::base
