#include "pg/port/types.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"
#include "pg/port/numeric_format.h"
#include "vector/uuid_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <access/tupmacs.h>
#include <catalog/pg_type.h>
#include <fmgr.h>
#include <utils/date.h>
#include <utils/lsyscache.h>
#include <utils/pg_locale.h>
#include <utils/syscache.h>
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

/// What the catalog says of a type.
struct TypeFacts {
  bool is_domain = false;
  bool is_enum = false;
  bool is_varlena = false;
  bool is_carried = false;  // as bytes, whatever they mean
  Oid base = InvalidOid;    // of a domain
  std::int32_t base_typmod = -1;
};

TypeFacts facts_of(Oid type) {
  return call([type] {
    TypeFacts facts;
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple)) {
      return facts;
    }
    const auto* form = reinterpret_cast<const FormData_pg_type*>(GETSTRUCT(tuple));
    facts.is_domain = form->typtype == TYPTYPE_DOMAIN;
    facts.is_enum = form->typtype == TYPTYPE_ENUM;
    facts.is_varlena =
        form->typlen == -1 && (form->typtype == TYPTYPE_BASE || form->typtype == TYPTYPE_RANGE ||
                               form->typtype == TYPTYPE_MULTIRANGE);
    facts.is_carried = (!OidIsValid(form->typcollation) || type == NAMEOID) &&
                       (form->typlen == -1 || form->typlen > 0) &&
                       (form->typtype == TYPTYPE_BASE || form->typtype == TYPTYPE_COMPOSITE);
    facts.base = form->typbasetype;
    facts.base_typmod = form->typtypmod;
    ReleaseSysCache(tuple);
    return facts;
  });
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

std::optional<DataType> other_type(Oid type, Oid collation) {
  const TypeFacts facts = facts_of(type);
  if (facts.is_domain) {
    return data_type_of(facts.base, facts.base_typmod, collation);
  }
  if (facts.is_enum) {
    return DataType::of(TypeKind::kHandle);
  }
  return facts.is_varlena ? std::optional(DataType::of(TypeKind::kOpaque)) : std::nullopt;
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
    case TIMESTAMPTZOID:
      return DataType::of(TypeKind::kTimestampTz);
    case TIMEOID:
      return DataType::of(TypeKind::kTime);
    case BYTEAOID:
      return DataType::of(TypeKind::kBytea);
    case UUIDOID:
      return DataType::of(TypeKind::kUuid);
    case OIDOID:
      return DataType::of(TypeKind::kHandle);
    default:
      return other_type(type, collation);
  }
}

std::optional<DataType> column_type_of(Oid type, std::int32_t typmod, Oid collation) {
  if (const auto known = data_type_of(type, typmod, collation)) {
    return known;
  }
  const TypeFacts facts = facts_of(type);
  if (facts.is_domain) {
    return column_type_of(facts.base, facts.base_typmod, collation);
  }
  return facts.is_carried ? std::optional(DataType::of(TypeKind::kOpaque)) : std::nullopt;
}

StoredForm stored_form_of(Oid type) {
  StoredForm form;
  get_typlenbyval(type, &form.length, &form.by_value);
  return form;
}

std::string_view opaque_bytes(const Datum& value, const StoredForm& form) {
  if (form.by_value) {
    return {reinterpret_cast<const char*>(&value), static_cast<std::size_t>(form.length)};
  }
  if (form.length >= 0) {
    return {DatumGetPointer(value), static_cast<std::size_t>(form.length)};
  }
  auto* varlena =
      pg_detoast_datum_packed(reinterpret_cast<struct varlena*>(DatumGetPointer(value)));
  return {VARDATA_ANY(varlena), VARSIZE_ANY_EXHDR(varlena)};
}

Datum opaque_datum(std::string_view bytes, const StoredForm& form) {
  if (form.by_value) {
    Datum value = 0;  // little-endian: the low bytes
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return fetch_att(&value, true, form.length);
  }
  const std::size_t header = form.length == -1 ? VARHDRSZ : 0;
  auto* copy = static_cast<char*>(palloc(header + bytes.size()));
  std::memcpy(copy + header, bytes.data(), bytes.size());
  if (header > 0) {
    SET_VARSIZE(copy, header + bytes.size());
  }
  return PointerGetDatum(copy);
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

std::optional<Expr> constant_of(Datum datum, bool is_null, const DataType& type,
                                const StoredForm& form) {
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
    case TypeKind::kTimestampTz:
    case TypeKind::kTime:
      return Expr::make_integer(DatumGetInt64(datum), type);
    case TypeKind::kHandle:
      return Expr::make_integer(DatumGetInt32(datum), type);
    case TypeKind::kUuid:
      return Expr::make_integer(vector::integer_of_uuid(DatumGetPointer(datum)), type);
    case TypeKind::kText:
    case TypeKind::kBpchar:
    case TypeKind::kBytea: {
      const Bytes body = body_of(datum);
      return Expr::make_bytes(std::string(body.data, body.size), type);
    }
    case TypeKind::kOpaque:
      return Expr::make_bytes(std::string(call([&] { return opaque_bytes(datum, form); })), type);
  }
  return std::nullopt;
}

std::optional<Expr> parameter_of(Datum datum, bool is_null, const ParamType& type,
                                 const StoredForm& form) {
  if (type.fit == ParamFit::kExact || is_null) {
    return constant_of(datum, is_null, type.type, form);
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
