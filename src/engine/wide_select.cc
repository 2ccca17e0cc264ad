#include "engine/wide_select.h"

#include <array>
#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::engine::wide {

#if defined(__x86_64__)

using plan::Op;
using vector::RowIndex;

namespace {

constexpr std::uint32_t kRows = 8;  // at a time: their outcomes are the bits of a byte
constexpr std::size_t kOutcomes = std::size_t{1} << kRows;
static_assert(kRows * sizeof(RowIndex) == sizeof(__m128i));

struct alignas(__m128i) Shuffle {
  std::array<std::uint8_t, sizeof(__m128i)> bytes;
};

constexpr std::array<Shuffle, kOutcomes> make_shuffles() noexcept {
  std::array<Shuffle, kOutcomes> shuffles{};
  for (std::size_t outcomes = 0; outcomes < kOutcomes; ++outcomes) {
    std::size_t to = 0;
    for (std::uint8_t row = 0; row < kRows; ++row) {
      if ((outcomes >> row & 1) != 0) {
        shuffles[outcomes].bytes[to++] = static_cast<std::uint8_t>(2 * row);
        shuffles[outcomes].bytes[to++] = static_cast<std::uint8_t>(2 * row + 1);
      }
    }
  }
  return shuffles;
}

/// By outcomes: the byte shuffle that brings the row numbers of the ones to the front.
constexpr std::array<Shuffle, kOutcomes> kToFront = make_shuffles();

/// Writes those of eight row numbers whose outcome is one, and behind them any others, eight in
/// all. Returns how many there are.
[[gnu::target("avx2"), gnu::always_inline]] inline std::uint32_t put(std::uint32_t outcomes,
                                                                     __m128i rows,
                                                                     RowIndex* to) noexcept {
  const __m128i shuffle = _mm_load_si128(reinterpret_cast<const __m128i*>(&kToFront[outcomes]));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_shuffle_epi8(rows, shuffle));
  return static_cast<std::uint32_t>(std::popcount(outcomes));
}

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i load(const void* from) noexcept {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

[[gnu::target("avx2"), gnu::always_inline]] inline std::uint32_t outcomes_of_four(
    __m256i lanes) noexcept {
  return static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(lanes)));
}

/// Eight values, and their outcomes: equal to a constant, greater, and less.
struct Int32Lanes {
  using Value = std::int32_t;
  __m256i values;

  [[gnu::target("avx2"), gnu::always_inline]] static Int32Lanes at(const Value* from) noexcept {
    return {load(from)};
  }
  [[gnu::target("avx2"), gnu::always_inline]] static Int32Lanes of(const Value* from,
                                                                   const RowIndex* rows) noexcept {
    return {_mm256_setr_epi32(from[rows[0]], from[rows[1]], from[rows[2]], from[rows[3]],
                              from[rows[4]], from[rows[5]], from[rows[6]], from[rows[7]])};
  }
  [[gnu::target("avx2"), gnu::always_inline]] static __m256i all(Value constant) noexcept {
    return _mm256_set1_epi32(constant);
  }
  [[gnu::target("avx2"), gnu::always_inline]] std::uint32_t equal(__m256i constant) const noexcept {
    return outcomes(_mm256_cmpeq_epi32(values, constant));
  }
  [[gnu::target("avx2"), gnu::always_inline]] std::uint32_t greater(
      __m256i constant) const noexcept {
    return outcomes(_mm256_cmpgt_epi32(values, constant));
  }
  [[gnu::target("avx2"), gnu::always_inline]] std::uint32_t less(__m256i constant) const noexcept {
    return outcomes(_mm256_cmpgt_epi32(constant, values));
  }
  [[gnu::target("avx2"), gnu::always_inline]] static std::uint32_t outcomes(
      __m256i lanes) noexcept {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes)));
  }
};

struct Int64Lanes {
  using Value = std::int64_t;
  static constexpr std::uint32_t kHalf = kRows / 2;
  __m256i first;
  __m256i second;

