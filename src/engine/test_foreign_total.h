// The foreign aggregate of tests and random plans: the number of rows plus the sum of the integers
// among their arguments.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/foreign_aggregate.h"
#include "engine/test_rows.h"

namespace sluice::engine::testing {

/// What all of them together hold, and what has become of them. For one thread.
struct ForeignTotals {
  unsigned made = 0;
  unsigned closed = 0;
  std::uint32_t groups_most = 0;  // at a time
  std::size_t bytes_a_group = 0;  // to be said of each
};

/// A result of text is the number in decimal, with leading zeros.
class ForeignTotal final : public ForeignAggregate {
 public:
  static constexpr std::size_t kTextBytes = 20;

  ForeignTotal(const plan::DataType& result, ForeignTotals* totals)
      : is_text_(result.is_varlen()), totals_(totals) {
    if (totals_ != nullptr) {
      ++totals_->made;
    }
  }

  void grow(std::uint32_t groups) override {
    totals_of_groups_.resize(std::max<std::size_t>(groups, totals_of_groups_.size()));
    if (totals_ != nullptr) {
      totals_->groups_most = std::max(totals_->groups_most, groups);
    }
  }
  void add(std::span<const vector::ColumnView> args, const vector::RowIndex* rows,
           const std::uint32_t* groups, std::uint32_t count) override {
    for (std::uint32_t i = 0; i < count; ++i) {
      std::int64_t& total = totals_of_groups_.at(groups[i]);
      ++total;
      for (const vector::ColumnView& arg : args) {
        total += static_cast<std::int64_t>(read_value(arg, rows[i]).integer);
      }
    }
  }
  /// NULL where there were no rows and the result is text.
  void finish(std::uint32_t first, std::uint32_t count, const ValueBuffer& result) override {
    texts_.assign(count, std::string());
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::int64_t total = totals_of_groups_.at(first + i);
      if (is_text_) {
        const std::string digits = std::to_string(total);
        texts_[i] = std::string(kTextBytes - digits.size(), '0') + digits;
        result.as<vector::StringRef>()[i] = vector::StringRef(texts_[i]);
      } else {
        result.as<std::int64_t>()[i] = total;
      }
      const std::uint64_t bit = std::uint64_t{1} << (i % 64);
      const bool valid = !is_text_ || total != 0;
      result.validity[i / 64] = (result.validity[i / 64] & ~bit) | (valid ? bit : 0);
    }
  }
  void reset() override { totals_of_groups_.clear(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return totals_ == nullptr ? 0 : totals_->bytes_a_group * totals_of_groups_.size();
  }
  void close() override {
    if (totals_ != nullptr) {
      ++totals_->closed;
    }
  }

 private:
  bool is_text_;
  ForeignTotals* totals_;
  std::vector<std::int64_t> totals_of_groups_;
  std::vector<std::string> texts_;
};

inline std::unique_ptr<ForeignAggregate> make_foreign_total(
    const plan::AggregateCall& call, std::span<const plan::DataType> /*args*/) {
  return std::make_unique<ForeignTotal>(call.result, nullptr);
}

}  // namespace sluice::engine::testing
