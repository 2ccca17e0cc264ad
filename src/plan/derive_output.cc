// The output types that follow from a node's spec and its inputs; says no to a spec that has none.
#include <string>

#include "base/error.h"
#include "plan/limits.h"
#include "plan/plan_spec.h"

namespace sluice::plan {

namespace {

using Types = std::vector<DataType>;
using Columns = std::vector<std::uint32_t>;

void require(bool rule, const char* name) {
  if (!rule) [[unlikely]] {
    base::throw_corrupt(std::string("plan node: ") + name);
  }
}

const DataType& type_of(std::uint32_t column, const Types& types) {
  require(column < types.size(), "column out of range");
  return types[column];
}

Types types_of(const Columns& columns, const Types& types) {
  require(columns.size() <= kColumnsMax, "too many columns");
  Types result;
  result.reserve(columns.size());
  for (const std::uint32_t column : columns) {
    result.push_back(type_of(column, types));
  }
  return result;
}

Types types_of_scan(const std::vector<ScanColumn>& columns) {
  require(columns.size() <= kColumnsMax, "too many columns");
  Types types;
  types.reserve(columns.size());
  for (const ScanColumn& column : columns) {
    require(column.attribute >= 1, "attribute number");
    require(column.type.is_valid(), "unknown type");
    types.push_back(column.type);
  }
  return types;
}

Types derive(const ScanSpec& scan, const PlanNode& /*node*/) {
  return types_of(scan.outputs, types_of_scan(scan.columns));
}

Types derive(const PlanInputSpec& input, const PlanNode& /*node*/) {
  require(input.number < kPlanNodesMax, "number of a plan input");
  return types_of_scan(input.columns);
}

Types derive(const FilterSpec& /*filter*/, const PlanNode& node) { return node.inputs[0].output; }

Types derive(const ProjectSpec& project, const PlanNode& /*node*/) {
  require(project.exprs.size() <= kColumnsMax, "too many columns");
  Types types;
  types.reserve(project.exprs.size());
  for (const Expr& expr : project.exprs) {
    types.push_back(expr.type);
  }
  return types;
}

Types derive(const HashJoinSpec& join, const PlanNode& node) {
  Types types = node.inputs[0].output;
  const Types& build = node.inputs[1].output;
  require(join.type <= JoinType::kRightAnti, "unknown join type");
  require(!join.probe_keys.empty() && join.probe_keys.size() == join.build_keys.size() &&
              join.probe_keys.size() <= kColumnsMax,
          "join keys do not pair up");
  for (std::size_t k = 0; k < join.probe_keys.size(); ++k) {
    require(
        same_representation(type_of(join.probe_keys[k], types), type_of(join.build_keys[k], build)),
        "join keys of different types");
    require(type_of(join.probe_keys[k], types).has_equality(), "join key without an equality");
  }
  const std::size_t probe_columns = types.size();
  types.insert(types.end(), build.begin(), build.end());
  for (const std::uint32_t output : join.outputs) {
    require(output < probe_columns ? !only_tests_build(join.type) : !only_tests_probe(join.type),
            "output of the side that a join only tests against");
  }
  return types_of(join.outputs, types);
}

/// A sum of decimals has as many digits as the planner knows to suffice, and 128 bits.
bool is_decimal_sum(const DataType& sum, std::uint8_t scale) {
  return sum.kind == TypeKind::kDecimal && !sum.is_decimal64() && sum.scale == scale;
}

bool is_foreign_result(const AggregateCall& call, const Types& input) {
  const ForeignAggregateSpec& foreign = call.foreign;
  require(foreign.arguments.size() <= kColumnsMax, "too many columns");
  for (const std::uint32_t argument : foreign.arguments) {
    (void)type_of(argument, input);
  }
  require(!foreign.filter.has_value() || type_of(*foreign.filter, input).kind == TypeKind::kBool,
          "filter of an aggregate that is no bool");
  return call.result.is_valid() && call.column == 0 && foreign.order <= RowOrder::kScan &&
         foreign.definition.find('\0') != std::string::npos;
}

/// Of rows; a state has the type of its result.
bool is_result(const AggregateCall& call, const Types& input) {
  if (is_foreign(call)) {
    return is_foreign_result(call, input);
  }
  if (call.function == AggregateFunction::kCountStar) {
    return call.result == DataType::of(TypeKind::kInt64);
  }
  const DataType& arg = type_of(call.column, input);
  switch (call.function) {
    case AggregateFunction::kCount:
      return call.result == DataType::of(TypeKind::kInt64);
    case AggregateFunction::kMin:
    case AggregateFunction::kMax:
      return call.result == arg && arg.kind != TypeKind::kBool && arg.has_order();
    case AggregateFunction::kTotalCount:
    case AggregateFunction::kTotalSum:
      return call.result == arg && arg.kind == TypeKind::kInt64;
    case AggregateFunction::kSum:
      break;
    default:
      return false;
  }
  switch (arg.kind) {
    case TypeKind::kInt16:
    case TypeKind::kInt32:
      return call.result == DataType::of(TypeKind::kInt64);
    case TypeKind::kInt64:
      return is_decimal_sum(call.result, 0);
    case TypeKind::kDecimal:
      return is_decimal_sum(call.result, arg.scale);
    case TypeKind::kFloat64:
      return call.result == arg;
    default:
      return false;
  }
}

/// Whether some argument has this result, so that it can be a state, too.
bool is_state(const AggregateCall& call, const Types& input) {
  if (type_of(call.column, input) != call.result) {
    return false;
  }
  switch (call.function) {
    case AggregateFunction::kCountStar:
    case AggregateFunction::kCount:
    case AggregateFunction::kTotalCount:
    case AggregateFunction::kTotalSum:
      return call.result.kind == TypeKind::kInt64;
    case AggregateFunction::kMin:
    case AggregateFunction::kMax:
      return call.result.kind != TypeKind::kBool && call.result.has_order();
    case AggregateFunction::kSum:
      return call.result.kind == TypeKind::kInt64 || call.result.kind == TypeKind::kFloat64 ||
             is_decimal_sum(call.result, call.result.scale);
    case AggregateFunction::kForeign:
      return false;
  }
  return false;
}

Types derive(const AggregateSpec& aggregate, const PlanNode& node) {
  const Types& input = node.inputs[0].output;
  require(aggregate.phase <= AggregatePhase::kFinal, "unknown phase of an aggregate");
  Types types = types_of(aggregate.group_keys, input);
  require(types.size() + aggregate.calls.size() <= kColumnsMax, "too many columns");
  for (const DataType& type : types) {
    require(type.has_equality(), "group key without an equality");
  }
  for (const AggregateCall& call : aggregate.calls) {
    require(call.function <= AggregateFunction::kForeign, "unknown aggregate");
    require(is_foreign(call) || call.foreign == ForeignAggregateSpec{},
            "definition of an aggregate that needs none");
    require(!is_foreign(call) || aggregate.phase == AggregatePhase::kSingle,
            "foreign aggregate in phases");
    require(
        aggregate.phase == AggregatePhase::kFinal ? is_state(call, input) : is_result(call, input),
        "result type of an aggregate");
    types.push_back(call.result);
  }
  return types;
}

Types derive(const TopKSpec& top_k, const PlanNode& node) {
  require(!top_k.keys.empty() && top_k.keys.size() <= kColumnsMax, "number of sort keys");
  for (const SortKey& key : top_k.keys) {
    require(type_of(key.column, node.inputs[0].output).has_order(), "sort key without an order");
  }
  return node.inputs[0].output;
}

Types derive(const LimitSpec& /*limit*/, const PlanNode& node) { return node.inputs[0].output; }

Types derive(const ExchangeSpec& exchange, const PlanNode& node) {
  require(exchange.kind <= ExchangeKind::kBroadcast, "unknown kind of exchange");
  require((exchange.kind == ExchangeKind::kRedistribute) == !exchange.keys.empty(),
          "keys of an exchange");
  for (const DataType& type : types_of(exchange.keys, node.inputs[0].output)) {
    require(type.has_equality(), "exchange key without an equality");
  }
  return node.inputs[0].output;
}

std::size_t input_count(const NodeSpec& spec) noexcept {
  if (std::holds_alternative<ScanSpec>(spec) || std::holds_alternative<PlanInputSpec>(spec)) {
    return 0;
  }
  return std::holds_alternative<HashJoinSpec>(spec) ? 2 : 1;
}

}  // namespace

std::vector<DataType> derive_output(const PlanNode& node) {
  require(node.inputs.size() == input_count(node.spec), "number of inputs");
  return std::visit([&node](const auto& spec) { return derive(spec, node); }, node.spec);
}

}  // namespace sluice::plan
