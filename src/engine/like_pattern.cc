#include "engine/like_pattern.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "base/interrupt_poll.h"

namespace sluice::engine {

namespace {

/// A pattern that fails late at every place of a long text takes the square of its length.
constexpr std::size_t kBytesBetweenPolls = std::size_t{1} << 20;

[[noreturn]] void throw_broken_escape() {
  throw base::Error(base::ErrorKind::kQuery, "22025",
                    "LIKE pattern must not end with escape character");
}

std::size_t next_character(std::string_view text, std::size_t at) noexcept {
  do {
    ++at;
  } while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  return at;
}

}  // namespace

LikePattern::LikePattern(std::string_view pattern) {
  tokenize(pattern);
  choose_plan();
}

void LikePattern::tokenize(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '%') {
      tokens_.push_back({TokenKind::kAnyString, c});
    } else if (c == '_') {
      tokens_.push_back({TokenKind::kAnyCharacter, c});
    } else if (c != '\\') {
      tokens_.push_back({TokenKind::kByte, c});
    } else if (i + 1 == pattern.size()) {
      tokens_.push_back({TokenKind::kBrokenEscape, c});
    } else {
      tokens_.push_back({TokenKind::kByte, pattern[++i]});
    }
  }
}

void LikePattern::choose_plan() {
  std::vector<std::string> segments(1);
  for (const Token& token : tokens_) {
    switch (token.kind) {
      case TokenKind::kByte:
        segments.back().push_back(token.byte);
        break;
      case TokenKind::kAnyString:
        segments.emplace_back();
        break;
      default:
        return;  // kGeneral
    }
  }
  prefix_ = segments.front();
  if (segments.size() == 1) {
    plan_ = Plan::kExact;
    return;
  }
  suffix_ = segments.back();
  std::copy_if(segments.begin() + 1, segments.end() - 1, std::back_inserter(middles_),
               [](const std::string& segment) { return !segment.empty(); });
  if (middles_.empty() && suffix_.empty()) {
    plan_ = Plan::kPrefix;
  } else if (middles_.empty() && prefix_.empty()) {
    plan_ = Plan::kSuffix;
  } else {
    plan_ = Plan::kSegments;
  }
}

bool LikePattern::matches(std::string_view text) const {
  switch (plan_) {
    case Plan::kExact:
      return text == prefix_;
    case Plan::kPrefix:
      return text.starts_with(prefix_);
    case Plan::kSuffix:
      return text.ends_with(suffix_);
    case Plan::kSegments:
      return matches_segments(text);
    case Plan::kGeneral:
      return matches_tokens(text);
  }
  return false;
}

bool LikePattern::matches_segments(std::string_view text) const noexcept {
  if (text.size() < prefix_.size() + suffix_.size() || !text.starts_with(prefix_) ||
      !text.ends_with(suffix_)) {
    return false;
  }
  const char* next = text.data() + prefix_.size();
  const char* end = text.data() + text.size() - suffix_.size();
  for (const std::string& middle : middles_) {
    const void* found =
        memmem(next, static_cast<std::size_t>(end - next), middle.data(), middle.size());
    if (found == nullptr) {
      return false;
    }
    next = static_cast<const char*>(found) + middle.size();
  }
  return true;
}

// Takes the shortest text for each %; on a mismatch only the last % takes one character more, for
// what lies before it matches already and a longer text there gains nothing.
bool LikePattern::matches_tokens(std::string_view text) const {
  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t at = 0;
  std::size_t token = 0;
  std::size_t retry_at = 0;
  std::size_t retry_token = kNone;
  std::size_t work = 0;  // bytes looked at since the last poll
  while (at < text.size()) {
    if (token < tokens_.size()) {
      const Token& expected = tokens_[token];
      if (expected.kind == TokenKind::kBrokenEscape) {
        throw_broken_escape();
      }
      if (expected.kind == TokenKind::kAnyCharacter) {
        at = next_character(text, at);
        ++token;
        continue;
      }
      if (expected.kind == TokenKind::kAnyString) {
        // The _s among the %s take their characters now, so that what follows is a byte.
        for (++token; token < tokens_.size() && tokens_[token].kind != TokenKind::kByte; ++token) {
          if (tokens_[token].kind == TokenKind::kBrokenEscape) {
            throw_broken_escape();
          }
          if (tokens_[token].kind == TokenKind::kAnyCharacter) {
            if (at == text.size()) {
              return false;
            }
            at = next_character(text, at);
          }
        }
        if (token == tokens_.size()) {
          return true;
        }
        retry_at = at;
        retry_token = token;
        continue;
      }
      if (expected.byte == text[at]) {
        ++at;
        ++token;
        continue;
      }
    }
    if (retry_token == kNone) {
      return false;
    }
    retry_at = next_character(text, retry_at);
    work += at - std::min(at, retry_at) + 1;
    if (work > kBytesBetweenPolls) {
      work = 0;
      base::poll_interrupts();
    }
    at = retry_at;
    token = retry_token;
  }
  while (token < tokens_.size() && tokens_[token].kind == TokenKind::kAnyString) {
    ++token;
  }
  return token == tokens_.size();
}

}  // namespace sluice::engine
