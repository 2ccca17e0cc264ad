#include "pg/source/decode/numeric_vector.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sluice::pg {
namespace {

constexpr int kPlaceBits = 16;
constexpr int kLastPlace = 3;
constexpr int kWeightSign = (kNumericShortWeightBits + 1) / 2;
constexpr std::array<std::uint64_t, kNumericGroupDigits + 1> kGroupPowers = {1, 10, 100, 1000,
                                                                             10000};

constexpr std::uint64_t places(std::uint64_t first, std::uint64_t second, std::uint64_t third,
                               std::uint64_t last) {
  return first | second << kPlaceBits | third << (2 * kPlaceBits) | last << (3 * kPlaceBits);
}

}  // namespace

NumericVector::NumericVector(const NumericDecoder& decoder) noexcept
    : shift_max_(static_cast<std::uint64_t>(
          kPlaceBits * (kLastPlace - decoder.fraction_groups() + kWeightSign))),
      value_max_(decoder.short_max()) {
  constexpr std::uint64_t kAll = (1U << kPlaceBits) - 1;
  const auto cut_digits = static_cast<std::size_t>(decoder.cut_digits());
  const std::uint64_t cut = kGroupPowers[cut_digits];
  const std::uint64_t rest = kGroupPowers[kNumericGroupDigits - cut_digits];
  constexpr std::uint64_t kDigitMax = kNumericBase - 1;
  digit_max_ = places(kDigitMax, kDigitMax, kDigitMax, kDigitMax - kDigitMax % cut);
  kept_ = places(kAll, kAll, kAll, decoder.cuts_digit() ? 0 : kAll);
  inverse_ = places(0, 0, 0, decoder.cuts_digit() ? kAll / cut + 1 : 0);
  divisor_ = places(1, 1, 1, cut);
  unit_ = places(kNumericBase, 1, rest, 1);
  upper_unit_ = kNumericBase * rest;
}

#if defined(__x86_64__)

namespace {

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i all(std::uint64_t value) {
  return _mm256_set1_epi64x(static_cast<long long>(value));
}
[[gnu::target("avx2"), gnu::always_inline]] inline __m256i load(const void* from) {
  return _mm256_load_si256(static_cast<const __m256i*>(from));
}
[[gnu::target("avx2"), gnu::always_inline]] inline void store(void* to, __m256i value) {
  _mm256_store_si256(static_cast<__m256i*>(to), value);
}

/// By how many bits a word is shifted to begin with the numeric's head; more than it has where the
/// header is not that of a short numeric.
[[gnu::target("avx2")]] void find_shifts(NumericBlock& block, std::uint32_t count) {
  constexpr auto kNone = static_cast<char>(NumericDecoder::kHeaderOfNoDigits);
  constexpr auto kThree = static_cast<char>(NumericDecoder::kHeaderOfThreeDigits);
  static_assert(NumericDecoder::kHeaderStep * 4 == kPlaceBits && kThree - kNone == 0b1100);
  static_assert(NumericBlock::kRows % sizeof(__m256i) == 0);
  for (std::uint32_t i = 0; i < count; i += sizeof(__m256i)) {
    const __m256i steps = _mm256_sub_epi8(load(&block.headers[i]), _mm256_set1_epi8(kNone));
    const __m256i is_short = _mm256_cmpeq_epi8(
        _mm256_andnot_si256(_mm256_set1_epi8(kThree - kNone), steps), _mm256_setzero_si256());
    const __m256i twice = _mm256_add_epi8(steps, steps);
    const __m256i shift =
        _mm256_sub_epi8(_mm256_set1_epi8(3 * kPlaceBits), _mm256_add_epi8(twice, twice));
    store(&block.shifts[i],
          _mm256_or_si256(shift, _mm256_andnot_si256(is_short, _mm256_set1_epi8(-1))));
  }
}

}  // namespace

bool NumericVector::is_supported() noexcept { return __builtin_cpu_supports("avx2") != 0; }

[[gnu::target("avx2")]] bool NumericVector::decode(NumericBlock& block,
                                                   std::uint32_t count) const noexcept {
  constexpr std::uint32_t kLanes = sizeof(__m256i) / sizeof(std::uint64_t);
  for (std::uint32_t i = count; i % kLanes != 0; ++i) {  // the lanes behind the last row
    block.headers[i] = block.headers[count - 1];
    block.words[i] = block.words[count - 1];
  }
  find_shifts(block, count);
  const __m256i kept = all(kept_);
  const __m256i inverse = all(inverse_);
  const __m256i divisor = all(divisor_);
  const __m256i unit = all(unit_);
  const __m256i upper_unit = all(upper_unit_);
  const __m256i shift_max = all(shift_max_);
  const __m256i value_max = all(value_max_);
  const __m256i digit_max = all(digit_max_);
  __m256i all_usual = all(~std::uint64_t{0});
  for (std::uint32_t i = 0; i < count; i += kLanes) {
    const auto shifts = static_cast<int>(load_bytes<std::uint32_t>(&block.shifts[i]));
    const __m256i word =
        _mm256_srlv_epi64(load(&block.words[i]), _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(shifts)));
    // Flags other than a short numeric's make a weight that is too large for any shift.
    const __m256i weight =
        _mm256_xor_si256(_mm256_and_si256(word, all(kNumericFlagsMask | kNumericShortWeightBits)),
                         all(kNumericShort | kWeightSign));
    const __m256i shift = _mm256_sub_epi64(shift_max, _mm256_slli_epi64(weight, 4));
    const __m256i digits = _mm256_srli_epi64(word, kPlaceBits);
    const __m256i placed = _mm256_min_epu16(_mm256_sllv_epi64(digits, shift), digit_max);
    const __m256i quotient =
        _mm256_or_si256(_mm256_and_si256(placed, kept), _mm256_mulhi_epu16(placed, inverse));
    // Digits come back unless one was too large, cut with a remainder, or moved out of the places.
    const __m256i back = _mm256_srlv_epi64(_mm256_mullo_epi16(quotient, divisor), shift);
    const __m256i halves = _mm256_madd_epi16(quotient, unit);
    const __m256i magnitude =
        _mm256_add_epi64(_mm256_mul_epu32(halves, upper_unit), _mm256_srli_epi64(halves, 32));
    const __m256i too_large = _mm256_or_si256(shift, _mm256_cmpgt_epi64(magnitude, value_max));
    const __m256i usual = _mm256_andnot_si256(too_large, _mm256_cmpeq_epi64(back, digits));
    const __m256i sign =
        _mm256_cmpgt_epi64(_mm256_and_si256(word, all(std::uint64_t{1} << kNumericShortSignShift)),
                           _mm256_setzero_si256());
    store(&block.words[i], _mm256_sub_epi64(_mm256_xor_si256(magnitude, sign), sign));
    store(&block.usual[i], usual);
    all_usual = _mm256_and_si256(all_usual, usual);
  }
  return _mm256_movemask_pd(_mm256_castsi256_pd(all_usual)) == (1 << kLanes) - 1;
}

#else

bool NumericVector::is_supported() noexcept { return false; }

bool NumericVector::decode(NumericBlock& block, std::uint32_t /*count*/) const noexcept {
  block.usual.fill(0);
  return false;
}

#endif

}  // namespace sluice::pg
