#include "engine/aggregate_calls.h"

#include <type_traits>

#include "base/error.h"
#include "engine/aggregate_fold.h"
#include "engine/physical.h"
#include "engine/string_extreme.h"

namespace sluice::engine {

using plan::AggregateFunction;
using plan::TypeKind;
using vector::ColumnView;
using vector::PhysicalType;

namespace {

/// count(*) and count(column) of rows.
class CountState final : public AggregateState {
 public:
  CountState(bool grouped, base::MemoryBudget& budget)
      : AggregateState(EmptyResult::kZero, grouped, budget), counts_(budget) {}
  void grow(std::uint32_t groups) override {
    counts_.grow(groups, 0);
    grow_presence(groups);
  }

 protected:
  void fold_run(const ColumnView& /*column*/, const GroupRun& run) override {
    counts_[run.group] += run.count;
  }
  void fold_rows(const ColumnView& /*column*/, const RowsByGroup& rows) override {
    std::int64_t* counts = counts_.data();
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      ++counts[rows.groups[i]];
    }
  }
  ColumnView values(std::uint32_t first) noexcept override {
    return {PhysicalType::kInt64, false, counts_.data() + first, nullptr};
  }
  void clear_states() noexcept override { counts_.clear(); }

 private:
  BudgetedArray<std::int64_t> counts_;
};

template <typename T>
constexpr PhysicalType physical_of() noexcept {
  if constexpr (std::is_same_v<T, double>) {
    return PhysicalType::kFloat64;
  } else {
    switch (sizeof(T)) {
      case 1:
        return PhysicalType::kInt8;
      case 2:
        return PhysicalType::kInt16;
      case 4:
        return PhysicalType::kInt32;
      case 8:
        return PhysicalType::kInt64;
      default:
        return PhysicalType::kInt128;
    }
  }
}

/// States of fixed width, changed by a Fold.
template <typename Fold>
class FoldState final : public AggregateState {
 public:
  using In = typename Fold::In;
  using State = typename Fold::State;

  FoldState(EmptyResult empty, bool grouped, base::MemoryBudget& budget)
      : AggregateState(empty, grouped, budget), states_(budget) {}

  void grow(std::uint32_t groups) override {
    states_.grow(groups, Fold::kInitial);
    grow_presence(groups);
  }

  void finish() override {
    if constexpr (std::is_same_v<Fold, SumToInt128<std::int64_t>> ||
                  std::is_same_v<Fold, SumToInt128<base::Int128>>) {
      constexpr State kDigitsMax = [] {
        State power = 1;
        for (int digit = 0; digit < plan::DataType::kDecimalDigitsMax; ++digit) {
          power *= 10;
        }
        return power;
      }();
      for (std::size_t group = 0; group < states_.size(); ++group) {
        const State state = states_[group];
        const bool nan = fold_.holds_nan && state == vector::kDecimalNan128;
        fold_.failed |= !nan && (state >= kDigitsMax || state <= -kDigitsMax);
      }
      fold_.check();
    } else if constexpr (std::is_same_v<In, double> && !std::is_same_v<Fold, SumFloat>) {
      for (std::size_t group = 0; fold_.met_both_zeros && group < states_.size(); ++group) {
        if (states_[group] == 0) {
          base::throw_abandon(
              "an extreme is a zero of either sign");  // the rows' order tells which
        }
      }
    }
  }

 protected:
  void fold_run(const ColumnView& column, const GroupRun& run) override {
    fold_.holds_nan |= column.may_hold_nan;
    State& state = states_[run.group];
    if (run.rows == nullptr) {
      state = fold_.holds_nan ? folded<true>(state, column, RowAt<true>{nullptr}, run.count)
                              : folded<false>(state, column, RowAt<true>{nullptr}, run.count);
    } else {
      state = fold_.holds_nan ? folded<true>(state, column, RowAt<false>{run.rows}, run.count)
                              : folded<false>(state, column, RowAt<false>{run.rows}, run.count);
    }
    fold_.check();
  }

  void fold_rows(const ColumnView& column, const RowsByGroup& rows) override {
    fold_.holds_nan |= column.may_hold_nan;
    if (fold_.holds_nan) {
      scatter<true>(column, rows);
    } else {
      scatter<false>(column, rows);
    }
    fold_.check();
  }

  ColumnView values(std::uint32_t first) noexcept override {
    return {physical_of<State>(), fold_.holds_nan, states_.data() + first, nullptr};
  }
  void clear_states() noexcept override { states_.clear(); }

