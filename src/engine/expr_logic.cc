#include "engine/expr_logic.h"

#include <algorithm>
#include <span>

namespace sluice::engine {

using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::PhysicalType;
using vector::RowIndex;

namespace {

void set_valid(std::uint64_t* validity, std::uint32_t row) noexcept {
  validity[row / 64] |= std::uint64_t{1} << (row % 64);
}

void set_null(std::uint64_t* validity, std::uint32_t row) noexcept {
  validity[row / 64] &= ~(std::uint64_t{1} << (row % 64));
}

/// AND and OR in three values: `kDecider` (false for AND, true for OR) in any argument decides a
///                             row.
template <bool kDecider>
class JunctionNode : public ExprNode {
 public:
  JunctionNode(std::vector<ExprNode*> args, base::Arena& arena)
      : args_(std::move(args)),
        buffer_(PhysicalType::kInt8, arena),
        undecided_(arena.allocate_array<RowIndex>(kBatchRowsMax)) {}

  ColumnView evaluate(const Frame& frame, Rows rows) final {
    auto* values = buffer_.as<std::uint8_t>();
    std::fill_n(buffer_.validity, kBatchRowsMax / 64, ~std::uint64_t{0});
    for_each_row(rows, [=](std::uint32_t row) { values[row] = kDecider ? 0 : 1; });
    bool has_nulls = false;
    for (ExprNode* arg : args_) {
      if (rows.count == 0) {
        break;
      }
      rows = decide(arg->evaluate(frame, rows), rows, has_nulls);
    }
    return buffer_.view(has_nulls ? buffer_.validity : nullptr);
  }

 protected:
  [[nodiscard]] const std::vector<ExprNode*>& args() const noexcept { return args_; }
  [[nodiscard]] RowIndex* undecided() noexcept { return undecided_.data(); }

 private:
  // Notes what the argument says; returns the rows that the next one must see.
  Rows decide(const ColumnView& arg, Rows rows, bool& has_nulls) {
    auto* values = buffer_.as<std::uint8_t>();
    const auto* says = arg.as<std::uint8_t>();
    const std::uint32_t count = select_rows(rows, undecided_.data(), [&](std::uint32_t row) {
      if (arg.is_null(row)) {
        set_null(buffer_.validity, row);
        has_nulls = true;
        return true;
      }
      if ((says[row] != 0) != kDecider) {
        return true;
      }
      values[row] = kDecider ? 1 : 0;
      set_valid(buffer_.validity, row);
      return false;
    });
    return {undecided_.data(), count};
  }

  std::vector<ExprNode*> args_;
  ValueBuffer buffer_;
  std::span<RowIndex> undecided_;
};

class AndNode final : public JunctionNode<false> {
 public:
  AndNode(std::vector<ExprNode*> args, bool null_decides, base::Arena& arena)
      : JunctionNode(std::move(args), arena), null_decides_(null_decides) {}

  std::uint32_t select(const Frame& frame, Rows rows, RowIndex* passed) override {
    if (!null_decides_) {
      return ExprNode::select(frame, rows, passed);
    }
    for (ExprNode* arg : args()) {
      if (rows.count == 0) {
        break;
      }
      rows = {passed, arg->select(frame, rows, passed)};
    }
    return rows.count;
  }

 private:
  bool null_decides_;
};

class OrNode final : public JunctionNode<true> {
 public:
  OrNode(std::vector<ExprNode*> args, base::Arena& arena)
      : JunctionNode(std::move(args), arena),
        taken_(arena.allocate_array<RowIndex>(kBatchRowsMax)),
        is_taken_(arena.allocate_array<std::uint8_t>(kBatchRowsMax)) {}

  std::uint32_t select(const Frame& frame, Rows rows, RowIndex* passed) override {
    std::uint8_t* is_taken = is_taken_.data();
    for_each_row(rows, [=](std::uint32_t row) { is_taken[row] = 0; });
    Rows rest = rows;
    for (ExprNode* arg : args()) {
      if (rest.count == 0) {
        break;
      }
      const Rows taken{taken_.data(), arg->select(frame, rest, taken_.data())};
      for_each_row(taken, [=](std::uint32_t row) { is_taken[row] = 1; });
      rest = rows_without(rest, taken, undecided());
    }
    return select_rows(rows, passed, [=](std::uint32_t row) { return is_taken[row] != 0; });
  }

 private:
  std::span<RowIndex> taken_;
  std::span<std::uint8_t> is_taken_;
};

class NotNode final : public ExprNode {
 public:
  NotNode(ExprNode& arg, base::Arena& arena) : arg_(arg), buffer_(PhysicalType::kInt8, arena) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    const ColumnView arg = arg_.evaluate(frame, rows);
    const auto* says = arg.as<std::uint8_t>();
    auto* values = buffer_.as<std::uint8_t>();
    for_each_row(rows, [=](std::uint32_t row) { values[row] = says[row] == 0 ? 1 : 0; });
    return buffer_.view(arg.validity);
  }

