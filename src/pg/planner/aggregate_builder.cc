#include "pg/planner/aggregate_builder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/distinct_estimate.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/operator_table.h"
#include "pg/planner/plan_columns.h"
#include "pg/port/types.h"
#include "plan/filter_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_aggregate.h>
#include <catalog/pg_type.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <utils/builtins.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::AggregateFunction;
using plan::DataType;
using plan::TypeKind;

std::optional<Recipe> find_recipe(Oid function) noexcept {
  switch (function) {
    case F_COUNT_:
      return Recipe::kCountStar;
    case F_COUNT_ANY:
      return Recipe::kCount;
    case F_SUM_INT2:
    case F_SUM_INT4:
    case F_SUM_INT8:
    case F_SUM_FLOAT8:
    case F_SUM_NUMERIC:
      return Recipe::kSum;
    case F_AVG_INT2:
    case F_AVG_INT4:
    case F_AVG_INT8:
    case F_AVG_FLOAT8:
    case F_AVG_NUMERIC:
      return Recipe::kAverage;
    case F_MIN_INT2:
    case F_MIN_INT4:
    case F_MIN_INT8:
    case F_MIN_FLOAT8:
    case F_MIN_NUMERIC:
    case F_MIN_DATE:
    case F_MIN_TIMESTAMP:
    case F_MIN_TEXT:
    case F_MIN_BPCHAR:
    case F_MIN_TIMESTAMPTZ:
    case F_MIN_TIME:
      return Recipe::kMin;
    case F_MAX_INT2:
    case F_MAX_INT4:
    case F_MAX_INT8:
    case F_MAX_FLOAT8:
    case F_MAX_NUMERIC:
    case F_MAX_DATE:
    case F_MAX_TIMESTAMP:
    case F_MAX_TEXT:
    case F_MAX_BPCHAR:
    case F_MAX_TIMESTAMPTZ:
    case F_MAX_TIME:
      return Recipe::kMax;
    default:
      return std::nullopt;
  }
}

/// No query adds up 2^63 rows.
constexpr int kRowCountDigits = 19;

DataType sum_type(const DataType& argument) {
  switch (argument.kind) {
    case TypeKind::kInt16:
    case TypeKind::kInt32:
      return DataType::of(TypeKind::kInt64);
    case TypeKind::kInt64:
      return DataType::decimal(DataType::kDecimalDigitsMax, 0);
    case TypeKind::kDecimal:
      return DataType::decimal(argument.precision + kRowCountDigits, argument.scale);
    default:
      return argument;
  }
}

/// What makes the results of groups of the results of their parts.
/// Errors: Declined for a sum of float8, which depends on the order of rows.
AggregateFunction total_of(const plan::AggregateCall& call) {
  switch (call.function) {
    case AggregateFunction::kCountStar:
    case AggregateFunction::kCount:
      return AggregateFunction::kTotalCount;
    case AggregateFunction::kSum:
      if (call.result.kind == TypeKind::kFloat64) {
        decline(Reason::kAggregate, "sum of float8 beside an aggregate with DISTINCT");
      }
      return call.result.kind == TypeKind::kInt64 ? AggregateFunction::kTotalSum : call.function;
    default:
      return call.function;
  }
}

void check_form(const Aggref& aggref) {
  auto* node = reinterpret_cast<Node*>(const_cast<Aggref*>(&aggref));
  const char* form = nullptr;
  if (aggref.aggdistinct != NIL && list_length(aggref.args) != 1) {
    form = " with DISTINCT and several arguments";
  } else if (aggref.aggorder != NIL || aggref.aggkind != AGGKIND_NORMAL) {
    form = " with an order";
  } else if (aggref.aggvariadic || aggref.agglevelsup != 0 || aggref.aggsplit != AGGSPLIT_SIMPLE) {
    form = " of an unusual form";
  }
  if (form != nullptr) {
    decline(Reason::kAggregate, describe_expr(node) + form);
  }
}

/// Of numerics without a scale only PostgreSQL makes sums and extremes.
void check_computable(Aggref* aggref, const DataType& type) {
  if (type.kind == TypeKind::kOpaque) {
    decline(Reason::kType, describe_expr(reinterpret_cast<Node*>(aggref)) +
                               " over a type that only PostgreSQL has");
  }
}

}  // namespace

