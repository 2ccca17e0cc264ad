// The part of AggregateBuilder for what the engine has no states for: PostgreSQL's functions
// compute it, row by row, inside the engine.
#include <algorithm>

#include "pg/border/call.h"
#include "pg/planner/aggregate_builder.h"
#include "pg/planner/aggregate_order.h"
#include "pg/planner/decline.h"
#include "pg/planner/distinct_estimate.h"
#include "pg/planner/user_code.h"
#include "pg/port/foreign_definition.h"
#include "pg/port/types.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_proc.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/cost.h>
#include <optimizer/optimizer.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

using plan::DataType;

Node* as_node(const Aggref* aggref) { return reinterpret_cast<Node*>(const_cast<Aggref*>(aggref)); }

template <typename Test>
bool any_of_list(const List* list, Test test) {
  for (int i = 0; i < list_length(list); ++i) {
    if (test(list_nth(list, i))) {
      return true;
    }
  }
  return false;
}

/// An error of users' functions is the query's: they are called only where PostgreSQL, too, comes
/// to them, which `is_needed` says.
void check_callable(const Aggref* aggref, bool is_needed) {
  const char* form = nullptr;
  if (aggref->agglevelsup != 0 || aggref->aggsplit != AGGSPLIT_SIMPLE) {
    form = " of an unusual form";
  } else if (any_of_list(aggref->aggdirectargs, [](const void* arg) { return !IsA(arg, Const); })) {
    form = " with a direct argument that is no constant";
  } else if (has_volatile_states(aggref) || call([aggref] {
               const bool built_in = aggref->aggfnoid < FirstNormalObjectId;
               return contain_volatile_functions(as_node(aggref)) ||
                      may_call_unseen(built_in ? as_node(aggref)
                                               : reinterpret_cast<Node*>(aggref->args));
             })) {
    form = " of volatile functions";
  } else if (!is_needed && !has_built_in_states(aggref)) {
    form = " of users' functions, to which PostgreSQL may not come";
  }
  if (form != nullptr) {
    decline(Reason::kAggregate, describe_expr(as_node(aggref)) + form);
  }
}

DataType result_type_of(const Aggref* aggref) {
  const auto type = column_type_of(aggref->aggtype, -1, aggref->aggcollid);
  if (!type.has_value()) {
    decline(Reason::kType, "result of " + describe_expr(as_node(aggref)));
  }
  return *type;
}

/// A row's transition as PostgreSQL's planner prices it.
double cost_of_row(const Aggref* aggref) {
  const float function_cost = call([aggref] {
    float4 cost = 1;
    HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggref->aggfnoid));
    if (HeapTupleIsValid(tuple)) {
      const Oid function =
          reinterpret_cast<const FormData_pg_aggregate*>(GETSTRUCT(tuple))->aggtransfn;
      ReleaseSysCache(tuple);
      tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
      if (HeapTupleIsValid(tuple)) {
        cost = reinterpret_cast<const FormData_pg_proc*>(GETSTRUCT(tuple))->procost;
        ReleaseSysCache(tuple);
      }
    }
    return cost;
  });
  return static_cast<double>(function_cost) * cpu_operator_cost;
}

/// The argument's place in the call's definition.
Expr* as_param(const Expr* expr, std::size_t number) {
  return call([expr, number] {
    auto* node = reinterpret_cast<Node*>(const_cast<Expr*>(expr));
    auto* param = makeNode(Param);
    param->paramkind = PARAM_EXTERN;
    param->paramid = static_cast<int>(number);
    param->paramtype = exprType(node);
    param->paramtypmod = exprTypmod(node);
    param->paramcollid = exprCollation(node);
    param->location = -1;
    return reinterpret_cast<Expr*>(param);
  });
}

}  // namespace

/// A column for `expr`, which becomes its parameter; constants stay.
Forms AggregateBuilder::add_argument(plan::ForeignAggregateSpec& spec, Expr*& expr, Expr* filter) {
  if (IsA(expr, Const)) {
    return Forms::kOne;
  }
  if (!IsA(expr, Var) && filter != nullptr &&
      !calls_built_ins_only(reinterpret_cast<Node*>(filter))) {
    decline(Reason::kAggregate, "FILTER by a users' function that two columns would ask");
  }
  // Rows that the filter leaves out are not computed: they might raise an error.
  plan::Expr value = exprs_.lower_exact(IsA(expr, Var) ? reinterpret_cast<Node*>(expr)
                                                       : filtered_argument(expr, filter));
  const Forms forms =
      forms_of(call([&] { return exprType(reinterpret_cast<Node*>(expr)); }), value.type);
  const std::uint32_t input = add_input(std::move(value));
  const auto known = std::ranges::find(spec.arguments, input);
  const auto number = static_cast<std::size_t>(known - spec.arguments.begin()) + 1;
  if (known == spec.arguments.end()) {
    spec.arguments.push_back(input);
  }
  expr = as_param(expr, number);
  return forms;
}

