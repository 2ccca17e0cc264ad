#include "engine/expr_arithmetic.h"

#include <cmath>
#include <type_traits>

#include "base/check.h"
#include "engine/expr_decimal.h"
#include "engine/physical.h"

namespace sluice::engine {

using plan::Op;
using plan::TypeKind;
using vector::ColumnView;

namespace {

// A step computes one value and remembers whether any of them failed; it is asked once a batch.

template <typename T>
struct IntegerAdd {
  using Unsigned = std::make_unsigned_t<T>;
  Unsigned failures = 0;  // the sign bit says that a sum's sign was wrong
  T operator()(T a, T b) noexcept {
    const auto sum = static_cast<Unsigned>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
    failures |=
        static_cast<Unsigned>((static_cast<Unsigned>(a) ^ sum) & (static_cast<Unsigned>(b) ^ sum));
    return static_cast<T>(sum);
  }
  [[nodiscard]] bool failed() const noexcept { return static_cast<T>(failures) < 0; }
};

template <typename T>
struct IntegerSubtract {
  using Unsigned = std::make_unsigned_t<T>;
  Unsigned failures = 0;
  T operator()(T a, T b) noexcept {
    const auto rest = static_cast<Unsigned>(static_cast<Unsigned>(a) - static_cast<Unsigned>(b));
    failures |= static_cast<Unsigned>((static_cast<Unsigned>(a) ^ static_cast<Unsigned>(b)) &
                                      (static_cast<Unsigned>(a) ^ rest));
    return static_cast<T>(rest);
  }
  [[nodiscard]] bool failed() const noexcept { return static_cast<T>(failures) < 0; }
};

template <typename T>
struct IntegerMultiply {
  std::int64_t failures = 0;
  T operator()(T a, T b) noexcept {
    if constexpr (sizeof(T) == 8) {
      T product;
      failures |= __builtin_mul_overflow(a, b, &product) ? 1 : 0;
      return product;
    } else {
      const std::int64_t product = std::int64_t{a} * b;
      failures |= product ^ static_cast<T>(product);
      return static_cast<T>(product);
    }
  }
  [[nodiscard]] bool failed() const noexcept { return failures != 0; }
};

// Two 64-bit operands cannot outgrow 128 bits.
struct WideningAdd {
  Int128 operator()(std::int64_t a, std::int64_t b) noexcept { return static_cast<Int128>(a) + b; }
  [[nodiscard]] bool failed() const noexcept { return false; }
};
struct WideningSubtract {
  Int128 operator()(std::int64_t a, std::int64_t b) noexcept { return static_cast<Int128>(a) - b; }
  [[nodiscard]] bool failed() const noexcept { return false; }
};
struct WideningMultiply {
  Int128 operator()(std::int64_t a, std::int64_t b) noexcept { return static_cast<Int128>(a) * b; }
  [[nodiscard]] bool failed() const noexcept { return false; }
};

struct WideAdd {
  bool failures = false;
  Int128 operator()(Int128 a, Int128 b) noexcept {
    Int128 sum;
    const bool overflow = __builtin_add_overflow(a, b, &sum);
    failures |= overflow | !fits_decimal(sum);
    return sum;
  }
  [[nodiscard]] bool failed() const noexcept { return failures; }
};
struct WideSubtract {
  bool failures = false;
  Int128 operator()(Int128 a, Int128 b) noexcept {
    Int128 rest;
    const bool overflow = __builtin_sub_overflow(a, b, &rest);
    failures |= overflow | !fits_decimal(rest);
    return rest;
  }
  [[nodiscard]] bool failed() const noexcept { return failures; }
};
struct WideMultiply {
  bool failures = false;
  Int128 operator()(Int128 a, Int128 b) noexcept { return multiply_decimals(a, b, failures); }
  [[nodiscard]] bool failed() const noexcept { return failures; }
};

bool float_overflows(double a, double b, double result) noexcept {
  return std::isinf(result) && !std::isinf(a) && !std::isinf(b);
}

bool float_underflows(double a, double b, double product) noexcept {
  return product == 0 && a != 0 && b != 0;
}

struct FloatAdd {
  bool failures = false;
  double operator()(double a, double b) noexcept {
    const double sum = a + b;
    failures |= float_overflows(a, b, sum);
    return sum;
  }
  [[nodiscard]] bool failed() const noexcept { return failures; }
};
struct FloatSubtract {
  bool failures = false;
  double operator()(double a, double b) noexcept {
    const double rest = a - b;
    failures |= float_overflows(a, b, rest);
    return rest;
  }
  [[nodiscard]] bool failed() const noexcept { return failures; }
};
struct FloatMultiply {
  bool failures = false;
  double operator()(double a, double b) noexcept {
    const double product = a * b;
    failures |= float_overflows(a, b, product) || float_underflows(a, b, product);
    return product;
  }
  [[nodiscard]] bool failed() const noexcept { return failures; }
};

template <typename T>
constexpr T nan_of() noexcept {
  return sizeof(T) == 16 ? static_cast<T>(vector::kDecimalNan128)
                         : static_cast<T>(vector::kDecimalNan64);
}

// NaN where an operand is; not for the fast path.
template <typename Step, typename L, typename R, typename Result>
struct WithNan {
  Step step;
  Result operator()(L a, R b) noexcept {
    return a == nan_of<L>() || b == nan_of<R>() ? nan_of<Result>() : step(a, b);
  }
  [[nodiscard]] bool failed() const noexcept { return step.failed(); }
};

/// Computes `rows`; returns whether any of them failed.
using Kernel = bool (*)(Rows, const ColumnView&, const ColumnView&, void*);

enum class Shape : std::uint8_t { kColumns, kRightConstant, kLeftConstant };

template <typename Step, typename L, typename R, typename Result, Shape kShape>
bool compute_rows(Rows rows, const ColumnView& left, const ColumnView& right, void* target) {
  const L* a = left.as<L>();
  const R* b = right.as<R>();
  auto* __restrict out = static_cast<Result*>(target);
  Step step;
  if (kShape == Shape::kRightConstant) {
    const R constant = *b;
    for_each_row(rows, [&, constant](std::uint32_t row) { out[row] = step(a[row], constant); });
  } else if (kShape == Shape::kLeftConstant) {
    const L constant = *a;
    for_each_row(rows, [&, constant](std::uint32_t row) { out[row] = step(constant, b[row]); });
  } else {
    for_each_row(rows, [&](std::uint32_t row) { out[row] = step(a[row], b[row]); });
  }
  return step.failed();
}

/// The kernels of one operation: without NaNs, and with them (decimals only).
struct Kernels {
  Kernel plain = nullptr;
  Kernel with_nan = nullptr;
};

template <typename Step, typename L, typename R, typename Result>
Kernel kernel_of(Shape shape) {
  switch (shape) {
    case Shape::kColumns:
      return compute_rows<Step, L, R, Result, Shape::kColumns>;
    case Shape::kRightConstant:
      return compute_rows<Step, L, R, Result, Shape::kRightConstant>;
    case Shape::kLeftConstant:
      return compute_rows<Step, L, R, Result, Shape::kLeftConstant>;
  }
  return nullptr;
}

template <typename Step, typename L, typename R, typename Result>
Kernels decimal_kernels(Shape shape) {
  return {kernel_of<Step, L, R, Result>(shape),
          kernel_of<WithNan<Step, L, R, Result>, L, R, Result>(shape)};
}

template <typename Add, typename Subtract, typename Multiply, typename L, typename R,
          typename Result>
Kernels decimal_kernels(Op op, Shape shape) {
  switch (op) {
    case Op::kAdd:
      return decimal_kernels<Add, L, R, Result>(shape);
    case Op::kSubtract:
      return decimal_kernels<Subtract, L, R, Result>(shape);
    default:
      return decimal_kernels<Multiply, L, R, Result>(shape);
  }
}

template <typename T>
Kernels integer_kernels(Op op, Shape shape) {
  switch (op) {
    case Op::kAdd:
      return {kernel_of<IntegerAdd<T>, T, T, T>(shape), nullptr};
    case Op::kSubtract:
      return {kernel_of<IntegerSubtract<T>, T, T, T>(shape), nullptr};
    default:
      return {kernel_of<IntegerMultiply<T>, T, T, T>(shape), nullptr};
  }
}

Kernels float_kernels(Op op, Shape shape) {
  switch (op) {
    case Op::kAdd:
      return {kernel_of<FloatAdd, double, double, double>(shape), nullptr};
    case Op::kSubtract:
      return {kernel_of<FloatSubtract, double, double, double>(shape), nullptr};
    default:
      return {kernel_of<FloatMultiply, double, double, double>(shape), nullptr};
  }
}

Kernels decimal_kernels(Op op, const ArithmeticTypes& types, Shape shape) {
  using I64 = std::int64_t;
  const bool left64 = types.left.is_decimal64();
  const bool right64 = types.right.is_decimal64();
  if (types.result.is_decimal64()) {
    SLUICE_CHECK(left64 && right64, "a decimal's result is narrower than its operand");
    return decimal_kernels<IntegerAdd<I64>, IntegerSubtract<I64>, IntegerMultiply<I64>, I64, I64,
                           I64>(op, shape);
  }
  if (left64 && right64) {
    return decimal_kernels<WideningAdd, WideningSubtract, WideningMultiply, I64, I64, Int128>(
        op, shape);
  }
  if (left64) {
    return decimal_kernels<WideAdd, WideSubtract, WideMultiply, I64, Int128, Int128>(op, shape);
  }
  if (right64) {
    return decimal_kernels<WideAdd, WideSubtract, WideMultiply, Int128, I64, Int128>(op, shape);
  }
  return decimal_kernels<WideAdd, WideSubtract, WideMultiply, Int128, Int128, Int128>(op, shape);
}

Kernels kernels_of(Op op, const ArithmeticTypes& types, Shape shape) {
  switch (types.result.kind) {
    case TypeKind::kInt16:
      return integer_kernels<std::int16_t>(op, shape);
    case TypeKind::kInt32:
      return integer_kernels<std::int32_t>(op, shape);
    case TypeKind::kInt64:
      return integer_kernels<std::int64_t>(op, shape);
    case TypeKind::kFloat64:
      return float_kernels(op, shape);
    case TypeKind::kDecimal:
      return decimal_kernels(op, types, shape);
    default:
      base::throw_internal("arithmetic on a type that has none");
  }
}

void check_types(Op op, const ArithmeticTypes& types) {
  if (types.result.kind != TypeKind::kDecimal) {
    SLUICE_CHECK(types.left == types.right && types.left == types.result,
                 "arithmetic on different types");
    return;
  }
  SLUICE_CHECK(types.left.kind == TypeKind::kDecimal && types.right.kind == TypeKind::kDecimal,
               "decimal arithmetic on another type");
  const int scale = op == Op::kMultiply ? types.left.scale + types.right.scale : types.left.scale;
  SLUICE_CHECK(
      types.result.scale == scale && (op == Op::kMultiply || types.left.scale == types.right.scale),
      "decimal arithmetic with other scales");
}

class ArithmeticNode final : public ExprNode {
 public:
  ArithmeticNode(Op op, const ArithmeticTypes& types, const Operand& left, const Operand& right,
                 base::Arena& arena)
      : op_(op),
        kind_(types.result.kind),
        shape_(left.is_constant()    ? Shape::kLeftConstant
               : right.is_constant() ? Shape::kRightConstant
                                     : Shape::kColumns),
        kernels_(kernels_of(op, types, shape_)),
        left_(left),
        right_(right),
        buffer_(physical_type_of(types.result), arena) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    const ColumnView left = left_.evaluate(frame, rows);
    const ColumnView right = right_.evaluate(frame, rows);
    const std::uint64_t* validity =
        both_valid(frame, left.validity, right.validity, buffer_.validity);
    const bool nan = kernels_.with_nan != nullptr && (left.may_hold_nan || right.may_hold_nan);
    const Kernel kernel = nan ? kernels_.with_nan : kernels_.plain;
    if (kernel(rows, left, right, buffer_.values)) [[unlikely]] {
      // What lies under a NULL may have failed: only the other rows count.
      vector::RowIndex valid[vector::kBatchRowsMax];
      const Rows counted = valid_rows(rows, validity, valid);
      if (kernel(counted, left, right, buffer_.values)) {
        raise(counted, left, right);
      }
    }
    return buffer_.view(validity, nan);
  }

