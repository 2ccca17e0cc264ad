#include "pg/planner/plan_columns.h"

#include <algorithm>

#include "pg/border/call.h"
#include "pg/planner/node_walk.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_expressions.h"
#include "pg/port/types.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <miscadmin.h>
#include <nodes/makefuncs.h>
#include <parser/parsetree.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// What a Var of a plan node refers to below it. Shape: both null where it is a base column.
struct Target {
  const Plan* node = nullptr;
  Node* expr = nullptr;
};

Node* entry_expr(List* targetlist, AttrNumber attribute) {
  return attribute < 1 || attribute > list_length(targetlist)
             ? nullptr
             : reinterpret_cast<Node*>(list_nth_node(TargetEntry, targetlist, attribute - 1)->expr);
}

Target target_of(const Plan* node, const Var* var) {
  const Plan* below = nullptr;
  switch (var->varno) {
    case OUTER_VAR:
      below = node->lefttree != nullptr ? node->lefttree
              : child_list(node) != NIL ? static_cast<const Plan*>(linitial(child_list(node)))
                                        : nullptr;
      break;
    case INNER_VAR:
      below = node->righttree;
      break;
    case INDEX_VAR:
      if (IsA(node, IndexOnlyScan)) {
        return {node, entry_expr(reinterpret_cast<const IndexOnlyScan*>(node)->indextlist,
                                 var->varattno)};
      }
      break;
    default:
      break;
  }
  if (below == nullptr) {
    return {};
  }
  below = as_planned(below);
  return {below, entry_expr(below->targetlist, var->varattno)};
}

struct Resolving {
  const Plan* node;
  int visits;
  bool failed;
};

/// A column that is doubled again and again has no form that anybody would read.
constexpr int kTerminalVisitsMax = 1000;

/// Replaces the Vars of plan nodes by what they are in base columns. Runs in: call(); a C callback
/// of expression_tree_mutator.
Node* base_mutator(Node* node, void* context) {
  auto* resolving = static_cast<Resolving*>(context);
  if (node == nullptr || resolving->failed) {
    return node;
  }
  check_stack_depth();
  resolving->failed = ++resolving->visits > kTerminalVisitsMax;
  if (resolving->failed) {
    return node;
  }
  if (!IsA(node, Var)) {
    return expression_tree_mutator(node, unprototyped(base_mutator), context);
  }
  const auto* var = reinterpret_cast<const Var*>(node);
  if (!IS_SPECIAL_VARNO(var->varno)) {
    return node;
  }
  const Target target = target_of(resolving->node, var);
  if (target.expr == nullptr) {
    resolving->failed = true;
    return node;
  }
  const Plan* const outer = resolving->node;
  resolving->node = target.node;
  Node* base = base_mutator(target.expr, context);
  resolving->node = outer;
  return base;
}

/// Whether an expression has more nodes than `context`, an int*, says. Runs in: call().
bool has_more_nodes(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  check_stack_depth();
  int& left = *static_cast<int*>(context);
  return --left < 0 || expression_tree_walker(node, unprototyped(has_more_nodes), context);
}

/// What a scan of a subquery or a CTE reads, if `var` is its column.
Target scanned_by(const Statement& statement, const Plan* node, const Var* var) {
  const Plan* below = nullptr;
  if (IsA(node, SubqueryScan)) {
    below = as_planned(reinterpret_cast<const SubqueryScan*>(node)->subplan);
  } else if (IsA(node, CteScan)) {
    below = plan_of(statement, reinterpret_cast<const CteScan*>(node)->ctePlanId);
  }
  return below == nullptr ? Target{} : Target{below, entry_expr(below->targetlist, var->varattno)};
}

constexpr NumericDigits kUnknown{};

NumericDigits unsure(int scale) {
  return scale > plan::DataType::kDecimalDigitsMax
             ? kUnknown
             : NumericDigits{true, false, plan::DataType::kDecimalDigitsMax, scale};
}

bool is_table_column(const Statement& statement, const Var* var) {
  if (IS_SPECIAL_VARNO(var->varno)) {
    return false;
  }
  const RangeTblEntry* entry = rt_fetch(var->varno, statement.planned->rtable);
  return entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_FOREIGN_TABLE;
}

/// As the type says. Shape: the numeric has a declared precision.
NumericDigits declared_digits(Node* expr, bool sure) {
  const std::int32_t typmod = call([expr] {
    int32 own = exprTypmod(expr);
    (void)getBaseTypeAndTypmod(exprType(expr), &own);
    return own;
  });
  const auto type = data_type_of(NUMERICOID, typmod, InvalidOid);
  return type.has_value() ? NumericDigits{true, sure, type->precision, type->scale} : kUnknown;
}

/// Follows an expression down to tables. A product has the digits of its factors together, so that
/// the number of visits bounds the digits of a result, far below numeric's limits; and planning
/// ends in time where columns are doubled again and again.
class DigitsSearch {
 public:
  explicit DigitsSearch(const Statement& statement) noexcept : statement_(statement) {}
  NumericDigits of(const Plan* node, Node* expr);

