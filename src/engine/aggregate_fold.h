// How one value changes one state: the arithmetic of sum, count, min and max.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "base/int128.h"
#include "vector/batch.h"

namespace sluice::engine {

// A fold has: In, State, kInitial; step<kNan>(state, value), where kNan says that the NaN decimal
// may occur; check(), which raises what the steps ran into; and holds_nan for the result column.

/// Rows of a run by index, as a fold's loop sees them.
template <bool kDense>
struct RowAt {
  const vector::RowIndex* rows;
  [[nodiscard]] std::size_t operator[](std::uint32_t i) const noexcept {
    return kDense ? i : rows[i];
  }
};

struct FoldBase {
  bool holds_nan = false;
  bool failed = false;
  void check() const {
    if (failed) [[unlikely]] {
      base::throw_abandon("a sum is out of range");
    }
  }
};

/// sum(int2), sum(int4), and the sums of their states and of counts.
template <typename Input>
struct SumToInt64 : FoldBase {
  using In = Input;
  using State = std::int64_t;
  static constexpr State kInitial = 0;
  template <bool kNan>
  State step(State state, In value) noexcept {
    State sum;
    failed |= __builtin_add_overflow(state, static_cast<std::int64_t>(value), &sum);
    return sum;
  }
};

/// sum(int8), sum(numeric), and the sums of their states.
template <typename Input>
struct SumToInt128 : FoldBase {
  using In = Input;
  using State = base::Int128;
  static constexpr State kInitial = 0;
  static constexpr In kNanIn = static_cast<In>(sizeof(In) == 8 ? base::Int128{vector::kDecimalNan64}
                                                               : vector::kDecimalNan128);
  template <bool kNan>
  State step(State state, In value) noexcept {
    if constexpr (kNan) {
      if (value == kNanIn || state == vector::kDecimalNan128) {
        return vector::kDecimalNan128;
      }
    }
    State sum;
    failed |= __builtin_add_overflow(state, static_cast<State>(value), &sum);
    return sum;
  }
  /// A run without NaN: the halves of 64-bit values are summed apart, which needs no carry.
  template <bool kDense>
  State sum_run(State state, const std::int64_t* values, RowAt<kDense> row,
                std::uint32_t count) const noexcept {
    std::uint64_t low = 0;
    std::int64_t high = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::int64_t value = values[row[i]];
      low += static_cast<std::uint32_t>(value);
      high += value >> 32;
    }
    return state + static_cast<State>(high) * (State{1} << 32) + low;
  }
};

/// sum(float8), in the order of the rows; the sum of avg(float8), too. PostgreSQL's avg raises an
/// overflow where the squared deviations, which it sums along, become infinite. For values up to
/// kLargest they never do, however many there are; with a larger one PostgreSQL has to answer.
/// Source: PostgreSQL, float8pl and float8_accum.
struct SumFloat : FoldBase {
  using In = double;
  using State = double;
  static constexpr State kInitial = -0.0;  // the sum of zeros that are all negative is negative
  static constexpr double kLargest = 1e140;
  template <bool kNan>
  State step(State state, In value) noexcept {
    failed |= std::abs(value) > kLargest && !std::isinf(value);
    return state + value;
  }
  void check() const {
    if (failed) [[unlikely]] {
      base::throw_abandon("a float8 is so large that sums of squares could overflow");
    }
  }
};

/// min and max of integers, decimals, dates, timestamps: NaN decimals order by themselves.
template <typename T, bool kMax>
struct Extreme : FoldBase {
  using In = T;
  using State = T;
  static constexpr State highest() noexcept {
    if constexpr (sizeof(T) == 16) {
      return base::kInt128Max;
    } else {
      return std::numeric_limits<T>::max();
    }
  }
  static constexpr State kInitial = kMax ? static_cast<State>(-highest() - 1) : highest();
  template <bool kNan>
  State step(State state, In value) noexcept {
    return kMax ? (value > state ? value : state) : (value < state ? value : state);
  }
};

/// min and max of float8: NaN is the greatest; of equal values the later one stays, which shows
/// where they are zeros of two signs.
/// Source: PostgreSQL, float8larger and float8smaller.
template <bool kMax>
struct FloatExtreme : FoldBase {
  using In = double;
  using State = double;
  static constexpr State kInitial =
      kMax ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  bool met_both_zeros = false;  // in one group, with nothing beyond them until then
  static bool less(double a, double b) noexcept {
    return !std::isnan(a) && (std::isnan(b) || a < b);
  }
  template <bool kNan>
  State step(State state, In value) noexcept {
    constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
    const auto one = std::bit_cast<std::uint64_t>(state);
    const auto other = std::bit_cast<std::uint64_t>(value);
    met_both_zeros |= (one ^ other) == kSign && (one | other) == kSign;
    return (kMax ? less(value, state) : less(state, value)) ? state : value;
  }
};

}  // namespace sluice::engine
