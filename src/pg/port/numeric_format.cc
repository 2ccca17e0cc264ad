#include "pg/port/numeric_format.h"

#include <array>
#include <cstring>

#include "pg/border/pg_include.h"

namespace sluice::pg {

namespace {

using base::Int128;
using base::UInt128;

constexpr int kGroupDigits = 4;  // a stored digit is of base 10^4
constexpr std::uint32_t kGroupBase = 10000;
constexpr int kGroupsMax = 11;  // 39 decimal digits, cut at the point
constexpr int kDigitsMax = 38;

constexpr std::uint16_t kFormMask = 0xC000;
constexpr std::uint16_t kFormShort = 0x8000;
constexpr std::uint16_t kFormSpecial = 0xC000;
constexpr std::uint16_t kFormNegative = 0x4000;  // long form
constexpr std::uint16_t kNan = 0xC000;
constexpr std::uint16_t kShortNegative = 0x2000;
constexpr std::uint16_t kShortScaleMask = 0x1F80;
constexpr int kShortScaleShift = 7;
constexpr std::uint16_t kShortWeightSign = 0x0040;
constexpr std::uint16_t kShortWeightMask = 0x003F;
constexpr std::uint16_t kLongScaleMask = 0x3FFF;

constexpr std::array<Int128, kDigitsMax + 1> make_powers() {
  std::array<Int128, kDigitsMax + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) {
    powers[i] = powers[i - 1] * 10;
  }
  return powers;
}
constexpr std::array<Int128, kDigitsMax + 1> kPowers = make_powers();

UInt128 magnitude(Int128 value) noexcept {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}

/// Appends the base-10^4 digits of `rest`, lowest first. Returns the new count.
int append_groups(UInt128 rest, std::uint16_t* groups, int count) noexcept {
  while ((rest >> 64) != 0) {
    groups[count++] = static_cast<std::uint16_t>(rest % kGroupBase);
    rest /= kGroupBase;
  }
  for (auto low = static_cast<std::uint64_t>(rest); low != 0; low /= kGroupBase) {
    groups[count++] = static_cast<std::uint16_t>(low % kGroupBase);
  }
  return count;
}

std::size_t write_header(void* target, std::size_t bytes, std::uint16_t header) noexcept {
  SET_VARSIZE(target, bytes);
  std::memcpy(static_cast<char*>(target) + VARHDRSZ, &header, sizeof header);
  return bytes;
}

struct Header {
  NumericKind kind = NumericKind::kFinite;
  int weight = 0;  // of the first group: value = group * 10000^weight
  int scale = 0;
  bool negative = false;
  std::size_t bytes = sizeof(std::uint16_t);
};

Header read_header(const char* data, std::size_t bytes) noexcept {
  Header header;
  std::uint16_t word = 0;
  if (bytes < sizeof word) {
    header.kind = NumericKind::kTooLong;
    return header;
  }
  std::memcpy(&word, data, sizeof word);
  if ((word & kFormMask) == kFormSpecial) {
    header.kind = word == kNan ? NumericKind::kNan : NumericKind::kInfinite;
    return header;
  }
  if ((word & kFormMask) == kFormShort) {
    header.weight = (word & kShortWeightMask) - ((word & kShortWeightSign) != 0 ? 64 : 0);
    header.scale = (word & kShortScaleMask) >> kShortScaleShift;
    header.negative = (word & kShortNegative) != 0;
    return header;
  }
  std::int16_t long_weight = 0;
  if (bytes < sizeof word + sizeof long_weight) {
    header.kind = NumericKind::kTooLong;
    return header;
  }
  std::memcpy(&long_weight, data + sizeof word, sizeof long_weight);
  header.bytes += sizeof long_weight;
  header.weight = long_weight;
  header.scale = word & kLongScaleMask;
  header.negative = (word & kFormMask) == kFormNegative;
  return header;
}

}  // namespace