  [[gnu::target("avx2"), gnu::always_inline]] static Int64Lanes at(const Value* from) noexcept {
    return {load(from), load(from + kHalf)};
  }
  [[gnu::target("avx2"), gnu::always_inline]] static Int64Lanes of(const Value* from,
                                                                   const RowIndex* rows) noexcept {
    return {_mm256_setr_epi64x(from[rows[0]], from[rows[1]], from[rows[2]], from[rows[3]]),
            _mm256_setr_epi64x(from[rows[4]], from[rows[5]], from[rows[6]], from[rows[7]])};
  }
  [[gnu::target("avx2"), gnu::always_inline]] static __m256i all(Value constant) noexcept {
    return _mm256_set1_epi64x(constant);
  }
  [[gnu::target("avx2"), gnu::always_inline]] std::uint32_t equal(__m256i constant) const noexcept {
    return outcomes(_mm256_cmpeq_epi64(first, constant), _mm256_cmpeq_epi64(second, constant));
  }
  [[gnu::target("avx2"), gnu::always_inline]] std::uint32_t greater(
      __m256i constant) const noexcept {
    return outcomes(_mm256_cmpgt_epi64(first, constant), _mm256_cmpgt_epi64(second, constant));
  }
  [[gnu::target("avx2"), gnu::always_inline]] std::uint32_t less(__m256i constant) const noexcept {
    return outcomes(_mm256_cmpgt_epi64(constant, first), _mm256_cmpgt_epi64(constant, second));
  }
  [[gnu::target("avx2"), gnu::always_inline]] static std::uint32_t outcomes(__m256i low,
                                                                            __m256i high) noexcept {
    return outcomes_of_four(low) | outcomes_of_four(high) << kHalf;
  }
};

template <Op kOp, typename Lanes>
[[gnu::target("avx2"), gnu::always_inline]] inline std::uint32_t outcomes_of(
    const Lanes& lanes, __m256i constant) noexcept {
  constexpr std::uint32_t kAll = (1U << kRows) - 1;
  switch (kOp) {
    case Op::kEqual:
      return lanes.equal(constant);
    case Op::kNotEqual:
      return lanes.equal(constant) ^ kAll;
    case Op::kLess:
      return lanes.less(constant);
    case Op::kLessEqual:
      return lanes.greater(constant) ^ kAll;
    case Op::kGreater:
      return lanes.greater(constant);
    default:
      return lanes.less(constant) ^ kAll;
  }
}

template <Op kOp, typename Value>
bool holds(Value value, Value constant) noexcept {
  switch (kOp) {
    case Op::kEqual:
      return value == constant;
    case Op::kNotEqual:
      return value != constant;
    case Op::kLess:
      return value < constant;
    case Op::kLessEqual:
      return value <= constant;
    case Op::kGreater:
      return value > constant;
    default:
      return value >= constant;
  }
}

template <typename Lanes, Op kOp>
[[gnu::target("avx2")]] std::uint32_t select_all(const typename Lanes::Value* values,
                                                 typename Lanes::Value constant,
                                                 std::uint32_t count, RowIndex* passed) noexcept {
  const __m256i constants = Lanes::all(constant);
  const __m128i step = _mm_set1_epi16(kRows);
  __m128i numbers = _mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7);
  std::uint32_t passed_count = 0;
  std::uint32_t row = 0;
  for (; row + kRows <= count; row += kRows) {
    passed_count +=
        put(outcomes_of<kOp>(Lanes::at(values + row), constants), numbers, passed + passed_count);
    numbers = _mm_add_epi16(numbers, step);
  }
  for (; row < count; ++row) {
    passed[passed_count] = static_cast<RowIndex>(row);
    passed_count += holds<kOp>(values[row], constant) ? 1 : 0;
  }
  return passed_count;
}

template <typename Lanes, Op kOp>
[[gnu::target("avx2")]] std::uint32_t select_some(const typename Lanes::Value* values,
                                                  typename Lanes::Value constant, Rows rows,
                                                  RowIndex* passed) noexcept {
  const __m256i constants = Lanes::all(constant);
  std::uint32_t passed_count = 0;
  std::uint32_t i = 0;
  for (; i + kRows <= rows.count; i += kRows) {
    const RowIndex* here = rows.selection + i;
    const __m128i numbers = _mm_loadu_si128(reinterpret_cast<const __m128i*>(here));
    passed_count +=
        put(outcomes_of<kOp>(Lanes::of(values, here), constants), numbers, passed + passed_count);
  }
  for (; i < rows.count; ++i) {
    const RowIndex row = rows.selection[i];
    passed[passed_count] = row;
    passed_count += holds<kOp>(values[row], constant) ? 1 : 0;
  }
  return passed_count;
}

template <typename Lanes, Op kOp>
std::uint32_t select_by(const typename Lanes::Value* values, typename Lanes::Value constant,
                        Rows rows, RowIndex* passed) noexcept {
  return rows.selection == nullptr ? select_all<Lanes, kOp>(values, constant, rows.count, passed)
                                   : select_some<Lanes, kOp>(values, constant, rows, passed);
}

