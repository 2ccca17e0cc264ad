#include "engine/expr_compare.h"

#include <cmath>
#include <type_traits>

#include "base/check.h"
#include "engine/expr_predicate.h"
#include "engine/expr_string_order.h"
#include "engine/physical.h"
#include "engine/wide_select.h"

namespace sluice::engine {

using plan::Op;
using vector::ColumnView;
using vector::PhysicalType;
using vector::RowIndex;
using vector::StringRef;

namespace {

using CompareKernel = std::uint32_t (*)(Rows, RowIndex*, const ColumnView&, const ColumnView&);

/// A total order for each kind of value, in terms of which the six comparisons are written.
struct NumberOrder {
  template <typename T>
  static bool equal(T a, T b) noexcept {
    return a == b;
  }
  template <typename T>
  static bool less(T a, T b) noexcept {
    return a < b;
  }
};

// Without branches; `x != x` is NaN's test.
struct FloatOrder {
  static bool equal(double a, double b) noexcept { return ((a == b) | ((a != a) & (b != b))) != 0; }
  static bool less(double a, double b) noexcept { return ((a < b) | ((a == a) & (b != b))) != 0; }
};

struct BytesOrder {
  static bool equal(const StringRef& a, const StringRef& b) noexcept { return a == b; }
  static bool less(const StringRef& a, const StringRef& b) noexcept {
    return compare_strings(a, b) < 0;
  }
};

struct BlankPaddedOrder {
  static bool equal(const StringRef& a, const StringRef& b) noexcept {
    return vector::without_trailing_blanks(a) == vector::without_trailing_blanks(b);
  }
  static bool less(const StringRef& a, const StringRef& b) noexcept {
    return compare_views(vector::without_trailing_blanks(a.view()),
                         vector::without_trailing_blanks(b.view())) < 0;
  }
};

template <Op kOp, typename Order, typename T>
inline bool holds(const T& a, const T& b) noexcept {
  switch (kOp) {
    case Op::kEqual:
      return Order::equal(a, b);
    case Op::kNotEqual:
      return !Order::equal(a, b);
    case Op::kLess:
      return Order::less(a, b);
    case Op::kLessEqual:
      return !Order::less(b, a);
    case Op::kGreater:
      return Order::less(b, a);
    default:
      return !Order::less(a, b);
  }
}

template <Op kOp, typename Order, typename T, bool kConstant>
std::uint32_t compare_rows(Rows rows, RowIndex* passed, const ColumnView& left,
                           const ColumnView& right) {
  const T* a = left.as<T>();
  const T* b = right.as<T>();
  if (kConstant) {
    const T constant = *b;
    if constexpr (std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>) {
      if (wide::is_supported()) {
        return wide::select(kOp, a, constant, rows, passed);
      }
    }
    return select_rows(rows, passed,
                       [=](std::uint32_t row) { return holds<kOp, Order, T>(a[row], constant); });
  }
  return select_rows(rows, passed,
                     [=](std::uint32_t row) { return holds<kOp, Order, T>(a[row], b[row]); });
}

template <bool kEqual>
std::uint32_t compare_blank_padded(Rows rows, RowIndex* passed, const ColumnView& left,
                                   const ColumnView& right) {
  const auto* a = left.as<StringRef>();
  const StringRef constant = vector::without_trailing_blanks(*right.as<StringRef>());
  const BlankPaddedEqual equals(constant);
  return select_rows(rows, passed, [&](std::uint32_t row) { return equals(a[row]) == kEqual; });
}

template <typename Order, typename T, bool kConstant>
CompareKernel kernel_of(Op op) {
  switch (op) {
    case Op::kEqual:
      return compare_rows<Op::kEqual, Order, T, kConstant>;
    case Op::kNotEqual:
      return compare_rows<Op::kNotEqual, Order, T, kConstant>;
    case Op::kLess:
      return compare_rows<Op::kLess, Order, T, kConstant>;
    case Op::kLessEqual:
      return compare_rows<Op::kLessEqual, Order, T, kConstant>;
    case Op::kGreater:
      return compare_rows<Op::kGreater, Order, T, kConstant>;
    case Op::kGreaterEqual:
      return compare_rows<Op::kGreaterEqual, Order, T, kConstant>;
    default:
      base::throw_internal("not a comparison");
  }
}

template <typename Order, typename T>
CompareKernel kernel_of(Op op, bool constant) {
  return constant ? kernel_of<Order, T, true>(op) : kernel_of<Order, T, false>(op);
}

CompareKernel kernel_of(Op op, const plan::DataType& type, bool constant) {
  switch (physical_type_of(type)) {
    case PhysicalType::kInt8:
      return kernel_of<NumberOrder, std::int8_t>(op, constant);
    case PhysicalType::kInt16:
      return kernel_of<NumberOrder, std::int16_t>(op, constant);
    case PhysicalType::kInt32:
      return kernel_of<NumberOrder, std::int32_t>(op, constant);
    case PhysicalType::kInt64:
      return kernel_of<NumberOrder, std::int64_t>(op, constant);
    case PhysicalType::kInt128:
      return kernel_of<NumberOrder, base::Int128>(op, constant);
    case PhysicalType::kFloat64:
      return kernel_of<FloatOrder, double>(op, constant);
    case PhysicalType::kVarlen:
      break;
  }
  if (type.kind != plan::TypeKind::kBpchar) {
    return kernel_of<BytesOrder, StringRef>(op, constant);
  }
  if (constant && op == Op::kEqual) {
    return compare_blank_padded<true>;
  }
  if (constant && op == Op::kNotEqual) {
    return compare_blank_padded<false>;
  }
  return kernel_of<BlankPaddedOrder, StringRef>(op, constant);
}

class CompareNode final : public StrictPredicate {
 public:
  CompareNode(CompareKernel kernel, const Operand& left, const Operand& right, base::Arena& arena)
      : StrictPredicate(arena), kernel_(kernel), left_(left), right_(right) {}

