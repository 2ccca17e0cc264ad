// Bringing the pages of the next group into the cache while one is decoded.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::pg {

/// Cache lines of announced pages, one of which every loop over rows asks for with each row: the
/// memory then works while the processor does. All at once would only wait for it.
/// Owns: nothing; pages are asked for, not read, and need not even exist.
/// Source: docs/decisions/0024-pages-asked-for-while-others-are-decoded.md
class ReadAhead {
 public:
  static constexpr std::size_t kPagesMax = 8;
  static constexpr std::size_t kPageBytes = 8192;
  static constexpr std::size_t kLineBytes = 64;

  /// The lines that one loop asks for.
  class Lines {
   public:
    /// Shape: `round` counts the loop's rounds. Inlined: GCC takes a function that only prefetches
    /// for one without effects, and leaves its calls out.
    [[gnu::always_inline]] void ask(std::size_t round) const noexcept {
      const std::size_t line = first_ + round;
      if (line < end_) {
        __builtin_prefetch((*pages_)[line / kPageLines] + line % kPageLines * kLineBytes);
      }
    }

   private:
    friend class ReadAhead;
    using Pages = std::array<const std::uint8_t*, kPagesMax>;
    Lines(const Pages& pages, std::size_t first, std::size_t end) noexcept
        : pages_(&pages), first_(first), end_(end) {}
    const Pages* pages_;
    std::size_t first_;
    std::size_t end_;
  };

  /// Forgets the pages of before. Shape: at most kPagesMax, of kPageBytes each.
  void announce(std::span<const std::uint8_t* const> pages) noexcept {
    const std::size_t known = std::min(pages.size(), kPagesMax);
    std::copy_n(pages.begin(), known, pages_.begin());
    asked_ = 0;
    end_ = known * kPageLines;
  }
  /// For a loop of `count` rounds.
  [[nodiscard]] Lines lines(std::uint32_t count) noexcept {
    const std::size_t first = asked_;
    asked_ += count;
    return {pages_, first, end_};
  }

 private:
  static constexpr std::size_t kPageLines = kPageBytes / kLineBytes;

  std::array<const std::uint8_t*, kPagesMax> pages_{};
  std::size_t asked_ = 0;
  std::size_t end_ = 0;
};

}  // namespace sluice::pg