bool is_known_equality(Oid operator_oid) {
  const auto entry = find_operator(call([operator_oid] { return get_opcode(operator_oid); }));
  return entry.has_value() && entry->shape == OperatorShape::kComparison &&
         entry->op == plan::Op::kEqual;
}

bool has_open_length(Node* expr) {
  return call([expr] {
    std::int32_t typmod = exprTypmod(expr);
    return getBaseTypeAndTypmod(exprType(expr), &typmod) == BPCHAROID && typmod < 0;
  });
}

std::optional<Oid> scanned_table(const plan::PlanNode& node) {
  if (const auto* scan = node.as<plan::ScanSpec>()) {
    return scan->relation;
  }
  const bool passes =
      node.as<plan::FilterSpec>() != nullptr || node.as<plan::ProjectSpec>() != nullptr;
  return passes ? scanned_table(node.inputs.front()) : std::nullopt;
}

Node* filtered_argument(Expr* expr, Expr* filter) {
  if (filter == nullptr) {
    return reinterpret_cast<Node*>(expr);
  }
  return call([expr, filter] {
    auto* when = makeNode(CaseWhen);
    when->expr = filter;
    when->result = expr != nullptr ? expr : reinterpret_cast<Expr*>(makeBoolConst(true, false));
    when->location = -1;
    auto* choice = makeNode(CaseExpr);
    auto* result = reinterpret_cast<Node*>(when->result);
    choice->casetype = exprType(result);
    choice->casecollid = exprCollation(result);
    choice->args = list_make1(when);
    choice->defresult = reinterpret_cast<Expr*>(
        makeNullConst(choice->casetype, exprTypmod(result), choice->casecollid));
    choice->location = -1;
    return reinterpret_cast<Node*>(choice);
  });
}

AggregateBuilder::Mark AggregateBuilder::mark() const {
  return {mark_of(lowering_), inputs_.size(), spec_.calls.size(), distinct_input_,
          distinct_terminal_};
}

void AggregateBuilder::go_back(const Mark& mark) {
  pg::go_back(lowering_, mark.lowering);
  inputs_.resize(mark.inputs);
  spec_.calls.resize(mark.calls);
  distinct_calls_.resize(mark.calls);
  distinct_input_ = mark.distinct_input;
  distinct_terminal_ = mark.distinct_terminal;
  distinct_ = false;
}

std::uint32_t AggregateBuilder::add_input(plan::Expr expr) {
  const auto known = std::find(inputs_.begin(), inputs_.end(), expr);
  if (known != inputs_.end()) {
    return static_cast<std::uint32_t>(known - inputs_.begin());
  }
  inputs_.push_back(std::move(expr));
  return static_cast<std::uint32_t>(inputs_.size() - 1);
}

std::uint32_t AggregateBuilder::add_call(AggregateFunction function, std::uint32_t input,
                                         DataType result) {
  for (std::size_t i = 0; i < spec_.calls.size(); ++i) {
    if (spec_.calls[i].function == function && spec_.calls[i].column == input &&
        distinct_calls_[i] == distinct_) {
      return static_cast<std::uint32_t>(i);
    }
  }
  spec_.calls.push_back({function, input, result});
  distinct_calls_.push_back(distinct_);
  return static_cast<std::uint32_t>(spec_.calls.size() - 1);
}

/// Counting what cannot be NULL is counting rows.
std::uint32_t AggregateBuilder::add_count(const Value& argument, std::uint32_t input) {
  const DataType result = DataType::of(TypeKind::kInt64);
  return argument.not_null ? add_call(AggregateFunction::kCountStar, 0, result)
                           : add_call(AggregateFunction::kCount, input, result);
}

