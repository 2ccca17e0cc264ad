#include "vector/uuid_order.h"

#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace sluice::vector {
namespace {

using Uuid = std::array<unsigned char, kUuidBytes>;

int sign(int value) { return int{value > 0} - int{value < 0}; }

void expect_same_order(const Uuid& a, const Uuid& b) {
  const base::Int128 left = integer_of_uuid(a.data());
  const base::Int128 right = integer_of_uuid(b.data());
  EXPECT_EQ(int{left > right} - int{left < right},
            sign(std::memcmp(a.data(), b.data(), kUuidBytes)));
  Uuid back{};
  write_uuid(left, back.data());
  EXPECT_EQ(back, a);
}

TEST(UuidOrder, IsThatOfTheBytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    Uuid a{};
    for (unsigned char& byte : a) {
      byte = static_cast<unsigned char>(random());
    }
    Uuid b = a;
    b[random() % kUuidBytes] = static_cast<unsigned char>(random());
    expect_same_order(a, b);
  }
}

TEST(UuidOrder, HoldsAtTheEnds) {
  Uuid zero{};
  Uuid ones;
  ones.fill(0xFF);
  Uuid half = zero;
  half[0] = 0x80;
  Uuid below_half = ones;
  below_half[0] = 0x7F;
  for (const Uuid& a : {zero, ones, half, below_half}) {
    for (const Uuid& b : {zero, ones, half, below_half}) {
      expect_same_order(a, b);
    }
  }
}

}  // namespace
}  // namespace sluice::vector