 private:
  ExprNode& arg_;
  ValueBuffer buffer_;
};

class IsNullNode final : public ExprNode {
 public:
  IsNullNode(ExprNode& arg, bool negated, base::Arena& arena)
      : arg_(arg), negated_(negated), buffer_(PhysicalType::kInt8, arena) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    const ColumnView arg = arg_.evaluate(frame, rows);
    auto* values = buffer_.as<std::uint8_t>();
    const bool negated = negated_;
    for_each_row(rows, [=](std::uint32_t row) { values[row] = arg.is_null(row) != negated; });
    return buffer_.view(nullptr);
  }

  std::uint32_t select(const Frame& frame, Rows rows, RowIndex* passed) override {
    const ColumnView arg = arg_.evaluate(frame, rows);
    const bool negated = negated_;
    return select_rows(rows, passed,
                       [=](std::uint32_t row) { return arg.is_null(row) != negated; });
  }

 private:
  ExprNode& arg_;
  bool negated_;
  ValueBuffer buffer_;
};

template <typename T>
void copy_branch(Rows rows, const ColumnView& from, bool is_constant, std::byte* target) {
  const T* values = from.as<T>();
  T* to = reinterpret_cast<T*>(target);
  if (is_constant) {
    const T constant = *values;
    for_each_row(rows, [=](std::uint32_t row) { to[row] = constant; });
  } else {
    for_each_row(rows, [=](std::uint32_t row) { to[row] = values[row]; });
  }
}

class CaseNode final : public ExprNode {
 public:
  CaseNode(PhysicalType type, std::vector<CaseBranch> branches, const Operand& otherwise,
           base::Arena& arena)
      : branches_(std::move(branches)),
        otherwise_(otherwise),
        buffer_(type, arena),
        taken_(arena.allocate_array<RowIndex>(kBatchRowsMax)),
        rest_(arena.allocate_array<RowIndex>(kBatchRowsMax)) {}

  ColumnView evaluate(const Frame& frame, Rows rows) override {
    has_nulls_ = false;
    may_hold_nan_ = false;
    for (const CaseBranch& branch : branches_) {
      if (rows.count == 0) {
        break;
      }
      const Rows taken{taken_.data(), branch.when->select(frame, rows, taken_.data())};
      take(branch.then, frame, taken);
      rows = rows_without(rows, taken, rest_.data());
    }
    take(otherwise_, frame, rows);
    return buffer_.view(has_nulls_ ? buffer_.validity : nullptr, may_hold_nan_);
  }

 private:
  void take(const Operand& branch, const Frame& frame, Rows rows) {
    if (rows.count == 0) {
      return;
    }
    const ColumnView from = branch.evaluate(frame, rows);
    may_hold_nan_ = may_hold_nan_ || from.may_hold_nan;
    copy(rows, from, branch.is_constant());
    if (from.validity == nullptr) {
      return;
    }
    if (!has_nulls_) {
      std::fill_n(buffer_.validity, kBatchRowsMax / 64, ~std::uint64_t{0});
      has_nulls_ = true;
    }
    for_each_row(rows, [&](std::uint32_t row) {
      if (from.is_null(row)) {
        set_null(buffer_.validity, row);
      }
    });
  }

  void copy(Rows rows, const ColumnView& from, bool is_constant) {
    switch (width_bytes(buffer_.type)) {
      case 1:
        return copy_branch<std::uint8_t>(rows, from, is_constant, buffer_.values);
      case 2:
        return copy_branch<std::uint16_t>(rows, from, is_constant, buffer_.values);
      case 4:
        return copy_branch<std::uint32_t>(rows, from, is_constant, buffer_.values);
      case 8:
        return copy_branch<std::uint64_t>(rows, from, is_constant, buffer_.values);
      default:
        return copy_branch<base::Int128>(rows, from, is_constant, buffer_.values);
    }
  }

  std::vector<CaseBranch> branches_;
  Operand otherwise_;
  ValueBuffer buffer_;
  std::span<RowIndex> taken_;
  std::span<RowIndex> rest_;
  bool has_nulls_ = false;
  bool may_hold_nan_ = false;
};

}  // namespace

std::unique_ptr<ExprNode> make_and(std::vector<ExprNode*> args, bool null_decides,
                                   base::Arena& arena) {
  return std::make_unique<AndNode>(std::move(args), null_decides, arena);
}

std::unique_ptr<ExprNode> make_or(std::vector<ExprNode*> args, base::Arena& arena) {
  return std::make_unique<OrNode>(std::move(args), arena);
}

std::unique_ptr<ExprNode> make_not(ExprNode& arg, base::Arena& arena) {
  return std::make_unique<NotNode>(arg, arena);
}

std::unique_ptr<ExprNode> make_is_null(ExprNode& arg, bool negated, base::Arena& arena) {
  return std::make_unique<IsNullNode>(arg, negated, arena);
}

std::unique_ptr<ExprNode> make_case(PhysicalType type, std::vector<CaseBranch> branches,
                                    Operand otherwise, base::Arena& arena) {
  return std::make_unique<CaseNode>(type, std::move(branches), otherwise, arena);
}

}  // namespace sluice::engine
