#include "pg/planner/distinct_estimate.h"

#include <algorithm>

#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <catalog/pg_class.h>
#include <catalog/pg_statistic.h>
#include <nodes/primnodes.h>
#include <parser/parsetree.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Of a column of a table; 0 where nothing is known. Runs in: call().
double distinct_in_table(Oid table, AttrNumber attribute) {
  HeapTuple statistics = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table),
                                         Int16GetDatum(attribute), BoolGetDatum(false));
  if (!HeapTupleIsValid(statistics)) {
    return 0;
  }
  double values = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(statistics))->stadistinct;
  ReleaseSysCache(statistics);
  if (values < 0) {  // a part of the table's rows
    HeapTuple relation = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(relation)) {
      return 0;
    }
    values *= -std::max(reinterpret_cast<Form_pg_class>(GETSTRUCT(relation))->reltuples, 0.0F);
    ReleaseSysCache(relation);
  }
  return values;
}

}  // namespace

double distinct_values(Oid table, AttrNumber attribute) {
  return call([=] { return distinct_in_table(table, attribute); });
}

double distinct_values(const Statement& statement, const Node* terminal, double rows) {
  if (terminal == nullptr || !IsA(terminal, Var)) {
    return rows;
  }
  const auto* var = reinterpret_cast<const Var*>(terminal);
  List* const tables = statement.planned->rtable;
  if (var->varno < 1 || var->varno > list_length(tables) || var->varattno < 1) {
    return rows;
  }
  const RangeTblEntry* entry = rt_fetch(var->varno, tables);
  if (entry->rtekind != RTE_RELATION) {
    return rows;
  }
  const double values = distinct_values(entry->relid, var->varattno);
  return values > 0 ? std::min(values, rows) : rows;
}

}  // namespace sluice::pg
