#include "engine/expr_program.h"

#include "engine/expr_compiler.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::RowIndex;

struct ExprPrograms::Impl {
  Impl(const std::vector<plan::Expr>& exprs, const std::vector<plan::DataType>& input,
       base::MemoryBudget& budget)
      : compiler(input, budget), results(exprs.size()) {
    for (const plan::Expr& expr : exprs) {
      roots.push_back(&compiler.compile_root(expr));
    }
  }

  ExprCompiler compiler;
  std::vector<ExprNode*> roots;
  std::vector<ColumnView> results;
  std::uint64_t number = 0;
};

ExprPrograms::ExprPrograms(const std::vector<plan::Expr>& exprs,
                           const std::vector<plan::DataType>& input, base::MemoryBudget& budget)
    : impl_(std::make_unique<Impl>(exprs, input, budget)) {}
ExprPrograms::ExprPrograms(ExprPrograms&&) noexcept = default;
ExprPrograms& ExprPrograms::operator=(ExprPrograms&&) noexcept = default;
ExprPrograms::~ExprPrograms() = default;

std::span<const ColumnView> ExprPrograms::evaluate(const Batch& batch) {
  const Frame frame{batch.columns(), batch.rows(), ++impl_->number};
  for (std::size_t i = 0; i < impl_->roots.size(); ++i) {
    impl_->results[i] = impl_->roots[i]->evaluate(frame, {batch.selection(), batch.count()});
  }
  return impl_->results;
}

ExprProgram::ExprProgram(const plan::Expr& expr, const std::vector<plan::DataType>& input,
                         base::MemoryBudget& budget)
    : programs_({expr}, input, budget) {}

ColumnView ExprProgram::evaluate(const Batch& batch) { return programs_.evaluate(batch)[0]; }

struct Predicate::Impl {
  Impl(const std::vector<plan::Expr>& conjuncts, const std::vector<plan::DataType>& input,
       base::MemoryBudget& budget)
      : compiler(input, budget) {
    for (const plan::Expr& conjunct : conjuncts) {
      roots.push_back(&compiler.compile_apart(conjunct));
    }
  }

  ExprCompiler compiler;
  std::vector<ExprNode*> roots;
};

Predicate::Predicate(const std::vector<plan::Expr>& conjuncts,
                     const std::vector<plan::DataType>& input, base::MemoryBudget& budget)
    : impl_(std::make_unique<Impl>(conjuncts, input, budget)) {}
Predicate::Predicate(Predicate&&) noexcept = default;
Predicate& Predicate::operator=(Predicate&&) noexcept = default;
Predicate::~Predicate() = default;

bool Predicate::empty() const noexcept { return impl_->roots.empty(); }

std::uint32_t Predicate::filter(const Batch& batch, RowIndex* passed) {
  const Frame frame{batch.columns(), batch.rows(), 0};
  Rows rows{batch.selection(), batch.count()};
  for (ExprNode* conjunct : impl_->roots) {
    if (rows.count == 0) {
      return 0;
    }
    rows = {passed, conjunct->select(frame, rows, passed)};
  }
  if (rows.selection != passed) {
    return select_rows(rows, passed, [](std::uint32_t) { return true; });
  }
  return rows.count;
}

}  // namespace sluice::engine
