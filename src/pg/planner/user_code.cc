#include "pg/planner/user_code.h"

#include <algorithm>

#include "pg/border/call.h"
#include "pg/planner/node_walk.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <access/transam.h>
#include <catalog/pg_aggregate.h>
#include <catalog/pg_language.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_type.h>
#include <parser/parse_coerce.h>
#include <utils/fmgroids.h>
#include <utils/lsyscache.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Whether a test passes for a node of an expression. Shape: its frame is small, as expressions may
/// be nested as deeply as PostgreSQL's own stack checks allow.
struct NodeSearch {
  bool (*test)(Node* node, const void* context);
  const void* context;
};

/// Runs in: call(); a C callback of expression_tree_walker().
bool node_walker(Node* node, void* context) {
  if (node == nullptr) {
    return false;
  }
  const auto* search = static_cast<const NodeSearch*>(context);
  return search->test(node, search->context) ||
         expression_tree_walker(node, unprototyped(node_walker), context);
}

/// Runs in: call().
bool any_node(Node* expr, bool (*test)(Node* node, const void* context),
              const void* context = nullptr) {
  NodeSearch search{test, context};
  return node_walker(expr, &search);
}

bool is_users(Oid object) { return object >= FirstNormalObjectId; }

bool has_users_type(const List* types) {
  ListCell* cell;
  foreach (cell, types) {
    if (is_users(lfirst_oid(cell))) {
      return true;
    }
  }
  return false;
}

/// What pg_proc says. All of a function that is gone forbids.
struct FunctionFacts {
  Oid language = InvalidOid;
  char parallel = PROPARALLEL_UNSAFE;
  char volatility = PROVOLATILE_VOLATILE;
};

/// Runs in: call().
FunctionFacts facts_of(Oid function) {
  FunctionFacts facts;
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (HeapTupleIsValid(tuple)) {
    const auto* form = reinterpret_cast<const FormData_pg_proc*>(GETSTRUCT(tuple));
    facts = {form->prolang, form->proparallel, form->provolatile};
    ReleaseSysCache(tuple);
  }
  return facts;
}

/// They read a type's name, and its modifiers by a function that may be anybody's: one that raises
/// leaves a catalog row held. Runs in: a C callback of check_functions_in_node().
/// Source: PostgreSQL, LookupTypeNameExtended()
bool parses_type_names(Oid function, void*) {
  switch (function) {
    case F_REGTYPEIN:
    case F_REGPROCEDUREIN:
    case F_REGOPERATORIN:
    case F_TO_REGTYPE:
    case F_TO_REGPROCEDURE:
    case F_TO_REGOPERATOR:
    case F_HAS_TYPE_PRIVILEGE_NAME_TEXT_TEXT:
    case F_HAS_TYPE_PRIVILEGE_NAME_OID_TEXT:
    case F_HAS_TYPE_PRIVILEGE_OID_TEXT_TEXT:
    case F_HAS_TYPE_PRIVILEGE_OID_OID_TEXT:
    case F_HAS_TYPE_PRIVILEGE_TEXT_TEXT:
    case F_HAS_TYPE_PRIVILEGE_OID_TEXT:
      return true;
    default:
      return false;
  }
}

/// Built-in functions that run statements of their own (table_to_xml and the like) are among those
/// that a worker may not call. Runs in: call(); a C callback of check_functions_in_node().
bool is_foreign_function(Oid function, void*) {
  const FunctionFacts facts = facts_of(function);
  return facts.language != INTERNALlanguageId || facts.parallel != PROPARALLEL_SAFE;
}

/// The type without domains, of an array that of its elements. Runs in: call().
Oid plain_type(Oid type) {
  const Oid base = getBaseType(type);
  const Oid element = get_element_type(base);
  return OidIsValid(element) ? getBaseType(element) : base;
}

/// The cast that json functions call for values of a users' type; none: InvalidOid. Runs in:
/// call().
/// Source: PostgreSQL, json_categorize_type.
Oid cast_to_json(Oid type) {
  Oid function = InvalidOid;
  const bool calls = is_users(type) && find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT,
                                                             &function) == COERCION_PATH_FUNC;
  return calls ? function : InvalidOid;
}

bool is_row(Oid type) { return type == RECORDOID || type_is_rowtype(type); }

/// Whether operators and subscripts of the type may be anybody's functions: it, or what it is made
/// of, is not built in. Enums have built-in ones. Runs in: call().
bool is_foreign_type(Oid type) {
  type = plain_type(type);
  return is_row(type) ||
         (is_users(type) && (!type_is_enum(type) || OidIsValid(cast_to_json(type))));
}

/// The type of a node that is a value; InvalidOid of others.
Oid type_of_value(const Node* node) {
  switch (nodeTag(node)) {
    case T_Var:
    case T_Const:
    case T_Param:
    case T_Aggref:
    case T_FuncExpr:
    case T_OpExpr:
    case T_NullIfExpr:
    case T_RelabelType:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_CaseExpr:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
    case T_MinMaxExpr:
    case T_SubscriptingRef:
    case T_FieldSelect:
    case T_ArrayExpr:
    case T_RowExpr:
      return exprType(node);
    default:
      return InvalidOid;
  }
}

