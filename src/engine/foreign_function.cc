#include "engine/foreign_function.h"

#include "base/error.h"
#include "engine/expr_slices.h"
#include "engine/physical.h"

namespace sluice::engine {

using vector::ColumnView;

namespace {

ForeignFunctionMaker function_maker = nullptr;

/// Invariant: of the rows before computed_end_ that it was asked for in this batch it has the
///            values. However often the batch is evaluated, each row is computed once.
class ForeignNode final : public ExprNode {
 public:
  ForeignNode(std::unique_ptr<ForeignFunction> function, std::vector<ExprNode*> args,
              const plan::DataType& type, base::Arena& arena)
      : function_(std::move(function)),
        args_(std::move(args)),
        views_(args_.size()),
        may_hold_nan_(type.kind == plan::TypeKind::kDecimal),
        buffer_(physical_type_of(type), arena) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    if (batch_ != frame.batch) {
      batch_ = frame.batch;
      computed_end_ = 0;
    }
    const Rows computed = rows_before(rows, computed_end_);
    compute(frame, rows_behind(rows, computed.count), computed.count == 0);
    return buffer_.view(buffer_.validity, may_hold_nan_);
  }

 private:
  void compute(const Frame& frame, Rows rows, bool forgets) {
    if (rows.count == 0) {
      return;
    }
    for (std::size_t i = 0; i < args_.size(); ++i) {
      views_[i] = args_[i]->evaluate(frame, rows);
    }
    const std::uint32_t count = function_->evaluate(views_, rows, forgets, buffer_);
    computed_end_ = count == 0 ? computed_end_ : row_at(rows, count - 1) + 1;
    if (count != rows.count) {
      throw RowsCut(computed_end_);
    }
  }

  std::unique_ptr<ForeignFunction> function_;
  std::vector<ExprNode*> args_;
  std::vector<ColumnView> views_;
  bool may_hold_nan_;
  ValueBuffer buffer_;
  std::uint64_t batch_ = 0;
  std::uint32_t computed_end_ = 0;
};

}  // namespace

void set_foreign_function_maker(ForeignFunctionMaker maker) noexcept { function_maker = maker; }

std::unique_ptr<ExprNode> make_foreign(const plan::Expr& expr, std::vector<ExprNode*> args,
                                       base::Arena& arena) {
  if (function_maker == nullptr) {
    base::throw_internal("nobody evaluates foreign expressions here");
  }
  std::vector<plan::DataType> types;
  for (std::size_t i = 1; i < expr.args.size(); ++i) {
    types.push_back(expr.args[i].type);
  }
  return std::make_unique<ForeignNode>(
      function_maker(expr.args[0].constant.bytes, types, expr.type), std::move(args), expr.type,
      arena);
}

}  // namespace sluice::engine
