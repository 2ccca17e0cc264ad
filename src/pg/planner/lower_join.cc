// HashJoin -> HashJoinSpec.
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/lower_plan.h"
#include "pg/port/types.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

const char* join_name(JoinType type) {
  switch (type) {
    case JOIN_LEFT:
      return "left join";
    case JOIN_RIGHT:
      return "right join";
    case JOIN_FULL:
      return "full join";
    case JOIN_SEMI:
      return "semi join";
    case JOIN_ANTI:
      return "anti join";
    default:
      return "join of another type";
  }
}

/// The keys of both sides, of one type each.
struct Keys {
  std::vector<plan::Expr> probe;
  std::vector<plan::Expr> build;
};

/// PostgreSQL writes a hash clause with the probe side (outer) on the left.
Keys lower_keys(Lowering& lowering, List* hash_clauses, const Scope& probe, const Scope& build) {
  Keys keys;
  ExprLowering probe_exprs(lowering, probe);
  ExprLowering build_exprs(lowering, build);
  for (int i = 0; i < list_length(hash_clauses); ++i) {
    auto* node = static_cast<Node*>(list_nth(hash_clauses, i));
    const auto* clause = reinterpret_cast<const OpExpr*>(node);
    const auto entry = IsA(node, OpExpr) ? find_operator(clause->opfuncid) : std::nullopt;
    if (!entry.has_value() || entry->shape != OperatorShape::kComparison ||
        entry->op != plan::Op::kEqual) {
      decline(Reason::kJoin, "key with " + describe_expr(node));
    }
    plan::Expr left = probe_exprs.lower(static_cast<Node*>(linitial(clause->args))).expr;
    plan::Expr right = build_exprs.lower(static_cast<Node*>(lsecond(clause->args))).expr;
    const auto common = common_type(left.type, right.type);
    if (!common.has_value()) {
      decline(Reason::kJoin,
              "key of " + plan::to_string(left.type) + " and " + plan::to_string(right.type));
    }
    if (common->type.is_string() && !data_type_of(TEXTOID, -1, clause->inputcollid).has_value()) {
      decline(Reason::kJoin, "key in a nondeterministic collation");
    }
    if (common->may_overflow && lowering.may_abandon.empty()) {
      lowering.may_abandon = "numeric join key beyond 38 digits";
    }
    keys.probe.push_back(cast_to(std::move(left), common->type));
    keys.build.push_back(cast_to(std::move(right), common->type));
  }
  return keys;
}

void add_all(Scope& to, const Scope& from) {
  for (const ScopeEntry& entry : from.entries()) {
    to.add(entry.leaf, entry.column);
  }
}

}  // namespace

Fragment lower_join(Lowering& lowering, const HashJoin& join, const std::vector<Node*>& leaves) {
  if (join.join.jointype != JOIN_INNER) {
    decline(Reason::kJoin, join_name(join.join.jointype));
  }
  Plan* outer = join.join.plan.lefttree;
  Plan* inner = join.join.plan.righttree;
  std::vector<Node*> all = leaves;
  for (List* part : {join.hashclauses, join.join.joinqual, join.join.plan.qual}) {
    collect_leaves(reinterpret_cast<Node*>(part), all);
  }
  ChildColumns probe =
      lower_child(lowering, outer, wanted_attributes(all, OUTER_VAR, outer->targetlist));
  ChildColumns build =
      lower_child(lowering, inner, wanted_attributes(all, INNER_VAR, inner->targetlist));

  const Scope probe_scope = scope_over_child(all, OUTER_VAR, probe);
  const Scope build_scope = scope_over_child(all, INNER_VAR, build);
  Keys keys = lower_keys(lowering, join.hashclauses, probe_scope, build_scope);
  plan::HashJoinSpec spec;
  spec.probe_keys = append_columns(probe.node, std::move(keys.probe));
  spec.build_keys = append_columns(build.node, std::move(keys.build));

  Scope joined = probe_scope;
  add_all(joined, scope_over_child(all, INNER_VAR, build,
                                   static_cast<std::uint32_t>(probe.node.output.size())));
  ExprLowering exprs(lowering, joined);
  spec.residual = exprs.lower_conjuncts(join.join.joinqual);
  for (plan::Expr& conjunct : exprs.lower_conjuncts(join.join.plan.qual)) {
    spec.residual.push_back(std::move(conjunct));
  }
  Fragment fragment;
  for (Node* leaf : leaves) {
    ScopeColumn column = *joined.find(leaf);
    if (column.kind != OutputKind::kColumn || column.scale_column.has_value()) {
      decline(Reason::kAggregate, "avg, or a sum of mixed scales, below a join");
    }
    spec.outputs.push_back(column.column);
    column.column = static_cast<std::uint32_t>(spec.outputs.size() - 1);
    fragment.scope.add(leaf, column);
  }
  std::vector<plan::PlanNode> inputs;
  inputs.push_back(std::move(probe.node));
  inputs.push_back(std::move(build.node));
  fragment.node = make_node(std::move(spec), std::move(inputs), join.join.plan.plan_rows);
  return fragment;
}

}  // namespace sluice::pg
