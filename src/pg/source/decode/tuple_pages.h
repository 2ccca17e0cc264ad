// For benchmarks: tuples on pages as heap inserts leave them, from a page's end to its front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "pg/source/decode/read_ahead.h"
#include "pg/source/decode/tuple_builder.h"
#include "vector/batch.h"

namespace sluice::pg {

/// Owns: the pages.
class TuplePages {
 public:
  /// Fills `page_count` pages with what `row()` returns: the values of a row, in attribute order.
  template <typename Row>
  TuplePages(std::size_t page_count, const std::vector<AttributeLayout>& attributes, Row row)
      : page_count_(page_count), bytes_(page_count * kPageBytes + 64) {
    auto* base = const_cast<std::uint8_t*>(align_up(bytes_.data(), 64));
    for (std::size_t page = 0; page < page_count; ++page) {
      if (page % kGroupPages == 0 || groups_.back().size() + kPageTuplesMax > kGroupTuplesMax) {
        groups_.emplace_back();
        group_starts_.push_back(page);
      }
      std::size_t top = kPageBytes;
      std::size_t bottom = kPageHeaderBytes;
      for (;;) {
        TupleBuilder builder(attributes);
        builder.add(row());
        const TupleBytes tuple = builder.tuples()[0];
        bottom += kLinePointerBytes;
        if (top < bottom + tuple.length + kDataAlignment) {
          break;
        }
        top = (top - tuple.length) / kDataAlignment * kDataAlignment;
        std::uint8_t* to = base + page * kPageBytes + top;
        std::memcpy(to, tuple.data, tuple.length);
        groups_.back().push_back({to, tuple.length});
        ++rows_;
      }
    }
  }
  TuplePages(const TuplePages&) = delete;
  TuplePages& operator=(const TuplePages&) = delete;

  /// Groups of as many pages as a scan claims at once.
  [[nodiscard]] const std::vector<std::vector<TupleBytes>>& groups() const { return groups_; }
  /// The pages of one of them.
  [[nodiscard]] std::span<const std::uint8_t> group_bytes(std::size_t group) const {
    const std::size_t begin = group_starts_[group];
    const std::size_t end = group + 1 < groups_.size() ? group_starts_[group + 1] : page_count_;
    return {align_up(bytes_.data(), 64) + begin * kPageBytes, (end - begin) * kPageBytes};
  }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t bytes() const { return page_count_ * kPageBytes; }

 private:
  static constexpr std::size_t kPageBytes = ReadAhead::kPageBytes;
  static constexpr std::size_t kPageHeaderBytes = 24;
  static constexpr std::size_t kLinePointerBytes = 4;
  static constexpr std::size_t kPageTuplesMax = 291;
  static constexpr std::size_t kGroupPages = ReadAhead::kPagesMax;
  static constexpr std::size_t kGroupTuplesMax = vector::kBatchRowsMax;

  std::size_t page_count_;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::vector<TupleBytes>> groups_;
  std::vector<std::size_t> group_starts_;  // page numbers
  std::size_t rows_ = 0;
};

}  // namespace sluice::pg
