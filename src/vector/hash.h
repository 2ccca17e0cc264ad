// One hash for all seats: partitioning, joins and grouping use the same 64 bits. Both sides of a
// stream run the same binary, so the function may change between versions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "vector/batch.h"

namespace sluice::vector {

/// How equality of a key column is decided.
enum class KeyEquality : std::uint8_t {
  kBits,        // equal values have equal bytes
  kFloat,       // -0 = 0, NaN = NaN
  kBytes,       // a StringRef's bytes (text with a deterministic collation)
  kBlankPadded  // bpchar: trailing blanks do not count
};

[[nodiscard]] std::uint64_t hash_bytes(std::string_view bytes) noexcept;
[[nodiscard]] std::uint64_t hash_integer(std::uint64_t value) noexcept;

/// Hashes the counted rows' keys; NULLs hash alike.
/// Shape:  `hashes` has batch.count() elements, in selection order.
void hash_keys(const Batch& batch, std::span<const std::uint32_t> key_columns,
               std::span<const KeyEquality> equalities, std::uint64_t* hashes) noexcept;

/// Whether one value of `left` equals one of `right`; NULL equals NULL here.
[[nodiscard]] bool values_equal(const ColumnView& left, std::uint32_t left_row,
                                const ColumnView& right, std::uint32_t right_row,
                                KeyEquality equality) noexcept;

}  // namespace sluice::vector
