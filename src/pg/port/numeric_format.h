// PostgreSQL's numeric, as it lies in memory, from and to a scaled integer. Touches no PostgreSQL
// function: nothing here can ereport().
// Source: src/backend/utils/adt/numeric.c, "The Numeric type as stored on disk".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/int128.h"

namespace sluice::pg {

/// Units: bytes of the longest numeric that write_numeric() makes, its varlena header included.
inline constexpr std::size_t kNumericBytesMax = 4 + 2 + 11 * 2;
/// Units: digits after the point that the short form's header holds; plan::DataType stays below.
inline constexpr int kNumericScaleMax = 63;

/// Writes value / 10^scale as a plain (4-byte header) varlena in canonical form: the bytes that
/// PostgreSQL's own make_result() would produce.
/// Shape:  `target` has kNumericBytesMax bytes and the alignment of an int; 0 <= scale <= 38.
/// Returns the bytes written.
std::size_t write_numeric(base::Int128 value, int scale, void* target) noexcept;
std::size_t write_numeric_nan(void* target) noexcept;

enum class NumericKind : std::uint8_t {
  kFinite,
  kNan,
  kInfinite,  // of either sign
  kTooLong,   // more than 38 digits at its display scale
};

/// A numeric's value: scaled / 10^scale, where `scale` is its display scale.
struct NumericValue {
  NumericKind kind = NumericKind::kFinite;
  base::Int128 scaled = 0;
  int scale = 0;
};

/// Shape: `body` is what follows the varlena header of a detoasted numeric, `bytes` long.
[[nodiscard]] NumericValue read_numeric(const void* body, std::size_t bytes) noexcept;

/// 10^exponent. Shape: 0 <= exponent <= 38.
[[nodiscard]] base::Int128 power_of_ten(int exponent) noexcept;

/// Decimal digits of `value` without its sign; 1 for zero.
[[nodiscard]] int decimal_digits(base::Int128 value) noexcept;

/// value * 10^(to - from), or nothing when that is not exact or needs more than 38 digits.
[[nodiscard]] std::optional<base::Int128> rescale(base::Int128 value, int from, int to) noexcept;

}  // namespace sluice::pg
