#include "engine/like_pattern.h"

#include <array>
#include <gtest/gtest.h>
#include <optional>
#include <random>
#include <string>

#include "base/error.h"
#include "engine/expr_naive_test.h"

namespace sluice::engine {
namespace {

bool matches(std::string_view text, std::string_view pattern) {
  return LikePattern(pattern).matches(text);
}

TEST(LikePattern, ChoosesTheCheapestPlan) {
  using Plan = LikePattern::Plan;
  EXPECT_EQ(LikePattern("abc").plan(), Plan::kExact);
  EXPECT_EQ(LikePattern("").plan(), Plan::kExact);
  EXPECT_EQ(LikePattern("PROMO%").plan(), Plan::kPrefix);
  EXPECT_EQ(LikePattern("%%").plan(), Plan::kPrefix);
  EXPECT_EQ(LikePattern("%BRASS").plan(), Plan::kSuffix);
  EXPECT_EQ(LikePattern("%green%").plan(), Plan::kSegments);
  EXPECT_EQ(LikePattern("%special%requests%").plan(), Plan::kSegments);
  EXPECT_EQ(LikePattern("a_c").plan(), Plan::kGeneral);
  EXPECT_EQ(LikePattern("50\\%").plan(), Plan::kExact);
}

TEST(LikePattern, PrefixAndSuffixDoNotOverlap) {
  EXPECT_FALSE(matches("aba", "ab%ba"));
  EXPECT_TRUE(matches("abba", "ab%ba"));
  EXPECT_FALSE(matches("aXbXc", "a%bX%Xc"));
}

TEST(LikePattern, UnderscoreIsOneUtf8Character) {
  EXPECT_TRUE(matches("caf\xc3\xa9", "caf_"));
  EXPECT_FALSE(matches("caf\xc3\xa9", "caf__"));
  EXPECT_TRUE(matches("\xe2\x82\xac-x", "_%x"));
}

TEST(LikePattern, EscapeTakesTheNextByteLiterally) {
  EXPECT_TRUE(matches("50%", "50\\%"));
  EXPECT_FALSE(matches("50x", "50\\%"));
  EXPECT_TRUE(matches("a_b", "a\\_b"));
  EXPECT_TRUE(matches("a\\b", "a\\\\b"));
  EXPECT_TRUE(matches("ab", "\\ab"));
}

TEST(LikePattern, TrailingEscapeRaisesOnlyWhereMatchingMeetsIt) {
  EXPECT_FALSE(matches("abc", "x\\"));
  EXPECT_FALSE(matches("a", "a\\"));
  EXPECT_FALSE(matches("", "%\\"));
  for (const auto& [text, pattern] : {std::pair{"ab", "a\\"}, {"a", "%\\"}, {"xab", "%a\\"}}) {
    try {
      (void)matches(text, pattern);
      FAIL() << text << " " << pattern;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.sqlstate(), "22025");
      EXPECT_EQ(error.message(), "LIKE pattern must not end with escape character");
      EXPECT_EQ(error.kind(), base::ErrorKind::kQuery);
    }
  }
}

TEST(LikePattern, AgreesWithTheRecursiveMatcherOnRandomPatterns) {
  std::mt19937 random(17);
  const std::array<std::string, 7> pieces = {"a", "b", "\xc3\xa9", "%", "_", "\\", "ab"};
  const auto make = [&](std::size_t kinds, std::size_t length) {
    std::string result;
    for (std::size_t i = random() % length; i > 0; --i) {
      result += pieces[random() % kinds];
    }
    return result;
  };
  const auto outcome = [](auto match) -> std::optional<bool> {
    try {
      return match();
    } catch (const base::Error&) {
      return std::nullopt;
    }
  };
  int matched = 0;
  int raised = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::string text = make(i % 10 == 0 ? 7 : 3, 10);
    const std::string pattern = make(i % 3 == 0 ? 4 : 7, 8);
    const auto expected = outcome([&] { return naive::like(text, pattern); });
    ASSERT_EQ(outcome([&] { return matches(text, pattern); }), expected) << text << " " << pattern;
    matched += expected.value_or(false) ? 1 : 0;
    raised += expected.has_value() ? 0 : 1;
  }
  EXPECT_GT(matched, 10000);
  EXPECT_GT(raised, 500);
}

}  // namespace
}  // namespace sluice::engine
