// Stored numerics as scaled integers.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "base/int128.h"
#include "pg/source/decode/heap_format.h"

namespace sluice::pg {

enum class NumericState : std::uint8_t {
  kValue,
  kNan,
  kDoesNotFit,  // infinite, more digits than declared, or digits beyond the scale
  kCorrupt,
};

struct NumericResult {
  NumericState state = NumericState::kValue;
  base::Int128 value = 0;
};

/// Decodes the numerics of one column, numeric(precision, scale).
/// Source: numeric.c's description of the stored format.
class NumericDecoder {
 public:
  /// Shape: 1 <= precision <= 38, scale <= precision.
  NumericDecoder(std::uint8_t precision, std::uint8_t scale) noexcept;

  /// Any stored numeric. Shape: `payload` is the varlena without its length header.
  [[nodiscard]] NumericResult decode(std::span<const std::uint8_t> payload) const noexcept;

  /// The stored digits after the point, and how many decimal digits of the last of them lie beyond
  /// the scale.
  [[nodiscard]] int fraction_groups() const noexcept { return fraction_groups_; }
  [[nodiscard]] int cut_digits() const noexcept { return cut_digits_; }
  /// Whether the scale cuts a stored digit in two: the two compilations of decode_short().
  [[nodiscard]] bool cuts_digit() const noexcept { return cut_digits_ != 0; }
  /// The largest value of less than 64 bits.
  [[nodiscard]] std::uint64_t short_max() const noexcept { return short_max_; }

  /// The varlena's header byte of a short numeric; two more bytes a digit are 4 in it.
  static constexpr unsigned kHeaderOfNoDigits = 2 * 3 + 1;     // 1 + 2 bytes
  static constexpr unsigned kHeaderOfThreeDigits = 2 * 9 + 1;  // 1 + 2 + 6 bytes
  static constexpr unsigned kHeaderStep = 2 * 2;

  /// The common case: a varlena with a 1-byte header, a short numeric of at most three stored
  /// digits, and a value of less than 64 bits. False means that decode() must look at it; nothing
  /// else is said. Digits above 9999, which only a corrupt page has, are counted as they are, where
  /// decode() tells: to look for them is not free where rows are decoded one by one.
  /// Shape: kCut is cuts_digit(); `header` is the varlena's first byte, `value_end` the end it
  ///        announces; the 8 bytes before that are readable (a tuple's header precedes its data).
  template <bool kCut>
  [[nodiscard]] bool decode_short(std::uint8_t header, const std::uint8_t* value_end,
                                  std::int64_t& value) const noexcept {
    // What lies between the steps turns into a large number.
    if (std::rotr(header - kHeaderOfNoDigits, 2) >
        (kHeaderOfThreeDigits - kHeaderOfNoDigits) / kHeaderStep) [[unlikely]] {
      return false;
    }
    const std::uint64_t word =
        load_bytes<std::uint64_t>(value_end - 8) >> (4 * (kHeaderOfThreeDigits - header));
    if ((word & kNumericFlagsMask) != kNumericShort) [[unlikely]] {
      return false;
    }
    const Weight& weight = weights_[word & kNumericShortWeightBits];
    const std::uint64_t sum = ((word >> 16) & 0xFFFF) * weight.factor[0] +
                              ((word >> 32) & 0xFFFF) * weight.factor[1] +
                              (word >> 48) * weight.factor[2];
    const std::uint64_t magnitude = kCut ? sum >> kFractionBits : sum;
    if (header > weight.header_max || magnitude > short_max_ ||
        (kCut && (sum & kFractionMask) >= kInexact)) [[unlikely]] {
      return false;
    }
    const std::uint64_t sign = (word >> kNumericShortSignShift) & 1;
    value = static_cast<std::int64_t>((magnitude ^ (0 - sign)) + sign);
    return true;
  }

 private:
  /// What the three digits count for at one weight, as fixed-point numbers with fraction_bits_ bits
  /// after the point: the digit that the scale cuts in two is divided by multiplying with a
  /// reciprocal.
  struct Weight {
    std::array<std::uint64_t, 3> factor{};
    std::uint64_t header_max = 0;  // of the varlena: fewer digits fit
  };
  static constexpr int kFractionBits = 24;
  static constexpr std::uint64_t kFractionMask = (std::uint64_t{1} << kFractionBits) - 1;
  /// A whole quotient leaves a fraction below this, any other one a larger.
  static constexpr std::uint64_t kInexact = 1U << 14;

  void fill_weight(int weight, Weight& entry) const noexcept;
  [[nodiscard]] NumericResult decode_digits(const std::uint8_t* digits, int count, int weight,
                                            bool negative) const noexcept;

  int fraction_groups_;  // stored digits after the point
  int cut_digits_;       // decimal digits of the last of them that lie beyond the scale
  std::uint64_t short_max_;
  base::UInt128 value_max_;
  std::array<Weight, kNumericShortWeightBits + 1> weights_;
};

}  // namespace sluice::pg