/// Runs in: call().
bool brings_foreign_type(const Node* node) {
  const Oid type = type_of_value(node);
  return OidIsValid(type) && is_foreign_type(type);
}

/// Built-in functions and aggregates that look for casts to json of their arguments' types.
bool makes_json_of_anything(Oid function) {
  switch (function) {
    case F_TO_JSON:
    case F_TO_JSONB:
    case F_ROW_TO_JSON_RECORD:
    case F_ROW_TO_JSON_RECORD_BOOL:
    case F_ARRAY_TO_JSON_ANYARRAY:
    case F_ARRAY_TO_JSON_ANYARRAY_BOOL:
    case F_JSON_BUILD_ARRAY_ANY:
    case F_JSON_BUILD_OBJECT_ANY:
    case F_JSONB_BUILD_ARRAY_ANY:
    case F_JSONB_BUILD_OBJECT_ANY:
    case F_JSON_AGG:
    case F_JSONB_AGG:
    case F_JSON_OBJECT_AGG:
    case F_JSONB_OBJECT_AGG:
      return true;
    default:
      return false;
  }
}

/// The types of the values that json is made of here: an Oid list. Runs in: call().
List* types_made_json(Node* node) {
  List* args = NIL;
  if (IsA(node, FuncExpr) &&
      makes_json_of_anything(reinterpret_cast<const FuncExpr*>(node)->funcid)) {
    args = reinterpret_cast<const FuncExpr*>(node)->args;
  } else if (IsA(node, Aggref) &&
             makes_json_of_anything(reinterpret_cast<const Aggref*>(node)->aggfnoid)) {
    return reinterpret_cast<const Aggref*>(node)->aggargtypes;
  } else if (IsA(node, WindowFunc) &&
             makes_json_of_anything(reinterpret_cast<const WindowFunc*>(node)->winfnoid)) {
    args = reinterpret_cast<const WindowFunc*>(node)->args;
  }
  List* types = NIL;
  ListCell* cell;
  foreach (cell, args) {
    types = lappend_oid(types, exprType(static_cast<const Node*>(lfirst(cell))));
  }
  return types;
}

/// Runs in: call().
bool makes_json_of_rows(Node* node) {
  ListCell* cell;
  foreach (cell, types_made_json(node)) {
    if (is_row(plain_type(lfirst_oid(cell)))) {
      return true;
    }
  }
  return false;
}

/// A cast to json that the node calls without naming it; none: InvalidOid. Runs in: call().
Oid cast_to_json_around(Node* node) {
  ListCell* cell;
  foreach (cell, types_made_json(node)) {
    const Oid cast = cast_to_json(plain_type(lfirst_oid(cell)));
    if (OidIsValid(cast)) {
      return cast;
    }
  }
  return InvalidOid;
}

/// Whether values of the type that are made of text or of other types go through the conditions of
/// a domain inside of it. Runs in: call().
bool may_hold_domain(Oid type) {
  const Oid element = get_element_type(getBaseType(type));
  if (OidIsValid(element) && get_typtype(element) == TYPTYPE_DOMAIN) {
    return true;
  }
  type = plain_type(type);
  const char kind = get_typtype(type);
  return is_users(type) && (kind == TYPTYPE_COMPOSITE || kind == TYPTYPE_RANGE ||
                            kind == TYPTYPE_MULTIRANGE || kind == TYPTYPE_DOMAIN);
}

/// Whether the node calls a function that is not built in or runs statements of its own. Runs in:
/// call().
bool is_foreign(Node* node, const void*) {
  // A domain's constraints are anybody's expressions, and aggregates are in the internal language.
  return IsA(node, CoerceToDomain) ||
         (IsA(node, Aggref) && is_users(reinterpret_cast<const Aggref*>(node)->aggfnoid)) ||
         check_functions_in_node(node, is_foreign_function, nullptr) || brings_foreign_type(node);
}

/// Runs in: call(); a C callback of check_functions_in_node().
bool is_users_function(Oid function, void*) { return is_users(function); }

/// Runs in: call().
bool calls_users(Node* node, const void*) {
  return !IsA(node, Aggref) && check_functions_in_node(node, is_users_function, nullptr);
}

/// Whether json is made here by a cast that may be volatile: of rows it may be anybody's. Runs in:
/// call().
bool has_unseen_cast(Node* node) {
  const Oid cast = cast_to_json_around(node);
  return makes_json_of_rows(node) ||
         (OidIsValid(cast) && facts_of(cast).volatility == PROVOLATILE_VOLATILE);
}

/// Runs in: call().
bool calls_unseen(Node* node, const void*) {
  switch (nodeTag(node)) {
    case T_Aggref:
      return is_users(reinterpret_cast<const Aggref*>(node)->aggfnoid) || has_unseen_cast(node);
    case T_WindowFunc:
      return is_users(reinterpret_cast<const WindowFunc*>(node)->winfnoid) || has_unseen_cast(node);
    case T_CoerceToDomain:
      return true;
    case T_FuncExpr:
    case T_OpExpr:
    case T_CoerceViaIO:
      return may_hold_domain(exprType(node)) || has_unseen_cast(node) ||
             check_functions_in_node(node, parses_type_names, nullptr);
    case T_RangeTblFunction:
      return has_users_type(reinterpret_cast<const RangeTblFunction*>(node)->funccoltypes);
    case T_TableFunc:
      return has_users_type(reinterpret_cast<const TableFunc*>(node)->coltypes);
    default:
      return false;
  }
}

