#include "pg/output/row_output.h"

#include "base/check.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"
#include "pg/port/numeric_format.h"
#include "vector/uuid_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
#include <fmgr.h>
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;
using plan::TypeKind;
using vector::Batch;

constexpr bool is_nan(std::int64_t value) noexcept { return value == vector::kDecimalNan64; }
constexpr bool is_nan(base::Int128 value) noexcept { return value == vector::kDecimalNan128; }

Datum finite_numeric(base::Int128 value, int scale) {
  void* target = palloc(kNumericBytesMax);
  write_numeric(value, scale, target);
  return PointerGetDatum(target);
}

template <typename Scaled>
Datum decimal_datum(Scaled value, int scale) {
  if (is_nan(value)) {
    void* target = palloc(kNumericBytesMax);
    write_numeric_nan(target);
    return PointerGetDatum(target);
  }
  return finite_numeric(value, scale);
}

bool is_string_type(Oid type) noexcept {
  return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

}  // namespace

struct ColumnConverters {
  using Column = RowOutput::Column;
  using Convert = bool (*)(const Column&, const Batch&, std::uint32_t, Datum&);

  /// One fixed-width value of C++ type T, made a Datum by `Make`.
  template <typename T, Datum (*Make)(T)>
  static bool fixed(const Column& column, const Batch& batch, std::uint32_t row, Datum& value) {
    const vector::ColumnView& view = batch.column(column.column);
    if (view.is_null(row)) {
      return false;
    }
    value = Make(view.as<T>()[row]);
    return true;
  }
  static Datum make_bool(std::int8_t value) { return BoolGetDatum(value != 0); }
  static Datum make_int16(std::int16_t value) { return Int16GetDatum(value); }
  static Datum make_int32(std::int32_t value) { return Int32GetDatum(value); }
  static Datum make_int64(std::int64_t value) { return Int64GetDatum(value); }
  static Datum make_float64(double value) { return Float8GetDatum(value); }
  static Datum make_uuid(base::Int128 value) {
    void* uuid = palloc(vector::kUuidBytes);
    vector::write_uuid(value, uuid);
    return PointerGetDatum(uuid);
  }
  static Datum make_integer_numeric(std::int64_t value) { return finite_numeric(value, 0); }

  template <typename Scaled>
  static bool decimal(const Column& column, const Batch& batch, std::uint32_t row, Datum& value) {
    const vector::ColumnView& view = batch.column(column.column);
    if (view.is_null(row)) {
      return false;
    }
    value = decimal_datum(view.as<Scaled>()[row], column.scale);
    return true;
  }

  static bool string(const Column& column, const Batch& batch, std::uint32_t row, Datum& value) {
    const vector::ColumnView& view = batch.column(column.column);
    if (view.is_null(row)) {
      return false;
    }
    const vector::StringRef& bytes = view.as<vector::StringRef>()[row];
    value = PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
    return true;
  }

  static bool opaque(const Column& column, const Batch& batch, std::uint32_t row, Datum& value) {
    const vector::ColumnView& view = batch.column(column.column);
    if (view.is_null(row)) {
      return false;
    }
    const vector::StringRef& bytes = view.as<vector::StringRef>()[row];
    value = opaque_datum({bytes.data(), bytes.size()}, column.form);
    return true;
  }

  /// The count of an average; 0 where there is none.
  static std::int64_t count_of(const Column& column, const Batch& batch, std::uint32_t row) {
    const vector::ColumnView& view = batch.column(column.count_column);
    return view.is_null(row) ? 0 : view.as<std::int64_t>()[row];
  }

  /// Source: src/backend/utils/adt/numeric.c, numeric_avg(), numeric_poly_avg() and int8_avg(): all
  /// divide
  ///         the exact sum by the count with numeric_div().
  template <typename Sum, Datum (*Make)(Sum, int)>
  static bool numeric_average(const Column& column, const Batch& batch, std::uint32_t row,
                              Datum& value) {
    const vector::ColumnView& view = batch.column(column.column);
    const std::int64_t count = count_of(column, batch, row);
    if (count == 0 || view.is_null(row)) {
      return false;
    }
    const Datum sum = Make(view.as<Sum>()[row], column.scale);
    value = DirectFunctionCall2(numeric_div, sum, finite_numeric(count, 0));
    return true;
  }
  static Datum integer_sum(std::int64_t sum, int) { return finite_numeric(sum, 0); }

