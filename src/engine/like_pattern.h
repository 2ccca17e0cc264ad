// A LIKE pattern, compiled once: segments between the %s where that suffices, else a matcher.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::engine {

/// Escape is the backslash. Bytes compare with bytes; `_` is one character of UTF-8.
/// Invariant kept by the planner: patterns come here only from databases whose encoding is UTF8 or
/// single-byte (elsewhere a substring could match across characters), and patterns with an
/// unescaped `_` only from UTF8.
/// Source: the rules of PostgreSQL's like_match.c.
class LikePattern {
 public:
  explicit LikePattern(std::string_view pattern);

  /// Errors: 22025 when matching meets a backslash that ends the pattern, and only then.
  [[nodiscard]] bool matches(std::string_view text) const;

  /// What matches() does.
  enum class Plan : std::uint8_t {
    kExact,     // no %: the text equals the one segment
    kPrefix,    // abc%
    kSuffix,    // %abc
    kSegments,  // any number of %, no _
    kGeneral,
  };
  [[nodiscard]] Plan plan() const noexcept { return plan_; }

 private:
  enum class TokenKind : std::uint8_t { kByte, kAnyCharacter, kAnyString, kBrokenEscape };
  struct Token {
    TokenKind kind;
    char byte;
  };

  void tokenize(std::string_view pattern);
  void choose_plan();
  [[nodiscard]] bool matches_segments(std::string_view text) const noexcept;
  [[nodiscard]] bool matches_tokens(std::string_view text) const;

  std::vector<Token> tokens_;
  Plan plan_ = Plan::kGeneral;
  std::string prefix_;
  std::string suffix_;
  std::vector<std::string> middles_;  // between the first and the last %
};

}  // namespace sluice::engine