void AggregateBuilder::add_key(Var* var) {
  const ScopeColumn* column = scope_.find(reinterpret_cast<Node*>(var));
  if (column == nullptr || column->kind != OutputKind::kColumn ||
      column->scale_column.has_value()) {
    decline(Reason::kAggregate, "group key that is not a plain column");
  }
  if (!column->type.has_equality()) {
    decline(Reason::kType, "group key of a type that only PostgreSQL compares");
  }
  // A run that is given up for zeros of two signs is done over in this plan's order.
  if (column->type.kind == TypeKind::kFloat64 && input_order_ == InputOrder::kOther) {
    decline(Reason::kOrder, "float8 group key in another order than that of PostgreSQL's plan");
  }
  ScopeColumn key = *column;
  spec_.group_keys.push_back(add_input(plan::Expr::make_column(column->column, column->type)));
  key.column = static_cast<std::uint32_t>(spec_.group_keys.size() - 1);
  pending_.push_back({reinterpret_cast<Node*>(var), key, true});
}

void AggregateBuilder::add_sum(Aggref* aggref, ScopeColumn& column, Recipe recipe, Value argument) {
  const DataType type = argument.expr.type;
  check_computable(aggref, type);
  if (type.kind == TypeKind::kFloat64) {
    if (input_order_ != InputOrder::kPlanned) {
      decline(Reason::kAggregate, "sum of float8 depends on the order of rows, which is no scan's");
    }
    lowering_.order_matters = true;
  }
  if (type.kind == TypeKind::kDecimal &&
      type.precision + kRowCountDigits > DataType::kDecimalDigitsMax &&
      lowering_.may_abandon.empty()) {
    lowering_.may_abandon = "sum of numerics of many digits";
  }
  const auto scale = argument.scale;
  const bool average = recipe == Recipe::kAverage;
  if (scale.has_value() && average) {
    decline(Reason::kAggregate, "avg of a numeric whose scale differs from row to row");
  }
  const std::uint32_t input = add_input(std::move(argument.expr));
  column.type = sum_type(type);
  column.column = add_call(AggregateFunction::kSum, input, column.type);
  if (average) {
    column.kind = OutputKind::kAverage;
    column.count_column = add_count(argument, input);
  }
  if (scale.has_value()) {
    const DataType scale_type = DataType::of(TypeKind::kInt32);
    column.scale_column = add_call(AggregateFunction::kMax, add_input(*scale), scale_type);
    column.scale_terminal = scale_terminal_of(aggref);
  }
}

void AggregateBuilder::add_extremum(Aggref* aggref, ScopeColumn& column, Recipe recipe,
                                    Value argument) {
  if (argument.scale.has_value()) {
    decline(Reason::kAggregate, "min or max of a numeric whose scale differs from row to row");
  }
  check_computable(aggref, argument.expr.type);
  if (argument.expr.type.is_string() && !is_byte_order(aggref->inputcollid)) {
    decline(Reason::kOrder, "min or max of text in a collation other than C");
  }
  const auto* entry = static_cast<const TargetEntry*>(linitial(aggref->args));
  if (has_open_length(reinterpret_cast<Node*>(entry->expr))) {
    decline(Reason::kType, "min or max of a bpchar without a length");
  }
  if (argument.expr.type.kind == TypeKind::kFloat64 && input_order_ == InputOrder::kOther) {
    decline(Reason::kOrder, "min or max of float8 in another order than that of PostgreSQL's plan");
  }
  column.type = argument.expr.type;
  column.column =
      add_call(recipe == Recipe::kMin ? AggregateFunction::kMin : AggregateFunction::kMax,
               add_input(std::move(argument.expr)), column.type);
}

void AggregateBuilder::add_aggregate(Aggref* aggref) {
  const bool known = find_recipe(aggref->aggfnoid).has_value();
  if (known && (aggref->aggdistinct == NIL || !foreign_distinct_)) {
    const Mark before = mark();
    try {
      add_native(aggref);
      return;
    } catch (const Declined&) {
      go_back(before);
    }
  }
  add_foreign(aggref);
}

