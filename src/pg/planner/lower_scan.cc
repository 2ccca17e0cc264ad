// SeqScan -> ScanSpec.
#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/snapshot_knows.h"
#include "pg/port/types.h"
#include "plan/filter_order.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/heapam.h>
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/pg_class.h>
#include <catalog/pg_type.h>
#include <parser/parsetree.h>
#include <storage/bufmgr.h>
#include <utils/builtins.h>
#include <utils/rel.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

#include <algorithm>

namespace sluice::pg {

namespace {

/// Owns: nothing; palloc'd.
struct AttributeFacts {
  const char* name;
  bool may_be_toasted;
};

struct RelationFacts {
  const char* name = nullptr;
  bool readable = false;
  bool temporary = false;
  std::uint64_t pages = 0;
  std::uint64_t toast_pages = 0;
  const AttributeFacts* attributes = nullptr;
  int attribute_count = 0;
};

/// Whether values of the column may lie outside of their rows: of any length, and no numeric, which
/// is short unless somebody means it.
bool may_be_toasted(const FormData_pg_attribute& attribute) {
  constexpr int kCharactersMax = 256;
  const bool is_limited = attribute.atttypid == BPCHAROID || attribute.atttypid == VARCHAROID;
  const bool is_short = is_limited && attribute.atttypmod >= VARHDRSZ &&
                        attribute.atttypmod - VARHDRSZ <= kCharactersMax;
  return attribute.attlen == -1 && attribute.attstorage != TYPSTORAGE_PLAIN && !is_short &&
         attribute.atttypid != NUMERICOID;
}

/// Whether no row that the snapshot sees has a NULL there.
bool is_never_null(Oid relation, AttrNumber number) {
  return call([=] {
    HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(number));
    if (!HeapTupleIsValid(tuple)) {
      return false;
    }
    const bool never =
        reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attnotnull && snapshot_knows(tuple);
    ReleaseSysCache(tuple);
    return never;
  });
}

/// The statement holds its locks already.
RelationFacts facts_of(Oid oid) {
  return call([oid] {
    RelationFacts facts;
    Relation relation = table_open(oid, NoLock);
    const char kind = relation->rd_rel->relkind;
    facts.name = pstrdup(RelationGetRelationName(relation));
    facts.readable = (kind == RELKIND_RELATION || kind == RELKIND_MATVIEW) &&
                     relation->rd_tableam == GetHeapamTableAmRoutine() &&
                     RelationIsScannable(relation);  // else reading it is PostgreSQL's error
    facts.temporary = relation->rd_rel->relpersistence == RELPERSISTENCE_TEMP;
    facts.pages = static_cast<std::uint64_t>(std::max(relation->rd_rel->relpages, 0));
    facts.attribute_count = relation->rd_att->natts;
    auto* attributes = static_cast<AttributeFacts*>(
        palloc(sizeof(AttributeFacts) * static_cast<std::size_t>(facts.attribute_count + 1)));
    for (int i = 0; i < facts.attribute_count; ++i) {
      const FormData_pg_attribute* attribute = TupleDescAttr(relation->rd_att, i);
      attributes[i] = {pstrdup(NameStr(attribute->attname)), may_be_toasted(*attribute)};
    }
    if (OidIsValid(relation->rd_rel->reltoastrelid)) {
      Relation toast = table_open(relation->rd_rel->reltoastrelid, AccessShareLock);
      facts.toast_pages = RelationGetNumberOfBlocks(toast);
      table_close(toast, AccessShareLock);
    }
    facts.attributes = attributes;
    table_close(relation, NoLock);
    return facts;
  });
}

/// Adds the column of `var` to the scan of `entry`.
ScopeColumn add_column(const Lowering& lowering, const RangeTblEntry* entry, plan::ScanSpec& spec,
                       const RelationFacts& facts, Var* var) {
  if (var->varattno <= 0 || var->varattno > facts.attribute_count) {
    decline(Reason::kExpression, "whole row or system column");
  }
  const AttributeFacts& attribute = facts.attributes[var->varattno - 1];
  const auto type = column_type_of(var->vartype, var->vartypmod, var->varcollid);
  if (!type.has_value()) {
    const char* name =
        call([var] { return format_type_with_typemod(var->vartype, var->vartypmod); });
    decline(Reason::kType, std::string(attribute.name) + " is " + name);
  }
  ScopeColumn column;
  column.type = *type;
  column.column = static_cast<std::uint32_t>(spec.columns.size());
  column.terminal = reinterpret_cast<Node*>(var);
  column.not_null = is_never_null(spec.relation, var->varattno);
  spec.columns.push_back({var->varattno, *type, shown_name(lowering, entry, attribute.name)});
  return column;
}

/// The scan's own conditions.
/// Errors: Declined where one behind a NOT IN may raise: it would see rows that PostgreSQL's does
///         not.
std::vector<plan::Expr> lower_filters(ExprLowering& exprs, const NotInConditions& conditions) {
  std::vector<plan::Expr> filters;
  for (Node* conjunct : conditions.before) {
    filters.push_back(exprs.lower(conjunct).expr);
  }
  for (Node* conjunct : conditions.after) {
    filters.push_back(exprs.lower(conjunct).expr);
    if (plan::may_raise(filters.back())) {
      decline(Reason::kJoin, "condition behind a NOT IN that may raise an error");
    }
  }
  return filters;
}

}  // namespace

