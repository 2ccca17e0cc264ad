#include "pg/source/decode/numeric_decode.h"

#include <algorithm>

namespace sluice::pg {
namespace {

using base::UInt128;

constexpr int kDigitsMax = 38;

constexpr std::array<UInt128, kDigitsMax + 1> make_powers() {
  std::array<UInt128, kDigitsMax + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) {
    powers[i] = powers[i - 1] * 10;
  }
  return powers;
}

constexpr std::array<UInt128, kDigitsMax + 1> kPowers = make_powers();

constexpr NumericResult kMisfit{NumericState::kDoesNotFit, 0};
constexpr NumericResult kBroken{NumericState::kCorrupt, 0};

}  // namespace

NumericDecoder::NumericDecoder(std::uint8_t precision, std::uint8_t scale) noexcept
    : fraction_groups_((scale + kNumericGroupDigits - 1) / kNumericGroupDigits),
      cut_digits_(fraction_groups_ * kNumericGroupDigits - scale),
      short_max_(static_cast<std::uint64_t>(
          std::min<UInt128>(kPowers[precision] - 1, static_cast<UInt128>(INT64_MAX)))),
      value_max_(kPowers[precision] - 1) {
  for (int bits = 0; bits <= kNumericShortWeightBits; ++bits) {
    const int weight =
        bits > kNumericShortWeightBits / 2 ? bits - kNumericShortWeightBits - 1 : bits;
    fill_weight(weight, weights_[static_cast<std::size_t>(bits)]);
  }
}

void NumericDecoder::fill_weight(int weight, Weight& entry) const noexcept {
  const int fraction_bits = cuts_digit() ? kFractionBits : 0;
  constexpr UInt128 kFactorMax = static_cast<UInt128>(INT64_MAX) / kNumericBase;
  int digits = 0;
  for (; digits < 3; ++digits) {
    const int group = weight - digits + fraction_groups_;  // 0 is the last group the scale reaches
    if (group < 0) {
      break;
    }
    const int exponent = group * kNumericGroupDigits - cut_digits_;
    if (exponent > 18) {
      entry.header_max = 0;
      return;
    }
    UInt128 factor;
    if (exponent >= 0) {
      factor = kPowers[static_cast<std::size_t>(exponent)] << fraction_bits;
    } else {
      const UInt128 divisor = kPowers[static_cast<std::size_t>(-exponent)];
      factor = ((UInt128{1} << fraction_bits) + divisor - 1) / divisor;
    }
    if (factor > kFactorMax) {
      entry.header_max = 0;
      return;
    }
    entry.factor[static_cast<std::size_t>(digits)] = static_cast<std::uint64_t>(factor);
  }
  entry.header_max =
      kHeaderOfNoDigits + std::uint64_t{kHeaderStep} * static_cast<std::uint64_t>(digits);
}

NumericResult NumericDecoder::decode(std::span<const std::uint8_t> payload) const noexcept {
  if (payload.size() < 2 || payload.size() % 2 != 0) {
    return kBroken;
  }
  const auto head = load_bytes<std::uint16_t>(payload.data());
  const std::uint16_t flags = head & kNumericFlagsMask;
  if (flags == kNumericSpecial) {
    return {(head & kNumericSpecialMask) == kNumericNan ? NumericState::kNan
                                                        : NumericState::kDoesNotFit,
            0};
  }
  if (flags == kNumericShort) {
    constexpr int kSpan = kNumericShortWeightBits + 1;
    const int bits = head & kNumericShortWeightBits;
    return decode_digits(payload.data() + 2, static_cast<int>(payload.size() / 2) - 1,
                         bits >= kSpan / 2 ? bits - kSpan : bits,
                         ((head >> kNumericShortSignShift) & 1) != 0);
  }
  if (payload.size() < 4) {
    return kBroken;
  }
  return decode_digits(payload.data() + 4, static_cast<int>(payload.size() / 2) - 2,
                       load_bytes<std::int16_t>(payload.data() + 2), flags == kNumericNegative);
}

NumericResult NumericDecoder::decode_digits(const std::uint8_t* digits, int count, int weight,
                                            bool negative) const noexcept {
  UInt128 sum = 0;
  int group = weight + fraction_groups_;
  for (int i = 0; i < count; ++i, --group) {
    const auto digit = load_bytes<std::uint16_t>(digits + std::ptrdiff_t{2} * i);
    if (digit >= kNumericBase) {
      return kBroken;
    }
    if (group > 0) {
      if (sum > value_max_ / kNumericBase) {
        return kMisfit;
      }
      sum = sum * kNumericBase + digit;
    } else if (group == 0) {
      const auto cut = static_cast<std::uint16_t>(kPowers[static_cast<std::size_t>(cut_digits_)]);
      const UInt128 step = kPowers[static_cast<std::size_t>(kNumericGroupDigits - cut_digits_)];
      if (digit % cut != 0 || sum > value_max_ / step) {
        return kMisfit;
      }
      sum = sum * step + digit / cut;
    } else if (digit != 0) {
      return kMisfit;
    }
  }
  // Digits that are not stored are zeros, down to the scale.
  if (group >= 0 && sum != 0) {
    const int zeros = (group + 1) * kNumericGroupDigits - cut_digits_;
    if (zeros > kDigitsMax || sum > value_max_ / kPowers[static_cast<std::size_t>(zeros)]) {
      return kMisfit;
    }
    sum *= kPowers[static_cast<std::size_t>(zeros)];
  }
  if (sum > value_max_) {
    return kMisfit;
  }
  const auto value = static_cast<base::Int128>(sum);
  return {NumericState::kValue, negative ? -value : value};
}

}  // namespace sluice::pg