 protected:
  const std::uint64_t* prepare(const Frame& frame, Rows rows) override {
    left_values_ = left_.evaluate(frame, rows);
    right_values_ = right_.evaluate(frame, rows);
    return both_valid(frame, left_values_.validity, right_values_.validity, buffer().validity);
  }
  std::uint32_t test(Rows rows, RowIndex* passed) override {
    return kernel_(rows, passed, left_values_, right_values_);
  }

 private:
  CompareKernel kernel_;
  Operand left_;
  Operand right_;
  ColumnView left_values_;
  ColumnView right_values_;
};

}  // namespace

Op mirrored(Op comparison) noexcept {
  switch (comparison) {
    case Op::kLess:
      return Op::kGreater;
    case Op::kLessEqual:
      return Op::kGreaterEqual;
    case Op::kGreater:
      return Op::kLess;
    case Op::kGreaterEqual:
      return Op::kLessEqual;
    default:
      return comparison;
  }
}

Op negated(Op comparison) noexcept {
  switch (comparison) {
    case Op::kEqual:
      return Op::kNotEqual;
    case Op::kNotEqual:
      return Op::kEqual;
    case Op::kLess:
      return Op::kGreaterEqual;
    case Op::kLessEqual:
      return Op::kGreater;
    case Op::kGreater:
      return Op::kLessEqual;
    case Op::kGreaterEqual:
      return Op::kLess;
    default:
      return comparison;
  }
}

std::unique_ptr<ExprNode> make_compare(Op comparison, const plan::DataType& type, Operand left,
                                       Operand right, base::Arena& arena) {
  SLUICE_CHECK(!left.is_constant(), "comparison with a constant on its left");
  return std::make_unique<CompareNode>(kernel_of(comparison, type, right.is_constant()), left,
                                       right, arena);
}

}  // namespace sluice::engine
