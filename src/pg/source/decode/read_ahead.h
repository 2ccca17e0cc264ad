// Bringing the pages of the next group into the cache while one is decoded.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::pg {

/// Cache lines of announced pages. Loops over rows ask for as many lines as they have rows, a few
/// at a time: the memory then works while the processor does. All at once would only wait for it.
/// Owns: nothing; pages are asked for, not read, and need not even exist.
/// Source: docs/decisions/0024-pages-asked-for-while-others-are-decoded.md, and 0036.
class ReadAhead {
 public:
  static constexpr std::size_t kPagesMax = 8;
  static constexpr std::size_t kPageBytes = 8192;
  static constexpr std::size_t kCacheLineBytes = 64;
  static constexpr std::size_t kBlockLines = 4;  // asked for together

  /// The lines that one loop asks for.
  class Lines {
   public:
    /// Calls `body(i, row)` for the i-th of `rows`, and asks for as many lines. Inlined: GCC takes
    /// a function that only prefetches for one without effects, and leaves its calls out.
    template <typename Rows, typename Body>
    [[gnu::always_inline]] void for_each(Rows rows, Body body) const {
      std::size_t i = 0;
      for (; i + kBlockLines <= rows.count; i += kBlockLines) {
        ask(i);
        for (std::size_t k = 0; k < kBlockLines; ++k) {
          body(i + k, rows[i + k]);
        }
      }
      if (i < rows.count) {
        ask(i);
        for (; i < rows.count; ++i) {
          body(i, rows[i]);
        }
      }
    }

   private:
    friend class ReadAhead;
    using Pages = std::array<const std::uint8_t*, kPagesMax>;
    Lines(const Pages& pages, std::size_t first, std::size_t end) noexcept
        : pages_(&pages), first_(first), end_(end) {}

    /// From one page after the other in turn: memory is faster where several are read at a time.
    /// Shape: `done` is a multiple of kBlockLines, as is first_: the lines are of one page.
    [[gnu::always_inline]] void ask(std::size_t done) const noexcept {
      const std::size_t line = first_ + done;
      if (line < end_) {
        const std::size_t block = line / kBlockLines;
        const std::uint8_t* at =
            (*pages_)[block % kPagesMax] + block / kPagesMax * kBlockLines * kCacheLineBytes;
        for (std::size_t k = 0; k < kBlockLines; ++k) {
          __builtin_prefetch(at + k * kCacheLineBytes);
        }
      }
    }

    const Pages* pages_;
    std::size_t first_;
    std::size_t end_;
  };

  /// Forgets the pages of before. Shape: at most kPagesMax, of kPageBytes each.
  void announce(std::span<const std::uint8_t* const> pages) noexcept {
    asked_ = 0;
    end_ = pages.empty() ? 0 : kPagesMax * kPageLines;
    for (std::size_t i = 0; i < kPagesMax && end_ > 0; ++i) {
      pages_[i] = pages[i % pages.size()];
    }
  }
  /// Whether there are announced pages, and all their lines have been asked for.
  [[nodiscard]] bool has_asked_all() const noexcept { return end_ > 0 && asked_ >= end_; }
  /// For a loop over `count` rows.
  [[nodiscard]] Lines lines(std::uint32_t count) noexcept {
    const std::size_t first = asked_;
    asked_ += (count + kBlockLines - 1) / kBlockLines * kBlockLines;
    return {pages_, first, end_};
  }

 private:
  static constexpr std::size_t kPageLines = kPageBytes / kCacheLineBytes;

  std::array<const std::uint8_t*, kPagesMax> pages_{};
  std::size_t asked_ = 0;
  std::size_t end_ = 0;
};

}  // namespace sluice::pg