std::string shown_name(const Lowering& lowering, const RangeTblEntry* entry, const char* column) {
  const bool several = list_length(lowering.statement.planned->rtable) > 1;
  const char* name = call([=] {
    return several && entry->eref != nullptr
               ? psprintf("%s.%s", quote_identifier(entry->eref->aliasname),
                          quote_identifier(column))
               : quote_identifier(column);
  });
  return name;
}

Fragment lower_scan(Lowering& lowering, const SeqScan& scan, const std::vector<Node*>& leaves) {
  const Index range_index = scan.scan.scanrelid;
  const RangeTblEntry* entry = rt_fetch(range_index, lowering.statement.planned->rtable);
  if (entry->rtekind != RTE_RELATION) {
    decline(Reason::kRelation, "not a table");
  }
  const RelationFacts facts = facts_of(entry->relid);
  if (!facts.readable) {
    decline(Reason::kRelation, std::string(facts.name) + " is not a heap table");
  }
  plan::ScanSpec spec;
  spec.relation = entry->relid;
  spec.range_index = range_index;
  spec.name = facts.name;
  if (entry->eref != nullptr && spec.name != entry->eref->aliasname) {
    spec.name += std::string(" ") + entry->eref->aliasname;
  }

  const NotInConditions conditions = split_not_in(scan.scan.plan.qual);
  std::vector<Node*> read_first;
  for (const auto& conjuncts : {conditions.before, conditions.after}) {
    for (Node* conjunct : conjuncts) {
      collect_leaves(conjunct, read_first);
    }
  }
  std::vector<Node*> handed_on = leaves;
  for (const SubPlan* subplan : conditions.subplans) {
    collect_leaves(reinterpret_cast<Node*>(subplan->testexpr), handed_on);
  }
  Scope filter_scope;
  for (Node* leaf : read_first) {
    filter_scope.add(leaf, add_column(lowering, entry, spec, facts, reinterpret_cast<Var*>(leaf)));
  }
  Fragment fragment;
  for (Node* leaf : handed_on) {
    const ScopeColumn* read = filter_scope.find(leaf);
    ScopeColumn column =
        read != nullptr ? *read
                        : add_column(lowering, entry, spec, facts, reinterpret_cast<Var*>(leaf));
    spec.outputs.push_back(column.column);
    column.column = static_cast<std::uint32_t>(spec.outputs.size() - 1);
    fragment.scope.add(leaf, column);
  }
  ExprLowering exprs(lowering, filter_scope);
  spec.filters = lower_filters(exprs, conditions);
  plan::order_filters(spec);

  lowering.range_indexes.push_back(range_index);
  lowering.has_temporary = lowering.has_temporary || facts.temporary;
  if (std::ranges::any_of(spec.columns, [&facts](const plan::ScanColumn& column) {
        return facts.attributes[column.attribute - 1].may_be_toasted;
      })) {
    lowering.toast_pages += facts.toast_pages;
  }
  lowering.pages_max = std::max(lowering.pages_max, facts.pages);
  fragment.node = make_node(std::move(spec), {}, scan.scan.plan.plan_rows);
  for (const SubPlan* subplan : conditions.subplans) {
    add_not_in(lowering, fragment, *subplan);
  }
  return fragment;
}

}  // namespace sluice::pg
