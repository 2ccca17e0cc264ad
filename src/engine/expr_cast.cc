#include "engine/expr_cast.h"

#include <limits>

#include "base/check.h"
#include "engine/expr_decimal.h"
#include "engine/physical.h"

namespace sluice::engine {

using plan::DataType;
using plan::TypeKind;
using vector::ColumnView;
using vector::StringRef;

namespace {

constexpr std::int64_t kDayMicroseconds = std::int64_t{86400} * 1000 * 1000;
// 294277-01-01, where timestamp ends.
constexpr std::int32_t kTimestampEndDay = 109203528 - 2451545;

/// Computes `rows`; returns whether any of them failed. `factor` is the decimal casts' power of
/// ten.
using CastKernel = bool (*)(Rows, const ColumnView&, void*, Int128 factor);

template <typename From, typename To>
bool convert(Rows rows, const ColumnView& from, void* target, Int128) {
  const From* values = from.as<From>();
  auto* __restrict out = static_cast<To*>(target);
  for_each_row(rows, [=](std::uint32_t row) { out[row] = static_cast<To>(values[row]); });
  return false;
}

template <typename From, typename To>
bool scale_up(Rows rows, const ColumnView& from, void* target, Int128 factor) {
  const From* values = from.as<From>();
  auto* __restrict out = static_cast<To*>(target);
  bool failed = false;
  if constexpr (sizeof(To) == 8) {
    const auto narrow = static_cast<std::int64_t>(factor);
    for_each_row(rows, [&](std::uint32_t row) {
      failed |= __builtin_mul_overflow(std::int64_t{values[row]}, narrow, &out[row]);
    });
  } else {
    for_each_row(rows, [&](std::uint32_t row) {
      out[row] = multiply_decimals(values[row], factor, failed);
    });
  }
  return failed;
}

template <typename From, typename To>
bool scale_up_with_nan(Rows rows, const ColumnView& from, void* target, Int128 factor) {
  constexpr auto kFromNan = sizeof(From) == 16 ? static_cast<From>(vector::kDecimalNan128)
                                               : static_cast<From>(vector::kDecimalNan64);
  constexpr auto kToNan = sizeof(To) == 16 ? static_cast<To>(vector::kDecimalNan128)
                                           : static_cast<To>(vector::kDecimalNan64);
  const From* values = from.as<From>();
  auto* out = static_cast<To*>(target);
  bool failed = false;
  for_each_row(rows, [&](std::uint32_t row) {
    if (values[row] == kFromNan) {
      out[row] = kToNan;
      return;
    }
    const Int128 product = multiply_decimals(values[row], factor, failed);
    failed |= sizeof(To) == 8 && !fits_int64(product);
    out[row] = static_cast<To>(product);
  });
  return failed;
}

bool date_to_timestamp(Rows rows, const ColumnView& from, void* target, Int128) {
  const auto* days = from.as<std::int32_t>();
  auto* out = static_cast<std::int64_t*>(target);
  bool failed = false;
  for_each_row(rows, [&](std::uint32_t row) {
    const std::int32_t day = days[row];
    if (day == INT32_MIN || day == INT32_MAX) {  // -infinity, infinity
      out[row] = day == INT32_MIN ? INT64_MIN : INT64_MAX;
      return;
    }
    failed |= day >= kTimestampEndDay;
    // Unsigned, as what lies under a NULL may be any bits.
    out[row] = static_cast<std::int64_t>(static_cast<std::uint64_t>(std::int64_t{day}) *
                                         static_cast<std::uint64_t>(kDayMicroseconds));
  });
  return failed;
}

bool trim_blanks(Rows rows, const ColumnView& from, void* target, Int128) {
  const auto* values = from.as<StringRef>();
  auto* out = static_cast<StringRef*>(target);
  for_each_row(rows,
               [=](std::uint32_t row) { out[row] = vector::without_trailing_blanks(values[row]); });
  return false;
}

template <typename From, typename To>
bool extract_year(Rows rows, const ColumnView& from, void* target, Int128) {
  const From* values = from.as<From>();
  auto* out = static_cast<To*>(target);
  bool failed = false;
  for_each_row(rows, [&](std::uint32_t row) {
    const From value = values[row];
    failed |=
        value == std::numeric_limits<From>::min() || value == std::numeric_limits<From>::max();
    std::int64_t day = value;
    if constexpr (sizeof(From) == 8) {
      day = value / kDayMicroseconds - (value % kDayMicroseconds < 0 ? 1 : 0);
    }
    out[row] = year_of_day(day);
  });
  return failed;
}

enum class Failure : std::uint8_t { kDecimalTooLarge, kDateTooLarge, kInfiniteYear };

class CastNode final : public ExprNode {
 public:
  CastNode(CastKernel plain, CastKernel with_nan, Failure failure, Int128 factor, ExprNode& arg,
           vector::PhysicalType type, base::Arena& arena)
      : plain_(plain),
        with_nan_(with_nan),
        failure_(failure),
        factor_(factor),
        arg_(arg),
        buffer_(type, arena) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    const ColumnView arg = arg_.evaluate(frame, rows);
    const bool nan = with_nan_ != nullptr && arg.may_hold_nan;
    const CastKernel kernel = nan ? with_nan_ : plain_;
    if (kernel(rows, arg, buffer_.values, factor_)) [[unlikely]] {
      // What lies under a NULL may have failed: only the other rows count.
      vector::RowIndex valid[vector::kBatchRowsMax];
      if (kernel(valid_rows(rows, arg.validity, valid), arg, buffer_.values, factor_)) {
        raise();
      }
    }
    return buffer_.view(arg.validity, nan);
  }

