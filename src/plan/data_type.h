// What a value means. How it lies in memory follows from it (engine/physical.h).
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace sluice::plan {

/// The numbers are part of the plan format (docs/formats/plan.md).
enum class TypeKind : std::uint8_t {
  kBool = 0,
  kInt16 = 1,
  kInt32 = 2,
  kInt64 = 3,
  kFloat64 = 4,
  kDecimal = 5,       // numeric of a known scale, as a scaled integer
  kDate = 6,          // days since 2000-01-01, as PostgreSQL
  kTimestamp = 7,     // microseconds since 2000-01-01, as PostgreSQL
  kText = 8,          // text, varchar: bytes, equality by bytes (deterministic collation)
  kBpchar = 9,        // char(n): bytes as stored, trailing blanks do not count in comparisons
  kTimestampTz = 10,  // as kTimestamp, in UTC
  kTime = 11,         // microseconds since midnight
  kBytea = 12,
  kUuid = 13,    // vector::integer_of_uuid()
  kHandle = 14,  // 32 bits without an order: oid, enums
  kOpaque = 15,  // bytes of which nothing is known, a varlena's body or a value of a fixed length:
                 // only PostgreSQL compares them
};
inline constexpr TypeKind kTypeKindLast = TypeKind::kOpaque;

/// Shape: a decimal holds `precision` (1..38) digits, `scale` (0..38) of them after the point. Up
///        to kDecimal64Digits it is a 64-bit integer, beyond a 128-bit one. precision is a bound
///        derived from the declared types, capped at 38: a value that does not fit at run time
///        abandons the run.
struct DataType {
  TypeKind kind = TypeKind::kBool;
  std::uint8_t precision = 0;
  std::uint8_t scale = 0;

  static constexpr std::uint8_t kDecimal64Digits = 18;
  static constexpr std::uint8_t kDecimalDigitsMax = 38;

  [[nodiscard]] static constexpr DataType decimal(int precision, int scale) noexcept {
    const int capped = precision > kDecimalDigitsMax ? kDecimalDigitsMax : precision;
    return {TypeKind::kDecimal, static_cast<std::uint8_t>(capped),
            static_cast<std::uint8_t>(scale)};
  }
  [[nodiscard]] static constexpr DataType of(TypeKind kind) noexcept { return {kind, 0, 0}; }

  [[nodiscard]] constexpr bool is_decimal64() const noexcept {
    return kind == TypeKind::kDecimal && precision <= kDecimal64Digits;
  }
  [[nodiscard]] constexpr bool is_string() const noexcept {
    return kind == TypeKind::kText || kind == TypeKind::kBpchar;
  }
  /// Whether a value is bytes of any length.
  [[nodiscard]] constexpr bool is_varlen() const noexcept {
    return is_string() || kind == TypeKind::kBytea || kind == TypeKind::kOpaque;
  }
  /// Whether equal values can be told here, and lesser ones.
  [[nodiscard]] constexpr bool has_equality() const noexcept { return kind != TypeKind::kOpaque; }
  [[nodiscard]] constexpr bool has_order() const noexcept {
    return has_equality() && kind != TypeKind::kHandle;
  }
  [[nodiscard]] constexpr bool is_integer() const noexcept {
    return kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64;
  }
  /// A known kind, and digits within bounds for a decimal and zero for the others.
  [[nodiscard]] constexpr bool is_valid() const noexcept {
    if (kind == TypeKind::kDecimal) {
      return precision >= 1 && precision <= kDecimalDigitsMax && scale <= kDecimalDigitsMax;
    }
    return kind <= kTypeKindLast && precision == 0 && scale == 0;
  }
  friend constexpr auto operator<=>(const DataType&, const DataType&) noexcept = default;
};

/// Whether equal values of both types have equal bytes, so that they compare and hash alike: the
/// same type but for the digits that a decimal holds within its width.
[[nodiscard]] constexpr bool same_representation(const DataType& a, const DataType& b) noexcept {
  return a.kind == b.kind && a.scale == b.scale && a.is_decimal64() == b.is_decimal64();
}

/// As EXPLAIN prints it: `decimal(15,2)`, `int4`, ...
[[nodiscard]] std::string to_string(const DataType& type);

}  // namespace sluice::plan
