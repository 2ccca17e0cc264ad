#include "engine/partial_table_limit.h"

#include <cmath>

namespace sluice::engine {

namespace {

constexpr std::uint32_t kGrowth = 4;
constexpr double kWorthCollecting = 1.5;
// A larger table that is worth its cache misses reduces the rows so much better.
constexpr double kWorthGrowth = 1.3;
// Keys that come in any order do not seem to become so many more in a table of kGrowth the size.
constexpr double kSameKeys = 2;
// So many keys for each that there is room for still make a full table worth its cost.
constexpr double kKeysPerPlaceMax = 1.5;

/// How many keys there are if `rows` of them in any order have had `groups` different ones.
/// Source: the expected number of distinct keys is K * (1 - exp(-rows / K)).
double keys_expected(double rows, double groups) noexcept {
  constexpr double kKeysMax = 1e12;
  constexpr int kHalvings = 40;  // of the exponent's range: more than enough digits
  double low = std::log(groups);
  double high = std::log(kKeysMax);
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    const double keys = std::exp(middle);
    (-keys * std::expm1(-rows / keys) < groups ? low : high) = middle;
  }
  return std::exp(high);
}

}  // namespace

FullTable PartialTableLimit::decide(std::uint64_t rows, std::uint32_t groups,
                                    bool may_grow) noexcept {
  const auto rows_in = static_cast<double>(rows);
  const double reduction = rows_in / groups;
  if (!settled_) {
    const double keys = keys_expected(rows_in, groups);
    const bool first = smaller_reduction_ == 0;
    const bool holds_all = keys <= kKeysPerPlaceMax * sizes_.groups_max;
    const bool pays =
        first ? holds_all || reduction >= kWorthCollecting : keys <= kSameKeys * keys_expected_;
    if (pays && may_grow && groups_ < sizes_.groups_max) {
      smaller_reduction_ = reduction;
      keys_expected_ = keys;
      groups_ *= kGrowth;
      return FullTable::kGrow;
    }
    settled_ = true;
    if (!first && reduction < kWorthGrowth * smaller_reduction_) {
      groups_ /= kGrowth;
    }
  }
  return reduction >= kWorthCollecting ? FullTable::kHandOut : FullTable::kPass;
}

}  // namespace sluice::engine
