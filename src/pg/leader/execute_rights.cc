#include "pg/leader/execute_rights.h"

#include "pg/border/call.h"
#include "pg/planner/node_walk.h"
#include "pg/planner/plan_children.h"
#include "pg/planner/plan_expressions.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <catalog/objectaccess.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_proc.h>
#include <miscadmin.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Runs in: call(), as all here.
void check(Oid function, Oid user, ObjectType kind) {
  const AclResult allowed = pg_proc_aclcheck(function, user, ACL_EXECUTE);
  if (allowed != ACLCHECK_OK) {
    aclcheck_error(allowed, kind, get_func_name(function));
  }
  InvokeFunctionExecuteHook(function);
}

void check_equality(Oid operator_oid) {
  check(get_opcode(operator_oid), GetUserId(), OBJECT_FUNCTION);
}

/// The last key's first, as PostgreSQL does. Just to be explained, hashed groups get no table.
void check_group_keys(const Plan* plan, bool explain_only) {
  if (!IsA(plan, Agg)) {
    return;
  }
  const auto* agg = reinterpret_cast<const Agg*>(plan);
  for (int i = agg->numCols - 1; i >= 0 && !(explain_only && agg->aggstrategy == AGG_HASHED); --i) {
    check_equality(agg->grpOperators[i]);
  }
}

Oid owner_of(Oid function) {
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) {
    elog(ERROR, "cache lookup failed for function %u", function);
  }
  const Oid owner = reinterpret_cast<const FormData_pg_proc*>(GETSTRUCT(tuple))->proowner;
  ReleaseSysCache(tuple);
  return owner;
}

void check_aggregate(const Aggref& aggref) {
  const Oid aggregate = aggref.aggfnoid;
  check(aggregate, GetUserId(), OBJECT_AGGREGATE);
  HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
  if (!HeapTupleIsValid(tuple)) {
    elog(ERROR, "cache lookup failed for aggregate %u", aggregate);
  }
  const auto* form = reinterpret_cast<const FormData_pg_aggregate*>(GETSTRUCT(tuple));
  const Oid transition = form->aggtransfn;
  const Oid final = form->aggfinalfn;
  ReleaseSysCache(tuple);
  const Oid owner = owner_of(aggregate);
  check(transition, owner, OBJECT_FUNCTION);
  if (OidIsValid(final)) {
    check(final, owner, OBJECT_FUNCTION);
  }
  // Values that are compared alone need no right.
  for (int i = list_length(aggref.aggdistinct) - 1; i >= 0 && aggref.aggdistinct->length > 1; --i) {
    check_equality(list_nth_node(SortGroupClause, aggref.aggdistinct, i)->eqop);
  }
}

/// Those that ExecInitExpr() looks up by themselves, casts through text among them, need no right.
[[gnu::noinline]] void check_node(const Node* node) {
  switch (nodeTag(node)) {
    case T_FuncExpr:
      check(reinterpret_cast<const FuncExpr*>(node)->funcid, GetUserId(), OBJECT_FUNCTION);
      break;
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
      check(reinterpret_cast<const OpExpr*>(node)->opfuncid, GetUserId(), OBJECT_FUNCTION);
      break;
    case T_ScalarArrayOpExpr: {
      const auto* test = reinterpret_cast<const ScalarArrayOpExpr*>(node);
      check(OidIsValid(test->negfuncid) ? test->negfuncid : test->opfuncid, GetUserId(),
            OBJECT_FUNCTION);
      if (OidIsValid(test->hashfuncid)) {
        check(test->hashfuncid, GetUserId(), OBJECT_FUNCTION);
      }
      break;
    }
    case T_Aggref:
      check_aggregate(*reinterpret_cast<const Aggref*>(node));
      break;
    default:
      break;
  }
}

/// Shape: a small frame, as expressions may be nested deeply.
bool rights_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  check_node(node);
  return expression_tree_walker(node, unprototyped(rights_walker), context);
}

/// Whether the engine may execute the node. The others are inside of plan inputs, which PostgreSQL
/// has brought up.
bool may_be_lowered(const Plan* plan) {
  switch (nodeTag(plan)) {
    case T_SeqScan:
    case T_SubqueryScan:
    case T_HashJoin:
    case T_Hash:
    case T_Agg:
    case T_Result:
    case T_Material:
    case T_Sort:
    case T_Limit:
      return true;
    default:
      return false;
  }
}

}  // namespace

void check_execute_rights(const Plan* plan, bool explain_only) {
  if (!may_be_lowered(plan)) {
    return;
  }
  for_each_child(plan,
                 [explain_only](const Plan* child) { check_execute_rights(child, explain_only); });
  auto* expressions = reinterpret_cast<Node*>(expressions_of(plan));
  call([expressions, plan, explain_only] {
    check_stack_depth();
    (void)rights_walker(expressions, nullptr);
    check_group_keys(plan, explain_only);
  });
}

}  // namespace sluice::pg
