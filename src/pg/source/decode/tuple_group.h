// The tuples of one page group, taken apart down to their user data.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "pg/source/decode/heap_format.h"
#include "pg/source/decode/read_ahead.h"
#include "vector/batch.h"

namespace sluice::pg {

/// One heap tuple on a pinned page, header included.
struct TupleBytes {
  const std::uint8_t* data = nullptr;
  std::uint32_t length = 0;
};

/// Where each tuple's data begin and end, which attributes it has, and what holds for all of them.
/// Owns: nothing; the pages stay pinned while it is used, and what it reads ahead stays, too.
class TupleGroup {
 public:
  TupleGroup() = default;
  TupleGroup(const TupleGroup&) = delete;
  TupleGroup& operator=(const TupleGroup&) = delete;

  /// Shape:  at most kBatchRowsMax tuples; `ahead` is null where nothing is to be read ahead.
  /// Errors: kCorrupt for a header that contradicts itself or the tuple's length.
  void load(std::span<const TupleBytes> tuples, ReadAhead* ahead);

  /// For the loops over the group's rows.
  [[nodiscard]] ReadAhead& ahead() const noexcept { return *ahead_; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  /// Where the user data of each row begin, and the first bytes behind them.
  [[nodiscard]] const std::uint8_t* const* data() const noexcept { return data_.data(); }
  [[nodiscard]] const std::uint8_t* const* ends() const noexcept { return end_.data(); }

  /// User data that every tuple has at least, in bytes; may be less than it is.
  [[nodiscard]] std::uint32_t data_bytes_min() const noexcept { return data_bytes_min_; }

  /// Whether no tuple lacks `attribute` or has NULL there. May be false although it is so.
  [[nodiscard]] bool is_full(std::uint32_t attribute) const noexcept {
    return attribute < attributes_min_ &&
           (attribute < 64 ? ((full_ >> attribute) & 1) != 0 : !any_nulls_);
  }
  /// Whether the tuple is older than the attribute.
  [[nodiscard]] bool is_missing(std::uint32_t row, std::uint32_t attribute) const noexcept {
    return attribute >= (are_alike_ ? attributes_min_ : attributes_[row]);
  }
  /// Shape: the attribute is not missing.
  [[nodiscard]] bool is_null(std::uint32_t row, std::uint32_t attribute) const noexcept {
    return !are_alike_ && ((nulls_[row][attribute / 8] >> (attribute % 8)) & 1) == 0;
  }

 private:
  [[nodiscard]] bool load_alike(std::span<const TupleBytes> tuples);
  void load_different(std::span<const TupleBytes> tuples);
  void load_headers(std::span<const TupleBytes> tuples) noexcept;
  void find_full_attributes() noexcept;

  ReadAhead* ahead_ = &nothing_ahead_;
  ReadAhead nothing_ahead_;
  std::uint32_t rows_ = 0;
  std::uint32_t attributes_min_ = 0;
  std::uint32_t data_bytes_min_ = 0;
  bool any_nulls_ = false;
  bool are_alike_ = true;   // no NULLs, and as many attributes in each
  std::uint64_t full_ = 0;  // one bit for each of the first 64 attributes
  std::array<const std::uint8_t*, vector::kBatchRowsMax> data_{};
  std::array<const std::uint8_t*, vector::kBatchRowsMax> end_{};
  // Unless the tuples are alike:
  std::array<const std::uint8_t*, vector::kBatchRowsMax> nulls_{};  // 1 = not null
  std::array<std::uint16_t, vector::kBatchRowsMax> attributes_{};
};

}  // namespace sluice::pg
