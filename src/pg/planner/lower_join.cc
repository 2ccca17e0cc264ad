// HashJoin -> HashJoinSpec.
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/semi_join.h"
#include "pg/port/types.h"
#include "plan/filter_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <catalog/pg_type.h>
SLUICE_PG_HEADERS_END

#include <algorithm>
#include <utility>

namespace sluice::pg {

namespace {

/// The type where PostgreSQL's outer side probes and its inner side is built.
plan::JoinType join_type_of(JoinType type) {
  switch (type) {
    case JOIN_INNER:
      return plan::JoinType::kInner;
    case JOIN_LEFT:
      return plan::JoinType::kLeft;
    case JOIN_RIGHT:
      return plan::JoinType::kRight;
    case JOIN_FULL:
      return plan::JoinType::kFull;
    case JOIN_SEMI:
      return plan::JoinType::kSemi;
    case JOIN_ANTI:
      return plan::JoinType::kAnti;
    default:
      decline(Reason::kJoin, "join of another type");
  }
}

/// Which of PostgreSQL's sides has which part.
struct Roles {
  plan::JoinType type;
  Plan* probe;
  Plan* build;
  int probe_varno;
  int build_varno;
};

/// Units: bytes, about as many as a hash table needs.
double bytes_of(const Plan* side) {
  constexpr double kRowOverhead = 16;
  return side->plan_rows * (side->plan_width + kRowOverhead);
}

/// Whether PostgreSQL reads a side of the join to its end even where the other has no rows.
bool reads_outer_whole(JoinType type) {
  return type == JOIN_LEFT || type == JOIN_FULL || type == JOIN_ANTI;
}
bool reads_inner_whole(JoinType type) { return type == JOIN_RIGHT || type == JOIN_FULL; }

void exchange_sides(Roles& roles) {
  std::swap(roles.probe, roles.build);
  std::swap(roles.probe_varno, roles.build_varno);
}

/// PostgreSQL builds the inner side. Of a semi or anti join that is the side which is only tested
/// against, however large; the engine builds the smaller one.
Roles choose_roles(const HashJoin& join, bool tests_outer) {
  Roles roles{join_type_of(join.join.jointype), join.join.plan.lefttree, join.join.plan.righttree,
              OUTER_VAR, INNER_VAR};
  if (!plan::only_tests_probe(roles.type)) {
    return roles;
  }
  if (tests_outer) {
    exchange_sides(roles);
  }
  if (bytes_of(roles.probe) < bytes_of(roles.build)) {
    exchange_sides(roles);
    roles.type = roles.type == plan::JoinType::kSemi ? plan::JoinType::kRightSemi
                                                     : plan::JoinType::kRightAnti;
  }
  return roles;
}

/// Of an inner join PostgreSQL builds the larger side where its keys are spread more evenly. The
/// engine builds the smaller one here, too: other scans then have its keys for a filter. Not if
/// that may raise: where the other side is empty, PostgreSQL would not have come to it.
bool builds_other_side(const Roles& roles, bool probe_raises) {
  return roles.type == plan::JoinType::kInner && bytes_of(roles.probe) < bytes_of(roles.build) &&
         !probe_raises;
}

/// Likewise PostgreSQL may not come to its outer side where there is nothing on the other to test
/// against, or to be tested.
bool builds_too_early(const Roles& roles, bool tests_outer, bool build_raises) {
  return build_raises &&
         roles.type == (tests_outer ? plan::JoinType::kSemi : plan::JoinType::kRightSemi);
}

bool may_raise(const plan::PlanNode& side, const std::vector<plan::Expr>& keys) {
  return plan::node_may_raise(side) ||
         std::ranges::any_of(keys, [](const plan::Expr& key) { return plan::may_raise(key); });
}

/// The keys of both sides, of one type each.
struct Keys {
  std::vector<plan::Expr> outer;
  std::vector<plan::Expr> inner;
};

/// Lowers one side's keys, in their order. PostgreSQL looks at none behind a NULL, unless it keeps
/// that side's rows without a match.
/// Source: nodeHash.c, ExecHashGetHashValue()
class KeyLowering {
 public:
  KeyLowering(Lowering& lowering, const Scope& scope, bool keeps_rows)
      : exprs_(lowering, scope), keeps_rows_(keeps_rows) {}