void AggregateBuilder::add_native(Aggref* aggref) {
  check_form(*aggref);
  const auto recipe = find_recipe(aggref->aggfnoid);
  ScopeColumn column;
  column.type = DataType::of(TypeKind::kInt64);
  column.terminal = terminal_of(aggref);
  const auto* entry =
      aggref->args == NIL ? nullptr : static_cast<const TargetEntry*>(linitial(aggref->args));
  Node* const taken =
      filtered_argument(entry == nullptr ? nullptr : entry->expr, aggref->aggfilter);
  if (taken == nullptr) {
    column.column = add_call(AggregateFunction::kCountStar, 0, column.type);
    column.not_null = true;
  } else {
    Value argument = exprs_.lower(taken);
    if (aggref->aggdistinct != NIL) {
      take_distinct(aggref, *recipe, argument);
    }
    if (*recipe == Recipe::kCount || *recipe == Recipe::kCountStar) {
      column.not_null = true;
      const bool counts_rows = argument.not_null && !plan::may_raise(argument.expr);
      column.column = counts_rows ? add_call(AggregateFunction::kCountStar, 0, column.type)
                                  : add_call(AggregateFunction::kCount,
                                             add_input(std::move(argument.expr)), column.type);
    } else if (*recipe == Recipe::kSum || *recipe == Recipe::kAverage) {
      add_sum(aggref, column, *recipe, std::move(argument));
    } else {
      add_extremum(aggref, column, *recipe, std::move(argument));
    }
  }
  distinct_ = false;
  pending_.push_back({reinterpret_cast<Node*>(aggref), column, false});
}

/// DISTINCT: the calls of this aggregate see each value of its argument once a group.
void AggregateBuilder::take_distinct(const Aggref* aggref, Recipe recipe, const Value& argument) {
  auto* node = reinterpret_cast<Node*>(const_cast<Aggref*>(aggref));
  const bool sums = recipe == Recipe::kSum || recipe == Recipe::kAverage;
  if ((!sums && recipe != Recipe::kCount) ||
      (sums && argument.expr.type.kind == TypeKind::kFloat64)) {
    decline(Reason::kAggregate, describe_expr(node) + " with DISTINCT");
  }
  if (argument.scale.has_value()) {
    decline(Reason::kAggregate, "DISTINCT on a numeric whose scale differs from row to row");
  }
  const auto* clause = static_cast<const SortGroupClause*>(linitial(aggref->aggdistinct));
  if (!argument.expr.type.has_equality() || !is_known_equality(clause->eqop)) {
    decline(Reason::kType, "DISTINCT by an equality that only PostgreSQL has");
  }
  const auto* entry = static_cast<const TargetEntry*>(linitial(aggref->args));
  if (IsA(entry->expr, Var)) {
    distinct_terminal_ = scope_.find(reinterpret_cast<const Node*>(entry->expr))->terminal;
  }
  const std::uint32_t input = add_input(argument.expr);
  if (distinct_input_.has_value() && *distinct_input_ != input) {
    decline(Reason::kAggregate, "DISTINCT on several arguments");
  }
  distinct_input_ = input;
  distinct_ = true;
}

Aggref* AggregateBuilder::over_terminals(Aggref* aggref) const {
  Node* args = scope_.terminal_of(reinterpret_cast<Node*>(aggref->args));
  Node* filter = scope_.terminal_of(reinterpret_cast<Node*>(aggref->aggfilter));
  return call([aggref, args, filter] {
    auto* copy = static_cast<Aggref*>(copyObjectImpl(aggref));
    copy->args = reinterpret_cast<List*>(args);
    copy->aggfilter = reinterpret_cast<Expr*>(filter);
    return copy;
  });
}

Node* AggregateBuilder::terminal_of(Aggref* aggref) const {
  return readable(reinterpret_cast<Node*>(over_terminals(aggref)));
}