/// Whether an ORDER BY can be expected to leave few rows without an order.
bool AggregateBuilder::tells_rows_apart(const Aggref* aggref) const {
  const double rows = child_.node.rows_estimated;
  double values = 1;
  for (int i = 0; i < list_length(aggref->aggorder); ++i) {
    auto* clause = static_cast<SortGroupClause*>(list_nth(aggref->aggorder, i));
    const TargetEntry* entry = call([&] { return get_sortgroupclause_tle(clause, aggref->args); });
    const auto* expr = reinterpret_cast<const Node*>(entry->expr);
    const ScopeColumn* column = IsA(expr, Var) ? scope_.find(expr) : nullptr;
    values *=
        distinct_values(lowering_.statement, column == nullptr ? nullptr : column->terminal, rows);
  }
  return values >= rows / 2;
}

/// Errors: Declined where the rows do not come in the order that is wanted.
plan::RowOrder AggregateBuilder::wanted_order(const Aggref* aggref, Forms forms) const {
  if (aggref->aggkind == AGGKIND_ORDERED_SET && forms == Forms::kMany) {
    decline(Reason::kAggregate,
            describe_expr(as_node(aggref)) + " over values that are equal and look different");
  }
  const bool planned = input_order_ == InputOrder::kPlanned;
  const plan::RowOrder order = order_wanted(*aggref, forms, planned);
  // A run that a check gives up is done over in an order that is not that of PostgreSQL's own plan.
  if ((order == plan::RowOrder::kScan && !planned) ||
      (order == plan::RowOrder::kChecked && input_order_ == InputOrder::kOther)) {
    decline(Reason::kAggregate,
            describe_expr(as_node(aggref)) + " depends on the order of rows, which is no scan's");
  }
  if (order == plan::RowOrder::kChecked && aggref->aggkind == AGGKIND_NORMAL &&
      aggref->aggorder != NIL && !is_sorted_by_all(*aggref) && !tells_rows_apart(aggref)) {
    decline(Reason::kAggregate,
            describe_expr(as_node(aggref)) + " with an order that leaves many rows equal");
  }
  return order;
}

void AggregateBuilder::add_foreign(Aggref* aggref) {
  check_callable(aggref, comes_to_all_);
  plan::AggregateCall made{plan::AggregateFunction::kForeign, 0, result_type_of(aggref)};
  plan::ForeignAggregateSpec& spec = made.foreign;
  auto* body = call([aggref] { return static_cast<Aggref*>(copyObjectImpl(aggref)); });
  body->aggfilter = nullptr;
  Forms forms = Forms::kOne;
  for (int i = 0; i < list_length(body->args); ++i) {
    auto* entry = static_cast<TargetEntry*>(list_nth(body->args, i));
    forms = std::max(forms, add_argument(spec, entry->expr, aggref->aggfilter));
  }
  if (aggref->aggfilter != nullptr) {
    spec.filter = add_input(exprs_.lower(reinterpret_cast<Node*>(aggref->aggfilter)).expr);
  }
  spec.keeps_rows = AGGKIND_IS_ORDERED_SET(aggref->aggkind) || aggref->aggorder != NIL ||
                    aggref->aggdistinct != NIL;
  spec.order = wanted_order(aggref, forms);
  spec.errors_abandon = has_built_in_states(aggref);
  lowering_.calls_users = lowering_.calls_users || !spec.errors_abandon;
  lowering_.forbids_workers = lowering_.forbids_workers || forbids_workers(as_node(aggref));
  lowering_.order_matters = lowering_.order_matters || spec.order == plan::RowOrder::kScan;
  const char* name = call([aggref] {
    return psprintf(aggref->aggdistinct != NIL ? "%s(DISTINCT " : "%s",
                    get_func_name(aggref->aggfnoid));
  });
  spec.definition = foreign_definition(name, reinterpret_cast<Node*>(body));

  const double cost = child_.node.rows_estimated * cost_of_row(aggref);
  (spec_.group_keys.empty() ? lowering_.leader_cost : lowering_.foreign_cost) += cost;
  ScopeColumn column;
  column.type = made.result;
  column.terminal = terminal_of(aggref);
  column.column = static_cast<std::uint32_t>(spec_.calls.size());
  spec_.calls.push_back(std::move(made));
  distinct_calls_.push_back(false);
  pending_.push_back({as_node(aggref), column, false});
}

}  // namespace sluice::pg