  plan::Expr next(Node* operand) {
    Value value = exprs_.lower(operand);
    plan::Expr key = value.expr;
    if (!keeps_rows_ && !known_.empty() && plan::may_raise(key)) {
      plan::Expr known = known_.size() == 1
                             ? known_.front()
                             : plan::Expr::make_call(plan::Op::kAnd, kBoolType, known_);
      const plan::DataType type = key.type;
      key = plan::Expr::make_call(plan::Op::kCase, type,
                                  {std::move(known), std::move(key), plan::Expr::make_null(type)});
      if (computed_) {
        decline(Reason::kJoin, "key that may raise an error behind one that is computed");
      }
    }
    if (!value.not_null) {
      computed_ = computed_ || value.expr.kind != plan::ExprKind::kColumn;
      known_.push_back(
          plan::Expr::make_call(plan::Op::kIsNotNull, kBoolType, {std::move(value.expr)}));
    }
    return key;
  }

 private:
  ExprLowering exprs_;
  bool keeps_rows_;
  std::vector<plan::Expr> known_;  // that the keys so far are not NULL
  bool computed_ = false;          // one of these more than a column
};

/// PostgreSQL writes a hash clause with the outer side on the left.
Keys lower_keys(Lowering& lowering, const HashJoin& join, const Scope& outer, const Scope& inner) {
  Keys keys;
  KeyLowering outer_keys(lowering, outer, reads_outer_whole(join.join.jointype));
  KeyLowering inner_keys(lowering, inner, reads_inner_whole(join.join.jointype));
  for (int i = 0; i < list_length(join.hashclauses); ++i) {
    auto* node = static_cast<Node*>(list_nth(join.hashclauses, i));
    const auto* clause = reinterpret_cast<const OpExpr*>(node);
    const auto entry = IsA(node, OpExpr) ? find_operator(clause->opfuncid) : std::nullopt;
    if (!entry.has_value() || entry->shape != OperatorShape::kComparison ||
        entry->op != plan::Op::kEqual) {
      decline(Reason::kJoin, "key with " + describe_expr(node));
    }
    plan::Expr left = outer_keys.next(static_cast<Node*>(linitial(clause->args)));
    plan::Expr right = inner_keys.next(static_cast<Node*>(lsecond(clause->args)));
    JoinKey key = common_key(lowering, std::move(left), std::move(right), clause->inputcollid);
    keys.outer.push_back(std::move(key.left));
    keys.inner.push_back(std::move(key.right));
  }
  return keys;
}

/// `may_be_null`: in rows without a match on that side.
void add_all(Scope& to, const Scope& from, bool may_be_null = false) {
  for (const ScopeEntry& entry : from.entries()) {
    ScopeColumn column = entry.column;
    column.not_null = column.not_null && !may_be_null;
    to.add(entry.leaf, column);
  }
}

/// The conditions of a match. Whether a semi or anti join comes to a pair depends on the order of
/// its build side, which is not PostgreSQL's.
std::vector<plan::Expr> lower_residual(Lowering& lowering, const HashJoin& join, bool only_tests,
                                       const Scope& pair) {
  ExprLowering exprs(lowering, pair);
  std::vector<plan::Expr> residual = exprs.lower_conjuncts(join.join.joinqual);
  if (only_tests && std::ranges::any_of(residual, plan::may_raise)) {
    decline(Reason::kJoin, "semi or anti join on a condition that may raise an error");
  }
  return residual;
}

/// The columns that come out of the join for `leaves`.
Fragment shown(plan::HashJoinSpec& spec, const Scope& joined, const std::vector<Node*>& leaves) {
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
  return fragment;
}

}  // namespace

JoinKey common_key(Lowering& lowering, plan::Expr left, plan::Expr right, Oid collation) {
  const auto common = comparable_type(left.type, right.type);
  if (!common.has_value()) {
    decline(Reason::kJoin,
            "key of " + plan::to_string(left.type) + " and " + plan::to_string(right.type));
  }
  if (common->type.is_string() && !data_type_of(TEXTOID, -1, collation).has_value()) {
    decline(Reason::kJoin, "key in a nondeterministic collation");
  }
  if (common->may_overflow && lowering.may_abandon.empty()) {
    lowering.may_abandon = "numeric join key beyond 38 digits";
  }
  return {cast_to(std::move(left), common->type), cast_to(std::move(right), common->type)};
}

Fragment lower_join(Lowering& lowering, const HashJoin& planned, const std::vector<Node*>& leaves) {
  std::vector<Node*> outside = leaves;  // of the join: what it hands out
  collect_leaves(reinterpret_cast<Node*>(planned.join.plan.qual), outside);
  const std::optional<SemiJoin> semi = as_semi_join(lowering.statement, planned, outside);
  const HashJoin& join = semi.has_value() ? semi->join : planned;
  const bool tests_outer = semi.has_value() && semi->tests_outer;
  Roles roles = choose_roles(join, tests_outer);
  plan::HashJoinSpec spec;
  spec.type = roles.type;
  const bool only_tests = plan::only_tests_probe(spec.type) || plan::only_tests_build(spec.type);
  const int tested_varno =
      plan::only_tests_probe(roles.type) ? roles.build_varno : roles.probe_varno;
  if (only_tests && reads_side(outside, tested_varno)) {
    decline(Reason::kJoin, "columns of the inner side of a semi or anti join");
  }
  std::vector<Node*> all = outside;
  for (List* part : {join.hashclauses, join.join.joinqual}) {
    collect_leaves(reinterpret_cast<Node*>(part), all);
  }
  const auto lower_side = [&](Plan* side, int varno) {
    const JoinType type = planned.join.jointype;
    const ReadWhole whole(lowering,
                          varno == OUTER_VAR ? reads_outer_whole(type) : reads_inner_whole(type));
    return lower_child(lowering, side, wanted_attributes(all, varno, side->targetlist));
  };
  ChildColumns probe = lower_side(roles.probe, roles.probe_varno);
  ChildColumns build = lower_side(roles.build, roles.build_varno);
  const bool probes_outer = roles.probe_varno == OUTER_VAR;
  Keys keys = [&] {
    const Scope probe_scope = scope_over_child(all, roles.probe_varno, probe);
    const Scope build_scope = scope_over_child(all, roles.build_varno, build);
    return lower_keys(lowering, join, probes_outer ? probe_scope : build_scope,
                      probes_outer ? build_scope : probe_scope);
  }();
  if (!probes_outer) {
    std::swap(keys.outer, keys.inner);
  }
  const bool early = builds_too_early(roles, tests_outer, may_raise(build.node, keys.inner));
  if (early || builds_other_side(roles, may_raise(probe.node, keys.outer))) {
    exchange_sides(roles);
    std::swap(probe, build);
    std::swap(keys.outer, keys.inner);
    if (early) {
      roles.type =
          roles.type == plan::JoinType::kSemi ? plan::JoinType::kRightSemi : plan::JoinType::kSemi;
      spec.type = roles.type;
    }
  }
  spec.probe_keys = append_columns(probe.node, std::move(keys.outer));
  spec.build_keys = append_columns(build.node, std::move(keys.inner));

  const Scope probe_scope = scope_over_child(all, roles.probe_varno, probe);
  const Scope build_scope = scope_over_child(all, roles.build_varno, build,
                                             static_cast<std::uint32_t>(probe.node.output.size()));
  Scope pair;
  add_all(pair, probe_scope);
  add_all(pair, build_scope);
  spec.residual = lower_residual(lowering, join, only_tests, pair);
  Scope joined;
  add_all(joined, probe_scope, plan::extends_build(spec.type));
  add_all(joined, build_scope, plan::extends_probe(spec.type));
  Fragment fragment = shown(spec, joined, outside);
  std::vector<plan::PlanNode> inputs;
  inputs.push_back(std::move(probe.node));
  inputs.push_back(std::move(build.node));
  fragment.node = make_node(std::move(spec), std::move(inputs), join.join.plan.plan_rows);
  ExprLowering exprs(lowering, fragment.scope);
  fragment.node = filtered(std::move(fragment.node), exprs.lower_conjuncts(join.join.plan.qual),
                           join.join.plan.plan_rows);
  return fragment;
}

}  // namespace sluice::pg