std::size_t write_numeric(Int128 value, int scale, void* target) noexcept {
  std::uint16_t groups[kGroupsMax + 1];  // lowest first
  int count = 0;
  UInt128 rest = magnitude(value);
  const int odd_digits = scale % kGroupDigits;
  if (odd_digits != 0) {
    // The lowest group holds fewer digits than four; it is filled up with zeros on its right.
    const auto odd_power = static_cast<std::uint32_t>(power_of_ten(odd_digits));
    const auto fill = static_cast<std::uint32_t>(power_of_ten(kGroupDigits - odd_digits));
    groups[count++] =
        static_cast<std::uint16_t>(static_cast<std::uint32_t>(rest % odd_power) * fill);
    rest /= odd_power;
  }
  count = append_groups(rest, groups, count);
  while (count > 0 && groups[count - 1] == 0) {
    --count;
  }
  const int fraction_groups = (scale + kGroupDigits - 1) / kGroupDigits;
  int weight = count - fraction_groups - 1;
  int lowest = 0;
  while (lowest < count && groups[lowest] == 0) {
    ++lowest;
  }
  bool negative = value < 0;
  if (lowest == count) {
    weight = 0;
    negative = false;
  }
  auto* digits = static_cast<char*>(target) + VARHDRSZ + sizeof(std::uint16_t);
  for (int i = count - 1; i >= lowest; --i) {
    std::memcpy(digits, &groups[i], sizeof groups[i]);
    digits += sizeof groups[i];
  }
  const unsigned header = kFormShort | (negative ? kShortNegative : 0U) |
                          (static_cast<unsigned>(scale) << kShortScaleShift) |
                          (weight < 0 ? kShortWeightSign : 0U) |
                          (static_cast<unsigned>(weight) & kShortWeightMask);
  return write_header(target, static_cast<std::size_t>(digits - static_cast<char*>(target)),
                      static_cast<std::uint16_t>(header));
}

std::size_t write_numeric_nan(void* target) noexcept {
  return write_header(target, VARHDRSZ + sizeof(std::uint16_t), kNan);
}

NumericValue read_numeric(const void* body, std::size_t bytes) noexcept {
  const auto* data = static_cast<const char*>(body);
  const Header header = read_header(data, bytes);
  if (header.kind != NumericKind::kFinite || header.scale > kDigitsMax) {
    return {header.kind == NumericKind::kFinite ? NumericKind::kTooLong : header.kind, 0,
            header.scale};
  }
  const std::size_t groups = (bytes - header.bytes) / sizeof(std::int16_t);
  Int128 scaled = 0;
  int exponent = header.weight * kGroupDigits + header.scale;  // of the group's last digit
  for (std::size_t i = 0; i < groups; ++i, exponent -= kGroupDigits) {
    std::int16_t group = 0;
    std::memcpy(&group, data + header.bytes + i * sizeof group, sizeof group);
    if (group != 0 && decimal_digits(group) + exponent > kDigitsMax) {
      return {NumericKind::kTooLong, 0, header.scale};
    }
    if (exponent >= 0) {
      scaled += group == 0 ? 0 : group * power_of_ten(exponent);
    } else if (exponent > -kGroupDigits) {
      scaled += group / power_of_ten(-exponent);
    }
  }
  return {NumericKind::kFinite, header.negative ? -scaled : scaled, header.scale};
}

Int128 power_of_ten(int exponent) noexcept { return kPowers[static_cast<std::size_t>(exponent)]; }

int decimal_digits(Int128 value) noexcept {
  const UInt128 rest = magnitude(value);
  int digits = 1;
  while (digits <= kDigitsMax && rest >= static_cast<UInt128>(power_of_ten(digits))) {
    ++digits;
  }
  return digits;
}

std::optional<Int128> rescale(Int128 value, int from, int to) noexcept {
  if (to < from) {
    const Int128 divisor = power_of_ten(from - to);
    if (value % divisor != 0) {
      return std::nullopt;
    }
    return value / divisor;
  }
  if (value != 0 && decimal_digits(value) + (to - from) > kDigitsMax) {
    return std::nullopt;
  }
  return value * power_of_ten(to - from);
}

}  // namespace sluice::pg
