// PostgreSQL's types and values as the plan's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pg/border/pg_include.h"
#include "plan/expr.h"

namespace sluice::pg {

/// The plan's type for a column, or nothing where Sluice has none: bool, int2/4/8, float8,
/// numeric(p,s) with 0 <= s <= p <= 38, date, time, timestamp with and without time zone, uuid,
/// oid, enums, bytea; text, varchar, bpchar with a deterministic collation; what a domain is made
/// of. Any other varlena but numeric is opaque: json, jsonb, arrays, ranges.
/// Errors: PgError (syscache look-ups go through call()).
[[nodiscard]] std::optional<plan::DataType> data_type_of(Oid type, std::int32_t typmod,
                                                         Oid collation);

/// The plan's type for a column of a table: data_type_of(), or, where the engine has none, opaque
/// bytes that are handed on: numeric without a scale, interval, float4, composites. Nothing for
/// pseudo-types and for text in a nondeterministic collation.
/// Errors: PgError.
[[nodiscard]] std::optional<plan::DataType> column_type_of(Oid type, std::int32_t typmod,
                                                           Oid collation);

/// How values of a type are kept in tuples and Datums.
struct StoredForm {
  std::int16_t length = -1;  // bytes, or -1 for a varlena
  bool by_value = false;
};
/// Runs in: call().
[[nodiscard]] StoredForm stored_form_of(Oid type);
/// What of a value lies in an opaque column: a varlena's body, unpacked in the current memory
/// context where it is packed, or as many bytes as `form` says.
/// Shape: valid as long as `value` and that context. Runs in: call().
[[nodiscard]] std::string_view opaque_bytes(const Datum& value, const StoredForm& form);
/// An opaque value as PostgreSQL takes it, in the current memory context.
/// Shape: `bytes` are a varlena's body, or as many as `form` says. Runs in: call().
[[nodiscard]] Datum opaque_datum(std::string_view bytes, const StoredForm& form);

/// Whether text of this collation orders by bytes (C, POSIX), so that <, min and top-K may run
/// here.
[[nodiscard]] bool is_byte_order(Oid collation);

/// The type of a numeric constant: its own scale and as many digits as it has. Nothing for
/// infinities or more than 38 digits; NaN is decimal(1,0).
[[nodiscard]] std::optional<plan::DataType> decimal_type_of(Datum numeric);

/// A value as a constant of `type`. Shape: `datum` has the PostgreSQL type that column_type_of()
/// mapped, and `form` is that of an opaque one; a numeric must fit `type`'s scale and digits, else
/// nothing comes back. Detoasts.
[[nodiscard]] std::optional<plan::Expr> constant_of(Datum datum, bool is_null,
                                                    const plan::DataType& type,
                                                    const StoredForm& form);

/// What happens to a numeric that a decimal type does not hold.
/// Shape: the numbers are part of what the plan cache keeps.
enum class ParamFit : std::uint8_t {
  kExact = 0,    // nothing comes back
  kFloor = 1,    // the largest decimal of the scale that is not larger
  kCeiling = 2,  // the smallest that is not smaller
  kSame = 3,     // a decimal that equals no value of the type
};

/// The type of a run-time constant. Shape: other fits than kExact for decimals only.
struct ParamType {
  plan::DataType type;
  ParamFit fit = ParamFit::kExact;

  friend bool operator==(const ParamType&, const ParamType&) = default;
};

/// As constant_of(), with `type.fit`: compared with the values of `type.type`, the constant is what
/// the numeric is. It may have more digits than the type, not more bits.
/// Errors: PgError. Nothing comes back for infinities and more than 38 digits.
[[nodiscard]] std::optional<plan::Expr> parameter_of(Datum datum, bool is_null,
                                                     const ParamType& type, const StoredForm& form);

}  // namespace sluice::pg
