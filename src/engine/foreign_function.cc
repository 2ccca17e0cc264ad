#include "engine/foreign_function.h"

#include "base/error.h"
#include "engine/physical.h"

namespace sluice::engine {

using vector::ColumnView;

namespace {

ForeignFunctionMaker function_maker = nullptr;

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
    for (std::size_t i = 0; i < args_.size(); ++i) {
      views_[i] = args_[i]->evaluate(frame, rows);
    }
    function_->evaluate(views_, rows, buffer_);
    return buffer_.view(buffer_.validity, may_hold_nan_);
  }

 private:
  std::unique_ptr<ForeignFunction> function_;
  std::vector<ExprNode*> args_;
  std::vector<ColumnView> views_;
  bool may_hold_nan_;
  ValueBuffer buffer_;
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