  /// Source: src/backend/utils/adt/float.c, float8_avg().
  static bool float_average(const Column& column, const Batch& batch, std::uint32_t row,
                            Datum& value) {
    const vector::ColumnView& view = batch.column(column.column);
    const std::int64_t count = count_of(column, batch, row);
    if (count == 0 || view.is_null(row)) {
      return false;
    }
    // float8_accum() begins with 0, sum(float8) with the first value: here -0 is a sum.
    const double sum = 0.0 + view.as<double>()[row];
    value = Float8GetDatum(sum / static_cast<double>(count));
    return true;
  }

  static Convert for_average(const DataType& sum, Oid type) {
    if (sum.kind == TypeKind::kFloat64 && type == FLOAT8OID) {
      return &float_average;
    }
    if (type != NUMERICOID) {
      return nullptr;
    }
    if (sum.kind == TypeKind::kInt64) {
      return &numeric_average<std::int64_t, &integer_sum>;
    }
    if (sum.kind != TypeKind::kDecimal) {
      return nullptr;
    }
    return sum.is_decimal64() ? &numeric_average<std::int64_t, &decimal_datum<std::int64_t>>
                              : &numeric_average<base::Int128, &decimal_datum<base::Int128>>;
  }

  static Convert for_column(const DataType& from, Oid type) {
    switch (from.kind) {
      case TypeKind::kBool:
        return type == BOOLOID ? &fixed<std::int8_t, &make_bool> : Convert{};
      case TypeKind::kInt16:
        return type == INT2OID ? &fixed<std::int16_t, &make_int16> : Convert{};
      case TypeKind::kInt32:
        return type == INT4OID ? &fixed<std::int32_t, &make_int32> : Convert{};
      case TypeKind::kInt64:
        if (type == NUMERICOID) {
          return &fixed<std::int64_t, &make_integer_numeric>;
        }
        return type == INT8OID ? &fixed<std::int64_t, &make_int64> : Convert{};
      case TypeKind::kFloat64:
        return type == FLOAT8OID ? &fixed<double, &make_float64> : Convert{};
      case TypeKind::kDecimal:
        if (type != NUMERICOID) {
          return nullptr;
        }
        return from.is_decimal64() ? &decimal<std::int64_t> : &decimal<base::Int128>;
      case TypeKind::kDate:
        return type == DATEOID ? &fixed<std::int32_t, &make_int32> : Convert{};
      case TypeKind::kTimestamp:
        return type == TIMESTAMPOID ? &fixed<std::int64_t, &make_int64> : Convert{};
      case TypeKind::kTimestampTz:
        return type == TIMESTAMPTZOID ? &fixed<std::int64_t, &make_int64> : Convert{};
      case TypeKind::kTime:
        return type == TIMEOID ? &fixed<std::int64_t, &make_int64> : Convert{};
      case TypeKind::kUuid:
        return type == UUIDOID ? &fixed<base::Int128, &make_uuid> : Convert{};
      case TypeKind::kHandle:
        return &fixed<std::int32_t, &make_int32>;
      case TypeKind::kText:
      case TypeKind::kBpchar:
        return is_string_type(type) ? &string : Convert{};
      case TypeKind::kBytea:
        return type == BYTEAOID ? &string : Convert{};
      case TypeKind::kOpaque:
        return &opaque;
    }
    return nullptr;
  }
};

RowOutput::RowOutput(const std::vector<OutputColumn>& outputs, const std::vector<DataType>& root) {
  columns_.reserve(outputs.size());
  for (const OutputColumn& output : outputs) {
    const bool average = output.kind == OutputKind::kAverage;
    SLUICE_CHECK(output.column < root.size(), "an output column lies outside the root's output");
    SLUICE_CHECK(!average || (output.count_column < root.size() &&
                              root[output.count_column].kind == TypeKind::kInt64),
                 "an average has no count");
    const DataType& from = root[output.column];
    const ColumnConverters::Convert converter =
        average ? ColumnConverters::for_average(from, output.type)
                : ColumnConverters::for_column(from, output.type);
    SLUICE_CHECK(converter != nullptr, "an output column does not fit its PostgreSQL type");
    const StoredForm form = from.kind == TypeKind::kOpaque
                                ? call([&output] { return stored_form_of(output.type); })
                                : StoredForm{};
    columns_.push_back(Column{converter, output.column, output.count_column, from.scale, form});
  }
}

void RowOutput::convert(const Batch& batch, std::uint32_t row, Datum* values, bool* nulls) const {
  for (const Column& column : columns_) {
    *values = 0;
    *nulls++ = !column.convert(column, batch, row, *values);
    ++values;
  }
}

}  // namespace sluice::pg
