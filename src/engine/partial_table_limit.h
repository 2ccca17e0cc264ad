// How many groups a partial aggregate collects before it hands them out.
#pragma once

#include <cstdint>

namespace sluice::engine {

/// What to do with a table that is full.
enum class FullTable : std::uint8_t {
  kGrow,     // go on, with room for more groups
  kHandOut,  // hand its groups out and begin again
  kPass,     // the same, and then let rows pass as they are for a while
};

/// Decides by how much the rows were reduced. Where the rows of a key follow each other, a table
/// that fits the cache reduces them as well as any. Where the keys come in any order it has to have
/// room for nearly all of them; how many these are shows early by how many rows found their key in
/// the table. Where they are too many no table is worth its cost.
/// Source: docs/decisions/0030-partial-aggregates-of-bounded-size.md
class PartialTableLimit {
 public:
  struct Sizes {
    std::uint32_t groups_min = 1U << 14;
    std::uint32_t groups_max = 1U << 18;
    std::uint64_t rows_passed = std::uint64_t{1} << 20;  // between two attempts to collect
  };
  explicit PartialTableLimit(const Sizes& sizes) noexcept
      : sizes_(sizes), groups_(sizes.groups_min) {}

  [[nodiscard]] std::uint32_t groups() const noexcept { return groups_; }
  [[nodiscard]] std::uint64_t rows_passed() const noexcept { return sizes_.rows_passed; }
  /// `rows` have gone into the `groups` of a table that is full. `may_grow`: there is memory for a
  /// larger one.
  [[nodiscard]] FullTable decide(std::uint64_t rows, std::uint32_t groups, bool may_grow) noexcept;

 private:
  Sizes sizes_;
  std::uint32_t groups_;
  double smaller_reduction_ = 0;  // of the table of a fourth of the size
  double keys_expected_ = 0;      // by that one's fill
  bool settled_ = false;
};

}  // namespace sluice::engine