/// max(scale(x)) for sum(x): what the engine's scale column holds.
Node* AggregateBuilder::scale_terminal_of(Aggref* aggref) const {
  auto* copy = over_terminals(aggref);
  return readable(call([copy] {
    copy->aggfnoid = F_MAX_INT4;
    copy->aggtype = INT4OID;
    copy->aggtranstype = INT4OID;
    copy->aggargtypes = list_make1_oid(INT4OID);
    auto* entry = static_cast<TargetEntry*>(linitial(copy->args));
    entry->expr = reinterpret_cast<Expr*>(makeFuncExpr(
        F_SCALE, INT4OID, list_make1(entry->expr), InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
    return reinterpret_cast<Node*>(copy);
  }));
}

/// The aggregate over `input`, whose columns the specification names. Where some calls have
/// DISTINCT, groups by the keys and their argument come first; the others' results over those are
/// added up.
plan::PlanNode AggregateBuilder::aggregated(plan::PlanNode input, double rows) {
  std::vector<plan::PlanNode> below;
  if (!distinct_input_.has_value()) {
    below.push_back(std::move(input));
    return make_node(std::move(spec_), std::move(below), rows);
  }
  plan::AggregateSpec parts;
  parts.group_keys = spec_.group_keys;
  const auto keys = static_cast<std::uint32_t>(spec_.group_keys.size());
  const auto known = std::ranges::find(parts.group_keys, *distinct_input_);
  const auto value = static_cast<std::uint32_t>(known - parts.group_keys.begin());
  if (value == keys) {
    parts.group_keys.push_back(*distinct_input_);
  }
  plan::AggregateSpec whole;
  for (std::uint32_t key = 0; key < keys; ++key) {
    whole.group_keys.push_back(key);
  }
  auto part = static_cast<std::uint32_t>(parts.group_keys.size());
  for (std::size_t i = 0; i < spec_.calls.size(); ++i) {
    const plan::AggregateCall& call = spec_.calls[i];
    if (distinct_calls_[i]) {
      whole.calls.push_back({call.function, value, call.result});
    } else {
      whole.calls.push_back({total_of(call), part++, call.result});
      parts.calls.push_back(call);
    }
  }
  const double values =
      distinct_values(lowering_.statement, distinct_terminal_, input.rows_estimated);
  const double parts_rows = std::max(std::min(input.rows_estimated, rows * values), rows);
  below.push_back(std::move(input));
  plan::PlanNode distinct = make_node(std::move(parts), std::move(below), parts_rows);
  below.clear();
  below.push_back(std::move(distinct));
  return make_node(std::move(whole), std::move(below), rows);
}

Fragment AggregateBuilder::finish(double rows) {
  if (spec_.group_keys.empty() && spec_.calls.empty()) {
    decline(Reason::kAggregate, "aggregate without functions");
  }
  if (distinct_input_.has_value() && std::ranges::any_of(spec_.calls, plan::is_foreign)) {
    decline(Reason::kAggregate, "DISTINCT beside an aggregate that only PostgreSQL has");
  }
  const bool computes = std::any_of(inputs_.begin(), inputs_.end(), [](const plan::Expr& input) {
    return input.kind != plan::ExprKind::kColumn;
  });
  plan::PlanNode input = child_.node;  // a second attempt begins with it, too
  if (computes) {
    const double input_rows = input.rows_estimated;
    std::vector<plan::PlanNode> below;
    below.push_back(std::move(input));
    input = make_node(plan::ProjectSpec{std::move(inputs_)}, std::move(below), input_rows);
  } else {
    for (std::uint32_t& key : spec_.group_keys) {
      key = inputs_[key].column;
    }
    for (plan::AggregateCall& call : spec_.calls) {
      if (plan::is_foreign(call)) {
        for (std::uint32_t& argument : call.foreign.arguments) {
          argument = inputs_[argument].column;
        }
        if (call.foreign.filter.has_value()) {
          *call.foreign.filter = inputs_[*call.foreign.filter].column;
        }
      } else if (call.function != AggregateFunction::kCountStar) {
        call.column = inputs_[call.column].column;
      }
    }
    if (distinct_input_.has_value()) {
      distinct_input_ = inputs_[*distinct_input_].column;
    }
  }
  Fragment fragment;
  const auto keys = static_cast<std::uint32_t>(spec_.group_keys.size());
  for (Pending& one : pending_) {
    if (!one.is_key) {
      one.column.column += keys;
      one.column.count_column += keys;
      if (one.column.scale_column.has_value()) {
        *one.column.scale_column += keys;
      }
    }
    fragment.scope.add(one.leaf, one.column);
  }
  fragment.node = aggregated(std::move(input), rows);
  return fragment;
}

}  // namespace sluice::pg
