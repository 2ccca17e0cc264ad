#include "engine/expr_leaf.h"

#include <cstring>

namespace sluice::engine {

using vector::ColumnView;
using vector::kBatchRowsMax;

namespace {

class ColumnNode final : public ExprNode {
 public:
  explicit ColumnNode(std::uint32_t column) noexcept : column_(column) {}
  ColumnView evaluate(const Frame& frame, Rows) override { return frame.columns[column_]; }

 private:
  std::uint32_t column_;
};

class ConstantColumnNode final : public ExprNode {
 public:
  ConstantColumnNode(const ColumnView& constant, base::Arena& arena)
      : buffer_(constant.type, arena), may_hold_nan_(constant.may_hold_nan) {
    const std::size_t width = width_bytes(constant.type);
    for (std::size_t row = 0; row < kBatchRowsMax; ++row) {
      std::memcpy(buffer_.values + row * width, constant.values, width);
    }
  }
  ColumnView evaluate(const Frame&, Rows) override { return buffer_.view(nullptr, may_hold_nan_); }

 private:
  ValueBuffer buffer_;
  bool may_hold_nan_;
};

class NullColumnNode final : public ExprNode {
 public:
  NullColumnNode(vector::PhysicalType type, base::Arena& arena) : buffer_(type, arena) {}
  // The buffer's validity begins as zeros: all NULL.
  ColumnView evaluate(const Frame&, Rows) override { return buffer_.view(buffer_.validity); }

 private:
  ValueBuffer buffer_;
};

class SharedNode final : public ExprNode {
 public:
  explicit SharedNode(ExprNode& node) noexcept : node_(node) {}
  ColumnView evaluate(const Frame& frame, Rows rows) override {
    if (number_ != frame.number) {
      result_ = node_.evaluate(frame, rows);
      number_ = frame.number;
    }
    return result_;
  }

 private:
  ExprNode& node_;
  std::uint64_t number_ = 0;
  ColumnView result_;
};

}  // namespace

std::unique_ptr<ExprNode> make_column(std::uint32_t column) {
  return std::make_unique<ColumnNode>(column);
}

std::unique_ptr<ExprNode> make_constant_column(const ColumnView& constant, base::Arena& arena) {
  return std::make_unique<ConstantColumnNode>(constant, arena);
}

std::unique_ptr<ExprNode> make_null_column(vector::PhysicalType type, base::Arena& arena) {
  return std::make_unique<NullColumnNode>(type, arena);
}

std::unique_ptr<ExprNode> make_shared(ExprNode& node) { return std::make_unique<SharedNode>(node); }

}  // namespace sluice::engine