/// Whether `test` holds for one of the functions behind an aggregate's name, those included that
/// only windows use. Runs in: call().
template <typename Test>
bool any_function_behind(Oid aggregate, Test test) {
  HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
  if (!HeapTupleIsValid(tuple)) {
    return true;
  }
  const auto* form = reinterpret_cast<const FormData_pg_aggregate*>(GETSTRUCT(tuple));
  const Oid functions[] = {form->aggtransfn, form->aggfinalfn, form->aggmtransfn,
                           form->aggminvtransfn, form->aggmfinalfn};
  ReleaseSysCache(tuple);
  return std::ranges::any_of(
      functions, [&test](Oid function) { return OidIsValid(function) && test(function); });
}

/// Whether `test` holds for one of the functions that compute an aggregate beside its arguments.
/// Runs in: call().
template <typename Test>
bool any_state_function(const Aggref* aggref, Test test) {
  if (any_function_behind(aggref->aggfnoid, test)) {
    return true;
  }
  for (const List* clauses : {aggref->aggorder, aggref->aggdistinct}) {
    ListCell* cell;
    foreach (cell, clauses) {
      const auto* clause = static_cast<const SortGroupClause*>(lfirst(cell));
      if ((OidIsValid(clause->sortop) && test(get_opcode(clause->sortop))) ||
          test(get_opcode(clause->eqop))) {
        return true;
      }
    }
  }
  return false;
}

/// Calls `test` for every function that an expression calls, those that it does not name included,
/// until one passes.
struct FunctionSearch {
  bool (*test)(Oid function);
  bool doubts_domains;  // whose conditions may be anything
};

/// Runs in: call().
bool goes_through_domain(const Node* node) {
  switch (nodeTag(node)) {
    case T_CoerceToDomain:
      return true;
    case T_FuncExpr:
    case T_OpExpr:
    case T_CoerceViaIO:
      return may_hold_domain(exprType(node));
    default:
      return false;
  }
}

/// A C callback of check_functions_in_node().
bool passes(Oid function, void* search) {
  return static_cast<const FunctionSearch*>(search)->test(function);
}

/// Runs in: call().
bool calls_what_passes(Node* node, const void* context) {
  const auto* search = static_cast<const FunctionSearch*>(context);
  const Oid cast = cast_to_json_around(node);
  return (OidIsValid(cast) && search->test(cast)) ||
         check_functions_in_node(node, passes, const_cast<void*>(context)) ||
         (IsA(node, Aggref) &&
          any_state_function(reinterpret_cast<const Aggref*>(node), search->test)) ||
         (IsA(node, WindowFunc) && reinterpret_cast<const WindowFunc*>(node)->winagg &&
          any_function_behind(reinterpret_cast<const WindowFunc*>(node)->winfnoid, search->test)) ||
         (search->doubts_domains && goes_through_domain(node));
}

bool any_function(Node* expr, bool (*test)(Oid function), bool doubts_domains) {
  const FunctionSearch search{test, doubts_domains};
  return any_node(expr, calls_what_passes, &search);
}

/// Runs in: call().
bool is_unsafe_for_workers(Oid function) { return facts_of(function).parallel != PROPARALLEL_SAFE; }

/// Runs in: call().
bool is_in_other_language(Oid function) {
  const Oid language = facts_of(function).language;
  return language != INTERNALlanguageId && language != ClanguageId;
}

}  // namespace

bool calls_built_ins_only(Node* expr) {
  return call([expr] { return !any_node(expr, is_foreign); });
}

bool calls_users_functions(Node* expr) { return any_node(expr, calls_users); }

bool may_call_unseen(Node* expr) { return any_node(expr, calls_unseen); }

bool forbids_workers(Node* expr) {
  return call([expr] { return any_function(expr, is_unsafe_for_workers, false); });
}

bool calls_other_languages(Node* expr) { return any_function(expr, is_in_other_language, true); }

bool has_built_in_states(const Aggref* aggref) {
  return call([aggref] {
    if (is_users(aggref->aggfnoid)) {
      return false;
    }
    ListCell* cell;
    foreach (cell, aggref->args) {
      const auto* entry = static_cast<const TargetEntry*>(lfirst(cell));
      if (is_foreign_type(exprType(reinterpret_cast<const Node*>(entry->expr)))) {
        return false;
      }
    }
    // An operator class of somebody's may order a built-in type.
    return !any_state_function(aggref, is_users);
  });
}

bool has_volatile_states(const Aggref* aggref) {
  return call([aggref] {
    return any_state_function(
        aggref, [](Oid function) { return facts_of(function).volatility == PROVOLATILE_VOLATILE; });
  });
}

}  // namespace sluice::pg