 private:
  static constexpr int kVisitsMax = 1000;  // each adds 38 digits, and a sum 19, at the most

  NumericDigits of_column(const Plan* node, Var* var);
  NumericDigits of_call(const Plan* node, Oid function, List* args);
  NumericDigits of_aggregate(const Plan* node, const Aggref& aggref);

  const Statement& statement_;
  int visits_ = 0;
};

NumericDigits DigitsSearch::of_column(const Plan* node, Var* var) {
  if (is_table_column(statement_, var)) {
    return declared_digits(reinterpret_cast<Node*>(var), true);
  }
  // Rows of several branches have the first one's type at most.
  const bool branches = IsA(node, Append) || IsA(node, MergeAppend) || IsA(node, RecursiveUnion);
  Target target = branches ? Target{} : target_of(node, var);
  if (target.expr == nullptr && !branches) {
    target = scanned_by(statement_, node, var);
  }
  const NumericDigits below = target.expr == nullptr ? kUnknown : of(target.node, target.expr);
  return below.known ? below : declared_digits(reinterpret_cast<Node*>(var), false);
}

/// Of sums, differences and products, as PostgreSQL's numeric.c makes them.
NumericDigits DigitsSearch::of_call(const Plan* node, Oid function, List* args) {
  switch (function) {
    case F_NUMERIC_INT2:
    case F_NUMERIC_INT4:
    case F_NUMERIC_INT8:
      return unsure(0);
    case F_NUMERIC_ADD:
    case F_NUMERIC_SUB:
    case F_NUMERIC_MUL:
      break;
    default:
      return kUnknown;
  }
  const NumericDigits left = of(node, static_cast<Node*>(linitial(args)));
  const NumericDigits right = of(node, static_cast<Node*>(lsecond(args)));
  if (!left.known || !right.known) {
    return kUnknown;
  }
  return unsure(function == F_NUMERIC_MUL ? left.scale + right.scale
                                          : std::max(left.scale, right.scale));
}

NumericDigits DigitsSearch::of_aggregate(const Plan* node, const Aggref& aggref) {
  switch (aggref.aggfnoid) {
    case F_SUM_INT8:
      return unsure(0);
    case F_SUM_NUMERIC:
    case F_MIN_NUMERIC:
    case F_MAX_NUMERIC:
      break;
    default:
      return kUnknown;
  }
  auto* argument = reinterpret_cast<Node*>(linitial_node(TargetEntry, aggref.args)->expr);
  const NumericDigits digits = of(node, argument);
  return aggref.aggfnoid == F_SUM_NUMERIC && digits.known ? unsure(digits.scale) : digits;
}

NumericDigits DigitsSearch::of(const Plan* node, Node* expr) {
  if (++visits_ > kVisitsMax) {
    return kUnknown;
  }
  call([] { check_stack_depth(); });
  switch (nodeTag(expr)) {
    case T_Var:
      return of_column(node, reinterpret_cast<Var*>(expr));
    case T_RelabelType:
      return of(node, reinterpret_cast<Node*>(reinterpret_cast<const RelabelType*>(expr)->arg));
    case T_Const: {
      const auto* constant = reinterpret_cast<const Const*>(expr);
      const auto type = constant->constisnull || constant->consttype != NUMERICOID
                            ? std::nullopt
                            : decimal_type_of(constant->constvalue);
      return type.has_value() ? unsure(type->scale) : kUnknown;
    }
    case T_OpExpr: {
      const auto* op = reinterpret_cast<const OpExpr*>(expr);
      return of_call(node, op->opfuncid, op->args);
    }
    case T_FuncExpr: {
      const auto* function = reinterpret_cast<const FuncExpr*>(expr);
      const NumericDigits digits = of_call(node, function->funcid, function->args);
      return digits.known ? digits : declared_digits(expr, false);
    }
    case T_Aggref:
      return of_aggregate(node, *reinterpret_cast<const Aggref*>(expr));
    default:
      return declared_digits(expr, false);
  }
}

}  // namespace

Node* terminal_of(const Plan* node, Node* expr) {
  Resolving resolving{node, 0, false};
  Node* base = base_mutator(expr, &resolving);
  const bool same = !resolving.failed && exprType(base) == exprType(expr) &&
                    exprTypmod(base) == exprTypmod(expr) &&
                    exprCollation(base) == exprCollation(expr);
  return same ? base
              : reinterpret_cast<Node*>(
                    makeNullConst(exprType(expr), exprTypmod(expr), exprCollation(expr)));
}

Node* readable(Node* terminal) {
  return call([terminal] {
    int nodes = kTerminalVisitsMax;
    return has_more_nodes(terminal, &nodes)
               ? reinterpret_cast<Node*>(makeNullConst(exprType(terminal), exprTypmod(terminal),
                                                       exprCollation(terminal)))
               : terminal;
  });
}

NumericDigits numeric_digits_of(const Statement& statement, const Plan* node, Node* expr) {
  return DigitsSearch(statement).of(node, expr);
}

}  // namespace sluice::pg
