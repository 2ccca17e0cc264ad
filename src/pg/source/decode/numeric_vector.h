// Stored numerics as scaled integers, several at once where the processor has the instructions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pg/source/decode/numeric_decode.h"
#include "pg/source/decode/varlena.h"

namespace sluice::pg {

/// Values of one column that have been located and are decoded together.
struct NumericBlock {
  static constexpr std::uint32_t kRows = 128;
  alignas(32) std::array<std::uint64_t, kRows> words;  // the value's last 8 bytes; then the value
  alignas(32) std::array<std::int64_t, kRows> usual;   // then negative where there is a value
  alignas(32) std::array<std::uint8_t, kRows> headers;
  alignas(32) std::array<std::uint8_t, kRows> shifts;

  /// Takes the varlena at `at` as row `i`, if it has a 1-byte header and ends before `tuple_end`.
  /// Returns its first byte, or 0, with which the row is unusual.
  /// Shape: the 8 bytes before its end are readable (a tuple's header precedes its data).
  [[gnu::always_inline]] std::uint8_t set(std::size_t i, const std::uint8_t* at,
                                          const std::uint8_t* tuple_end) noexcept {
    std::uint8_t header = 0;
    std::uint64_t word = 0;
    if (at < tuple_end) [[likely]] {
      const std::uint8_t* end = at + short_size_bytes(*at);
      if (end <= tuple_end) [[likely]] {
        header = *at;
        word = load_bytes<std::uint64_t>(end - sizeof word);
      }
    }
    headers[i] = header;
    words[i] = word;
    return header;
  }
  [[nodiscard]] bool is_usual(std::size_t i) const noexcept { return usual[i] < 0; }
};

/// Decodes what NumericDecoder::decode_short() does, without a table: the three digits are moved to
/// where their weight puts them among four places, the last of which is the last that the scale
/// reaches. Rows that this does not suit are unusual: nothing is said about them, and
/// NumericDecoder has to look.
/// Source: docs/decisions/0034-numerics-decoded-together.md
class NumericVector {
 public:
  explicit NumericVector(const NumericDecoder& decoder) noexcept;

  /// Whether the processor has the instructions; without them every row is unusual.
  [[nodiscard]] static bool is_supported() noexcept;

  /// Decodes the first `count` rows. Returns whether all are usual.
  /// Shape: 1 <= count <= kRows; these rows are set.
  [[nodiscard]] bool decode(NumericBlock& block, std::uint32_t count) const noexcept;

 private:
  // By place, the most significant first, 16 bits each:
  std::uint64_t digit_max_;
  std::uint64_t kept_;     // all ones, or 0 for a place that the scale cuts
  std::uint64_t inverse_;  // 0, or for such a place 2^16 by its divisor, rounded up
  std::uint64_t divisor_;  // 1, or that divisor
  std::uint64_t unit_;     // what a place counts for in its half

  std::uint64_t upper_unit_;  // what the upper half counts for
  std::uint64_t shift_max_;   // of the digits, in bits: for the weight -64
  std::uint64_t value_max_;
};

}  // namespace sluice::pg
