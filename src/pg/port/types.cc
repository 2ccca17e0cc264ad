#include "pg/port/types.h"

#include <algorithm>

#include "base/check.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"
#include "pg/port/numeric_format.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <fmgr.h>
#include <utils/date.h>
#include <utils/lsyscache.h>
#include <utils/pg_locale.h>
#include <utils/timestamp.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::Expr;
using plan::TypeKind;

/// numeric's typmod: precision in the high half, scale (11 bits, signed since 15) in the low one.
/// Source: src/backend/utils/adt/numeric.c, make_numeric_typmod().
std::optional<DataType> declared_decimal(std::int32_t typmod) {
  if (typmod < static_cast<std::int32_t>(VARHDRSZ)) {
    return std::nullopt;
  }
  const std::int32_t packed = typmod - static_cast<std::int32_t>(VARHDRSZ);
  const int precision = (packed >> 16) & 0xFFFF;
  const int scale = ((packed & 0x7FF) ^ 1024) - 1024;
  if (scale < 0 || scale > precision || precision > DataType::kDecimalDigitsMax) {
    return std::nullopt;
  }
  return DataType::decimal(precision, scale);
}

std::optional<DataType> string_type(TypeKind kind, Oid collation) {
  if (!OidIsValid(collation) ||
      !call([collation] { return get_collation_isdeterministic(collation); })) {
    return std::nullopt;
  }
  return DataType::of(kind);
}

struct Bytes {
  const char* data = nullptr;
  std::size_t size = 0;
};

/// A varlena's body; valid as long as the current memory context.
Bytes body_of(Datum datum) {
  return call([datum] {
    auto* value = pg_detoast_datum_packed(reinterpret_cast<varlena*>(DatumGetPointer(datum)));
    return Bytes{VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
  });
}

NumericValue numeric_of(Datum datum) {
  const Bytes body = body_of(datum);
  return read_numeric(body.data, body.size);
}

std::optional<Expr> decimal_constant(Datum datum, const DataType& type) {
  const NumericValue value = numeric_of(datum);
  if (value.kind == NumericKind::kNan) {
    return Expr::make_integer(base::kInt128Max, type);
  }
  if (value.kind != NumericKind::kFinite) {
    return std::nullopt;
  }
  const std::optional<base::Int128> scaled = rescale(value.scaled, value.scale, type.scale);
  if (!scaled.has_value() || decimal_digits(*scaled) > type.precision) {
    return std::nullopt;
  }
  return Expr::make_integer(*scaled, type);
}

}  // namespace

std::optional<DataType> data_type_of(Oid type, std::int32_t typmod, Oid collation) {
  switch (type) {
    case BOOLOID:
      return DataType::of(TypeKind::kBool);
    case INT2OID:
      return DataType::of(TypeKind::kInt16);
    case INT4OID:
      return DataType::of(TypeKind::kInt32);
    case INT8OID:
      return DataType::of(TypeKind::kInt64);
    case FLOAT8OID:
      return DataType::of(TypeKind::kFloat64);
    case NUMERICOID:
      return declared_decimal(typmod);
    case DATEOID:
      return DataType::of(TypeKind::kDate);
    case TIMESTAMPOID:
      return DataType::of(TypeKind::kTimestamp);
    case TEXTOID:
    case VARCHAROID:
      return string_type(TypeKind::kText, collation);
    case BPCHAROID:
      return string_type(TypeKind::kBpchar, collation);
    default:
      return std::nullopt;
  }
}

bool is_byte_order(Oid collation) {
  return OidIsValid(collation) && call([collation] { return lc_collate_is_c(collation); });
}

std::optional<DataType> decimal_type_of(Datum numeric) {
  const NumericValue value = numeric_of(numeric);
  switch (value.kind) {
    case NumericKind::kNan:
      return DataType::decimal(1, 0);
    case NumericKind::kFinite:
      return DataType::decimal(std::max(decimal_digits(value.scaled), value.scale), value.scale);
    case NumericKind::kInfinite:
    case NumericKind::kTooLong:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Expr> constant_of(Datum datum, bool is_null, const DataType& type) {
  if (is_null) {
    return Expr::make_null(type);
  }
  switch (type.kind) {
    case TypeKind::kBool:
      return Expr::make_integer(DatumGetBool(datum) ? 1 : 0, type);
    case TypeKind::kInt16:
      return Expr::make_integer(DatumGetInt16(datum), type);
    case TypeKind::kInt32:
      return Expr::make_integer(DatumGetInt32(datum), type);
    case TypeKind::kInt64:
      return Expr::make_integer(DatumGetInt64(datum), type);
    case TypeKind::kFloat64:
      return Expr::make_float(DatumGetFloat8(datum));
    case TypeKind::kDecimal:
      return decimal_constant(datum, type);
    case TypeKind::kDate:
      return Expr::make_integer(DatumGetDateADT(datum), type);
    case TypeKind::kTimestamp:
      return Expr::make_integer(DatumGetTimestamp(datum), type);
    case TypeKind::kText:
    case TypeKind::kBpchar: {
      const Bytes body = body_of(datum);
      return Expr::make_bytes(std::string(body.data, body.size), type);
    }
  }
  return std::nullopt;
}

std::optional<Expr> parameter_of(Datum datum, bool is_null, const ParamType& type) {
  if (type.fit == ParamFit::kExact || is_null) {
    return constant_of(datum, is_null, type.type);
  }
  const NumericValue value = numeric_of(datum);
  if (value.kind == NumericKind::kNan) {
    return Expr::make_integer(base::kInt128Max, type.type);
  }
  if (value.kind != NumericKind::kFinite) {
    return std::nullopt;
  }
  const base::Int128 limit = power_of_ten(type.type.is_decimal64() ? DataType::kDecimal64Digits
                                                                   : DataType::kDecimalDigitsMax);
  const base::Int128 beyond = value.scaled < 0 ? -limit : limit;
  base::Int128 bound = beyond;
  if (value.scale > type.type.scale) {
    const base::Int128 divisor = power_of_ten(value.scale - type.type.scale);
    const base::Int128 rest = value.scaled % divisor;
    bound = value.scaled / divisor;
    if (rest != 0 && type.fit == ParamFit::kSame) {
      return Expr::make_integer(limit, type.type);
    }
    bound -= rest < 0 && type.fit == ParamFit::kFloor ? 1 : 0;
    bound += rest > 0 && type.fit == ParamFit::kCeiling ? 1 : 0;
  } else if (const auto scaled = rescale(value.scaled, value.scale, type.type.scale)) {
    bound = *scaled;
  }
  const bool fits = bound < limit && bound > -limit;
  return Expr::make_integer(fits ? bound : beyond, type.type);
}

}  // namespace sluice::pg
