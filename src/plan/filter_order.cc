#include "plan/filter_order.h"

#include <algorithm>

namespace sluice::plan {
namespace {

std::int16_t last_attribute(const ScanSpec& scan, const Expr& filter) {
  std::vector<bool> read(scan.columns.size(), false);
  collect_columns(filter, read);
  std::int16_t last = 0;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i]) {
      last = std::max(last, scan.columns[i].attribute);
    }
  }
  return last;
}

}  // namespace

bool may_raise(const Expr& expr) noexcept {
  if (expr.kind != ExprKind::kCall) {
    return false;
  }
  switch (expr.op) {
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
    case Op::kAnd:
    case Op::kOr:
    case Op::kNot:
    case Op::kIsNull:
    case Op::kIsNotNull:
    case Op::kIn:
      return std::ranges::any_of(expr.args, may_raise);
    default:
      return true;
  }
}

void order_filters(ScanSpec& scan) {
  const auto raising = std::ranges::find_if(scan.filters, may_raise);
  std::ranges::stable_sort(scan.filters.begin(), raising, {},
                           [&scan](const Expr& filter) { return last_attribute(scan, filter); });
}

}  // namespace sluice::plan