template <typename Lanes>
std::uint32_t select_any(Op comparison, const typename Lanes::Value* values,
                         typename Lanes::Value constant, Rows rows, RowIndex* passed) noexcept {
  switch (comparison) {
    case Op::kEqual:
      return select_by<Lanes, Op::kEqual>(values, constant, rows, passed);
    case Op::kNotEqual:
      return select_by<Lanes, Op::kNotEqual>(values, constant, rows, passed);
    case Op::kLess:
      return select_by<Lanes, Op::kLess>(values, constant, rows, passed);
    case Op::kLessEqual:
      return select_by<Lanes, Op::kLessEqual>(values, constant, rows, passed);
    case Op::kGreater:
      return select_by<Lanes, Op::kGreater>(values, constant, rows, passed);
    default:
      return select_by<Lanes, Op::kGreaterEqual>(values, constant, rows, passed);
  }
}

std::uint32_t bit_of(const std::uint64_t* words, std::uint32_t bit) noexcept {
  return static_cast<std::uint32_t>(words[bit / 64] >> (bit % 64)) & 1;
}

}  // namespace

bool is_supported() noexcept {
  static const bool supported = __builtin_cpu_supports("avx2") != 0;
  return supported;
}

std::uint32_t select(Op comparison, const std::int32_t* values, std::int32_t constant, Rows rows,
                     RowIndex* passed) noexcept {
  return select_any<Int32Lanes>(comparison, values, constant, rows, passed);
}

std::uint32_t select(Op comparison, const std::int64_t* values, std::int64_t constant, Rows rows,
                     RowIndex* passed) noexcept {
  return select_any<Int64Lanes>(comparison, values, constant, rows, passed);
}

[[gnu::target("avx2")]] std::uint32_t keep_set(const std::int32_t* values,
                                               const IntegerRange& range,
                                               const std::uint64_t* words, RowIndex* rows,
                                               std::uint32_t count) noexcept {
  // Offsets modulo 2^32 are enough: below the range they wrap to what is beyond its span.
  const auto low = static_cast<std::uint32_t>(range.least);
  const auto span = static_cast<std::uint32_t>(range.span);
  const __m256i lows = _mm256_set1_epi32(static_cast<int>(low));
  const __m256i spans = _mm256_set1_epi32(static_cast<int>(span));
  std::uint32_t kept = 0;
  std::uint32_t i = 0;
  for (; i + kRows <= count; i += kRows) {
    const RowIndex* here = rows + i;
    const __m128i numbers = _mm_loadu_si128(reinterpret_cast<const __m128i*>(here));
    const bool adjacent = here[kRows - 1] - here[0] == kRows - 1;  // they ascend
    const Int32Lanes lanes =
        adjacent ? Int32Lanes::at(values + here[0]) : Int32Lanes::of(values, here);
    const __m256i offsets = _mm256_sub_epi32(lanes.values, lows);
    const __m256i inside = _mm256_cmpeq_epi32(_mm256_min_epu32(offsets, spans), offsets);
    alignas(sizeof(__m256i)) std::array<std::uint32_t, kRows> bits;
    _mm256_store_si256(reinterpret_cast<__m256i*>(bits.data()), _mm256_and_si256(offsets, inside));
    std::uint32_t outcomes = 0;
    for (std::uint32_t k = 0; k < kRows; ++k) {
      outcomes |= bit_of(words, bits[k]) << k;
    }
    kept += put(outcomes & Int32Lanes::outcomes(inside), numbers, rows + kept);
  }
  for (; i < count; ++i) {
    const RowIndex row = rows[i];
    const std::uint32_t offset = static_cast<std::uint32_t>(values[row]) - low;
    const bool inside = offset <= span;
    rows[kept] = row;
    kept += (inside ? 1U : 0U) & bit_of(words, inside ? offset : 0);
  }
  return kept;
}

#else

bool is_supported() noexcept { return false; }

std::uint32_t select(plan::Op, const std::int32_t*, std::int32_t, Rows,
                     vector::RowIndex*) noexcept {
  return 0;
}

std::uint32_t select(plan::Op, const std::int64_t*, std::int64_t, Rows,
                     vector::RowIndex*) noexcept {
  return 0;
}

std::uint32_t keep_set(const std::int32_t*, const IntegerRange&, const std::uint64_t*,
                       vector::RowIndex*, std::uint32_t) noexcept {
  return 0;
}

#endif

}  // namespace sluice::engine::wide
