#include "pg/port/column_datum.h"

#include <cstring>

#include "pg/port/numeric_format.h"
#include "vector/uuid_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <fmgr.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/memutils.h>
#include <utils/timestamp.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

using plan::DataType;
using plan::TypeKind;
using vector::ColumnView;
using vector::StringRef;

namespace {

Datum numeric_datum(base::Int128 value, bool is_nan, int scale) {
  void* target = palloc(kNumericBytesMax);
  if (is_nan) {
    write_numeric_nan(target);
  } else {
    write_numeric(value, scale, target);
  }
  return PointerGetDatum(target);
}

/// A numeric as a decimal of `type`; false where it is none, or has another scale: a cast function
/// may return what its type modifier does not say. Runs in: call().
bool store_numeric(Datum value, const DataType& type, std::uint32_t row, std::byte* values) {
  auto* numeric = pg_detoast_datum_packed(reinterpret_cast<varlena*>(DatumGetPointer(value)));
  const NumericValue read = read_numeric(VARDATA_ANY(numeric), VARSIZE_ANY_EXHDR(numeric));
  base::Int128 scaled = vector::kDecimalNan128;
  if (read.kind != NumericKind::kNan) {
    if (read.kind != NumericKind::kFinite || read.scale != type.scale ||
        decimal_digits(read.scaled) > type.precision) {
      return false;
    }
    scaled = read.scaled;
  }
  if (type.is_decimal64()) {
    reinterpret_cast<std::int64_t*>(values)[row] =
        read.kind == NumericKind::kNan ? vector::kDecimalNan64 : static_cast<std::int64_t>(scaled);
  } else {
    reinterpret_cast<base::Int128*>(values)[row] = scaled;
  }
  return true;
}

/// A varlena's body, or a value of a fixed length as it lies in a tuple. Runs in: call().
bool store_bytes(Datum value, const StoredForm& form, std::uint32_t row, std::byte* values,
                 Strings& strings) {
  const std::string_view bytes = opaque_bytes(value, form);
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const char* kept = bytes.data();
  if (size > StringRef::kInlineBytes) {
    strings.bytes += size;
    if (strings.bytes > strings.bytes_max) {
      return false;
    }
    kept = static_cast<char*>(
        std::memcpy(MemoryContextAllocHuge(strings.context, size), bytes.data(), size));
  }
  reinterpret_cast<StringRef*>(values)[row] = StringRef(kept, size);
  return true;
}

}  // namespace

Datum datum_of(const ColumnView& view, std::uint32_t row, const DataType& type,
               const StoredForm& form) {
  switch (type.kind) {
    case TypeKind::kBool:
      return BoolGetDatum(view.as<std::int8_t>()[row] != 0);
    case TypeKind::kInt16:
      return Int16GetDatum(view.as<std::int16_t>()[row]);
    case TypeKind::kInt32:
    case TypeKind::kDate:
    case TypeKind::kHandle:
      return Int32GetDatum(view.as<std::int32_t>()[row]);
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kTime:
      return Int64GetDatum(view.as<std::int64_t>()[row]);
    case TypeKind::kFloat64:
      return Float8GetDatum(view.as<double>()[row]);
    case TypeKind::kDecimal: {
      if (type.is_decimal64()) {
        const std::int64_t value = view.as<std::int64_t>()[row];
        return numeric_datum(value, value == vector::kDecimalNan64, type.scale);
      }
      const base::Int128 value = view.as<base::Int128>()[row];
      return numeric_datum(value, value == vector::kDecimalNan128, type.scale);
    }
    case TypeKind::kUuid: {
      void* uuid = palloc(vector::kUuidBytes);
      vector::write_uuid(view.as<base::Int128>()[row], uuid);
      return PointerGetDatum(uuid);
    }
    case TypeKind::kText:
    case TypeKind::kBpchar:
    case TypeKind::kBytea: {
      const StringRef& string = view.as<StringRef>()[row];
      return PointerGetDatum(
          cstring_to_text_with_len(string.data(), static_cast<int>(string.size())));
    }
    case TypeKind::kOpaque: {
      const StringRef& bytes = view.as<StringRef>()[row];
      return opaque_datum({bytes.data(), bytes.size()}, form);
    }
  }
  return 0;
}

bool store_datum(Datum value, const DataType& type, const StoredForm& form, std::uint32_t row,
                 std::byte* values, Strings& strings) {
  switch (type.kind) {
    case TypeKind::kBool:
      reinterpret_cast<std::int8_t*>(values)[row] = DatumGetBool(value) ? 1 : 0;
      return true;
    case TypeKind::kInt16:
      reinterpret_cast<std::int16_t*>(values)[row] = DatumGetInt16(value);
      return true;
    case TypeKind::kInt32:
    case TypeKind::kDate:
    case TypeKind::kHandle:
      reinterpret_cast<std::int32_t*>(values)[row] = DatumGetInt32(value);
      return true;
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kTime:
      reinterpret_cast<std::int64_t*>(values)[row] = DatumGetInt64(value);
      return true;
    case TypeKind::kFloat64:
      reinterpret_cast<double*>(values)[row] = DatumGetFloat8(value);
      return true;
    case TypeKind::kDecimal:
      return store_numeric(value, type, row, values);
    case TypeKind::kUuid:
      reinterpret_cast<base::Int128*>(values)[row] =
          vector::integer_of_uuid(DatumGetPointer(value));
      return true;
    case TypeKind::kText:
    case TypeKind::kBpchar:
    case TypeKind::kBytea:
    case TypeKind::kOpaque:
      return store_bytes(value, type.kind == TypeKind::kOpaque ? form : StoredForm{}, row, values,
                         strings);
  }
  return false;
}

}  // namespace sluice::pg
