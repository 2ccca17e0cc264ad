// The one-row-in, at-most-one-row-out operators: filter, project, limit.
#pragma once

#include <memory>
#include <vector>

#include "base/memory_budget.h"
#include "engine/expr_program.h"
#include "engine/node_counters.h"
#include "engine/operator.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

class FilterOperator final : public Operator {
 public:
  FilterOperator(const plan::FilterSpec& spec, const std::vector<plan::DataType>& input,
                 base::MemoryBudget& budget, NodeCounters& counters);
  [[nodiscard]] OperatorState process(const vector::Batch& in, vector::Batch& out) override;

 private:
  Predicate predicate_;
  std::vector<vector::RowIndex> passed_;
  NodeCounters& counters_;
};

/// Hands an input out in parts where the strings it computes take too much memory together.
class ProjectOperator final : public Operator {
 public:
  ProjectOperator(const plan::ProjectSpec& spec, const std::vector<plan::DataType>& input,
                  base::MemoryBudget& budget, NodeCounters& counters);
  [[nodiscard]] OperatorState process(const vector::Batch& in, vector::Batch& out) override;

 private:
  ExprPrograms programs_;
  std::uint32_t done_ = 0;  // of the counted rows of the current input
  NodeCounters& counters_;
};

/// Passes the first `limit` rows and is then kDone.
class LimitOperator final : public Operator {
 public:
  LimitOperator(const plan::LimitSpec& spec, NodeCounters& counters) noexcept;
  [[nodiscard]] OperatorState process(const vector::Batch& in, vector::Batch& out) override;

 private:
  std::uint64_t left_;
  NodeCounters& counters_;
};

}  // namespace sluice::engine