 private:
  [[noreturn]] void raise(Rows rows, const ColumnView& left, const ColumnView& right) const {
    constexpr const char* kOutOfRange = "22003";
    switch (kind_) {
      case TypeKind::kInt16:
        throw base::Error(base::ErrorKind::kQuery, kOutOfRange, "smallint out of range");
      case TypeKind::kInt32:
        throw base::Error(base::ErrorKind::kQuery, kOutOfRange, "integer out of range");
      case TypeKind::kInt64:
        throw base::Error(base::ErrorKind::kQuery, kOutOfRange, "bigint out of range");
      case TypeKind::kFloat64:
        throw base::Error(base::ErrorKind::kQuery, kOutOfRange, float_message(rows, left, right));
      default:
        base::throw_abandon("numeric value too large for a 128-bit decimal");
    }
  }

  // Of the first row that fails, as PostgreSQL meets it.
  [[nodiscard]] const char* float_message(Rows rows, const ColumnView& left,
                                          const ColumnView& right) const {
    const auto* results = buffer_.as<double>();
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      const std::uint32_t row = rows.selection == nullptr ? i : rows.selection[i];
      const double a = left.as<double>()[shape_ == Shape::kLeftConstant ? 0 : row];
      const double b = right.as<double>()[shape_ == Shape::kRightConstant ? 0 : row];
      if (float_overflows(a, b, results[row])) {
        break;
      }
      if (op_ == Op::kMultiply && float_underflows(a, b, results[row])) {
        return "value out of range: underflow";
      }
    }
    return "value out of range: overflow";
  }

  Op op_;
  TypeKind kind_;
  Shape shape_;
  Kernels kernels_;
  Operand left_;
  Operand right_;
  ValueBuffer buffer_;
};

}  // namespace

std::unique_ptr<ExprNode> make_arithmetic(Op op, const ArithmeticTypes& types, Operand left,
                                          Operand right, base::Arena& arena) {
  check_types(op, types);
  SLUICE_CHECK(!left.is_constant() || !right.is_constant(), "arithmetic on constants alone");
  return std::make_unique<ArithmeticNode>(op, types, left, right, arena);
}

}  // namespace sluice::engine