 private:
  [[noreturn]] void raise() const {
    switch (failure_) {
      case Failure::kDateTooLarge:
        throw base::Error(base::ErrorKind::kQuery, "22008", "date out of range for timestamp");
      case Failure::kInfiniteYear:
        base::throw_abandon("the year of an infinite date is no decimal");
      case Failure::kDecimalTooLarge:
        break;
    }
    base::throw_abandon("numeric value too large for a 128-bit decimal");
  }

  CastKernel plain_;
  CastKernel with_nan_;
  Failure failure_;
  Int128 factor_;
  ExprNode& arg_;
  ValueBuffer buffer_;
};

bool is_integer(TypeKind kind) noexcept {
  return kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64;
}

template <typename To>
CastKernel integer_kernel(TypeKind from) {
  switch (from) {
    case TypeKind::kInt16:
      return convert<std::int16_t, To>;
    case TypeKind::kInt32:
      return convert<std::int32_t, To>;
    default:
      return convert<std::int64_t, To>;
  }
}

template <typename To>
CastKernel scale_kernel(const DataType& from) {
  switch (physical_type_of(from)) {
    case vector::PhysicalType::kInt16:
      return scale_up<std::int16_t, To>;
    case vector::PhysicalType::kInt32:
      return scale_up<std::int32_t, To>;
    case vector::PhysicalType::kInt64:
      return scale_up<std::int64_t, To>;
    default:
      break;
  }
  if constexpr (sizeof(To) == 16) {
    return scale_up<Int128, To>;
  } else {
    base::throw_internal("cast to a narrower decimal");
  }
}

CastKernel nan_kernel(const DataType& from, const DataType& to) {
  if (from.kind != TypeKind::kDecimal) {
    return nullptr;
  }
  if (to.is_decimal64()) {
    return scale_up_with_nan<std::int64_t, std::int64_t>;
  }
  return from.is_decimal64() ? scale_up_with_nan<std::int64_t, Int128>
                             : scale_up_with_nan<Int128, Int128>;
}

CastKernel plain_kernel(const DataType& from, const DataType& to) {
  if (is_integer(from.kind)) {
    switch (to.kind) {
      case TypeKind::kInt32:
        return integer_kernel<std::int32_t>(from.kind);
      case TypeKind::kInt64:
        return integer_kernel<std::int64_t>(from.kind);
      case TypeKind::kFloat64:
        return integer_kernel<double>(from.kind);
      default:
        break;
    }
  }
  if (from.kind == TypeKind::kDate && to.kind == TypeKind::kTimestamp) {
    return date_to_timestamp;
  }
  if (from.kind == TypeKind::kBpchar && to.kind == TypeKind::kText) {
    return trim_blanks;
  }
  SLUICE_CHECK(to.kind == TypeKind::kDecimal &&
                   (is_integer(from.kind) || from.kind == TypeKind::kDecimal) &&
                   to.scale >= from.scale,
               "a cast that the engine lacks");
  return to.is_decimal64() ? scale_kernel<std::int64_t>(from) : scale_kernel<Int128>(from);
}

}  // namespace

bool is_relabeling(const DataType& from, const DataType& to) noexcept {
  if (from.kind != to.kind) {
    return false;
  }
  return from.kind != TypeKind::kDecimal ||
         (from.scale == to.scale && physical_type_of(from) == physical_type_of(to));
}

std::unique_ptr<ExprNode> make_cast(const DataType& from, const DataType& to, ExprNode& arg,
                                    base::Arena& arena) {
  SLUICE_CHECK(!is_integer(from.kind) || !is_integer(to.kind) || from.kind < to.kind,
               "cast to a narrower integer");
  const bool scales = to.kind == TypeKind::kDecimal;
  const CastKernel plain = plain_kernel(from, to);
  if (scales && to.is_decimal64() && to.scale - from.scale > DataType::kDecimal64Digits) {
    base::throw_abandon("numeric scale too large for a 64-bit decimal");
  }
  return std::make_unique<CastNode>(plain, scales ? nan_kernel(from, to) : nullptr,
                                    scales ? Failure::kDecimalTooLarge : Failure::kDateTooLarge,
                                    scales ? power_of_ten(to.scale - from.scale) : Int128{1}, arg,
                                    physical_type_of(to), arena);
}

std::unique_ptr<ExprNode> make_extract_year(const DataType& from, const DataType& to, ExprNode& arg,
                                            base::Arena& arena) {
  SLUICE_CHECK((from.kind == TypeKind::kDate || from.kind == TypeKind::kTimestamp) &&
                   to.kind == TypeKind::kDecimal && to.scale == 0,
               "extract(year) of another type");
  CastKernel kernel = nullptr;
  if (from.kind == TypeKind::kDate) {
    kernel = to.is_decimal64() ? extract_year<std::int32_t, std::int64_t>
                               : extract_year<std::int32_t, Int128>;
  } else {
    kernel = to.is_decimal64() ? extract_year<std::int64_t, std::int64_t>
                               : extract_year<std::int64_t, Int128>;
  }
  return std::make_unique<CastNode>(kernel, nullptr, Failure::kInfiniteYear, Int128{1}, arg,
                                    physical_type_of(to), arena);
}

// Counts in years that begin in March, so that the leap day ends one.
std::int64_t year_of_day(std::int64_t day) noexcept {
  constexpr std::int64_t kEraDays = 146097;   // 400 years
  const std::int64_t shifted = day + 730425;  // since 0000-03-01
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - (kEraDays - 1)) / kEraDays;
  const std::int64_t day_of_era = shifted - era * kEraDays;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t year = era * 400 + year_of_era + (day_of_year >= 306 ? 1 : 0);
  return year > 0 ? year : year - 1;
}

}  // namespace sluice::engine
