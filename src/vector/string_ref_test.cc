#include "vector/string_ref.h"

#include <gtest/gtest.h>
#include <random>
#include <string>

namespace sluice::vector {
namespace {

TEST(StringRef, ShortStringsLieInsideAndLongOnesPoint) {
  const std::string twelve = "abcdefghijkl";
  const std::string thirteen = "abcdefghijklm";
  const StringRef inside{std::string_view(twelve)};
  const StringRef outside{std::string_view(thirteen)};
  EXPECT_TRUE(inside.is_inline());
  EXPECT_EQ(inside.view(), twelve);
  EXPECT_FALSE(outside.is_inline());
  EXPECT_EQ(outside.data(), thirteen.data());
}

TEST(StringRef, EqualityIsThatOfTheBytes) {
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    const std::string a(random() % 20, static_cast<char>('a' + random() % 2));
    std::string b(random() % 20, static_cast<char>('a' + random() % 2));
    if (random() % 2 == 0) {
      b = a;
      if (!b.empty() && random() % 2 == 0) {
        b.back() = 'x';
      }
    }
    EXPECT_EQ(StringRef{std::string_view(a)} == StringRef{std::string_view(b)}, a == b);
  }
}

TEST(WithoutTrailingBlanks, AgreesWithCuttingByteByByte) {
  std::mt19937 random(3);
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (unsigned n = random() % 30; n > 0; --n) {
      text.push_back(random() % 3 == 0 ? "a\xff\t!"[random() % 4] : ' ');
    }
    std::string expected = text;
    while (!expected.empty() && expected.back() == ' ') {
      expected.pop_back();
    }
    const StringRef string{std::string_view(text)};
    ASSERT_EQ(without_trailing_blanks(std::string_view(text)), expected);
    const StringRef cut = without_trailing_blanks(string);
    ASSERT_EQ(cut.view(), expected) << '"' << text << '"';
    ASSERT_TRUE(cut == StringRef{std::string_view(expected)});
  }
}

}  // namespace
}  // namespace sluice::vector