 private:
  template <bool kNan, bool kDense>
  State folded(State state, const ColumnView& column, RowAt<kDense> row, std::uint32_t count) {
    const In* values = column.as<In>();
    if constexpr (!kNan && std::is_same_v<Fold, SumToInt128<std::int64_t>>) {
      return fold_.sum_run(state, values, row, count);
    } else {
      Fold fold = fold_;  // a local copy stays in registers
      for (std::uint32_t i = 0; i < count; ++i) {
        state = fold.template step<kNan>(state, values[row[i]]);
      }
      fold_ = fold;
      return state;
    }
  }

  template <bool kNan>
  void scatter(const ColumnView& column, const RowsByGroup& rows) {
    const In* values = column.as<In>();
    State* states = states_.data();
    Fold fold = fold_;
    for (std::uint32_t i = 0; i < rows.count; ++i) {
      State& state = states[rows.groups[i]];
      state = fold.template step<kNan>(state, values[rows.rows[i]]);
    }
    fold_ = fold;
  }

  BudgetedArray<State> states_;
  Fold fold_;
};

/// What the states need besides their fold.
struct Setting {
  EmptyResult empty;
  bool grouped;
  base::MemoryBudget& budget;
};

template <typename Fold>
std::unique_ptr<AggregateState> make_fold(const Setting& setting) {
  return std::make_unique<FoldState<Fold>>(setting.empty, setting.grouped, setting.budget);
}

std::unique_ptr<AggregateState> make_sum(PhysicalType input, PhysicalType result,
                                         const Setting& setting) {
  if (result == PhysicalType::kFloat64 && input == PhysicalType::kFloat64) {
    return make_fold<SumFloat>(setting);
  }
  if (result == PhysicalType::kInt64) {
    switch (input) {
      case PhysicalType::kInt16:
        return make_fold<SumToInt64<std::int16_t>>(setting);
      case PhysicalType::kInt32:
        return make_fold<SumToInt64<std::int32_t>>(setting);
      case PhysicalType::kInt64:
        return make_fold<SumToInt64<std::int64_t>>(setting);
      default:
        break;
    }
  }
  if (result == PhysicalType::kInt128) {
    switch (input) {
      case PhysicalType::kInt64:
        return make_fold<SumToInt128<std::int64_t>>(setting);
      case PhysicalType::kInt128:
        return make_fold<SumToInt128<base::Int128>>(setting);
      default:
        break;
    }
  }
  base::throw_internal("no sum for these types");
}

template <bool kMax>
std::unique_ptr<AggregateState> make_extreme(const plan::DataType& input, const Setting& setting) {
  switch (physical_type_of(input)) {
    case PhysicalType::kInt8:
      return make_fold<Extreme<std::int8_t, kMax>>(setting);
    case PhysicalType::kInt16:
      return make_fold<Extreme<std::int16_t, kMax>>(setting);
    case PhysicalType::kInt32:
      return make_fold<Extreme<std::int32_t, kMax>>(setting);
    case PhysicalType::kInt64:
      return make_fold<Extreme<std::int64_t, kMax>>(setting);
    case PhysicalType::kInt128:
      return make_fold<Extreme<base::Int128, kMax>>(setting);
    case PhysicalType::kFloat64:
      return make_fold<FloatExtreme<kMax>>(setting);
    case PhysicalType::kVarlen:
      break;
  }
  return std::make_unique<StringExtreme>(kMax, input.kind == TypeKind::kBpchar, setting.grouped,
                                         setting.budget);
}

}  // namespace

std::unique_ptr<AggregateState> make_aggregate_state(const plan::AggregateCall& call,
                                                     plan::AggregatePhase phase,
                                                     const plan::DataType& input, bool grouped,
                                                     base::MemoryBudget& budget) {
  const Setting setting{EmptyResult::kNull, grouped, budget};
  switch (call.function) {
    case AggregateFunction::kCountStar:
    case AggregateFunction::kCount:
      if (phase == plan::AggregatePhase::kFinal) {
        return make_sum(physical_type_of(input), PhysicalType::kInt64,
                        {EmptyResult::kZero, grouped, budget});
      }
      return std::make_unique<CountState>(grouped, budget);
    case AggregateFunction::kSum:
      return make_sum(physical_type_of(input), physical_type_of(call.result), setting);
    case AggregateFunction::kTotalCount:
      return make_sum(physical_type_of(input), physical_type_of(call.result),
                      {EmptyResult::kZero, grouped, budget});
    case AggregateFunction::kTotalSum:
      return make_sum(physical_type_of(input), physical_type_of(call.result), setting);
    case AggregateFunction::kMin:
      return make_extreme<false>(input, setting);
    case AggregateFunction::kMax:
      return make_extreme<true>(input, setting);
    case AggregateFunction::kForeign:
      break;  // has ForeignStates
  }
  base::throw_internal("unknown aggregate function");
}

}  // namespace sluice::engine
