#include "engine/expr_program.h"

#include "base/check.h"
#include "engine/expr_compiler.h"
#include "engine/expr_slices.h"

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
  std::uint64_t batch = 0;
};

ExprPrograms::ExprPrograms(const std::vector<plan::Expr>& exprs,
                           const std::vector<plan::DataType>& input, base::MemoryBudget& budget)
    : impl_(std::make_unique<Impl>(exprs, input, budget)) {}
ExprPrograms::ExprPrograms(ExprPrograms&&) noexcept = default;
ExprPrograms& ExprPrograms::operator=(ExprPrograms&&) noexcept = default;
ExprPrograms::~ExprPrograms() = default;

std::span<const ColumnView> ExprPrograms::evaluate(const Batch& batch) {
  std::uint32_t count = 0;
  const auto results = evaluate_from(batch, 0, count);
  SLUICE_CHECK(count == batch.count(), "a batch's results are too large for one evaluation");
  return results;
}

std::span<const ColumnView> ExprPrograms::evaluate_from(const Batch& batch, std::uint32_t first,
                                                        std::uint32_t& count) {
  impl_->batch += first == 0 ? 1 : 0;
  const Rows asked = rows_behind({batch.selection(), batch.count()}, first);
  const Rows done = evaluate_first(asked, [&](Rows rows) {
    const Frame frame{batch.columns(), batch.rows(), ++impl_->number, impl_->batch};
    for (std::size_t i = 0; i < impl_->roots.size(); ++i) {
      impl_->results[i] = impl_->roots[i]->evaluate(frame, rows);
    }
  });
  count = done.count;
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

  [[nodiscard]] std::uint32_t select(const Frame& frame, Rows rows, RowIndex* passed) const;

  ExprCompiler compiler;
  std::vector<ExprNode*> roots;
  std::uint64_t batch = 0;
};

Predicate::Predicate(const std::vector<plan::Expr>& conjuncts,
                     const std::vector<plan::DataType>& input, base::MemoryBudget& budget)
    : impl_(std::make_unique<Impl>(conjuncts, input, budget)) {}
Predicate::Predicate(Predicate&&) noexcept = default;
Predicate& Predicate::operator=(Predicate&&) noexcept = default;
Predicate::~Predicate() = default;

bool Predicate::empty() const noexcept { return impl_->roots.empty(); }

std::uint32_t Predicate::filter(const Batch& batch, RowIndex* passed) {
  const Frame frame{batch.columns(), batch.rows(), 0, ++impl_->batch};
  Rows left{batch.selection(), batch.count()};
  std::uint32_t passed_count = 0;
  do {
    std::uint32_t count = 0;
    const Rows done = evaluate_first(
        left, [&](Rows rows) { count = impl_->select(frame, rows, passed + passed_count); });
    passed_count += count;
    left = rows_behind(left, done.count);
  } while (left.count != 0);
  return passed_count;
}

std::uint32_t Predicate::Impl::select(const Frame& frame, Rows rows, RowIndex* passed) const {
  for (ExprNode* conjunct : roots) {
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
