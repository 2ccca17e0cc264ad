#include "pg/planner/lookup_cost.h"

#include <algorithm>
#include <cmath>

#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <catalog/pg_class.h>
#include <catalog/pg_index.h>
#include <catalog/pg_statistic.h>
#include <miscadmin.h>
#include <optimizer/optimizer.h>
#include <parser/parsetree.h>
#include <utils/lsyscache.h>
#include <utils/spccache.h>
#include <utils/syscache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

struct TableSize {
  double pages = 0;
  double rows = 0;
  double random_page_cost = 0;
};

/// As VACUUM and ANALYZE left it. Runs in: call().
TableSize size_of(Oid table) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
  if (!HeapTupleIsValid(tuple)) {
    return {};
  }
  const auto* relation = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
  TableSize size{static_cast<double>(relation->relpages), static_cast<double>(relation->reltuples)};
  get_tablespace_page_costs(relation->reltablespace, &size.random_page_cost, nullptr);
  ReleaseSysCache(tuple);
  return size;
}

/// Between the order of the index and that of its table: -1 to 1. Runs in: call().
double correlation_of(Oid index, Oid table) {
  HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(tuple)) {
    return 0;
  }
  const auto* form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
  const AttrNumber column = form->indkey.values[0];
  const bool several = form->indnkeyatts > 1;
  ReleaseSysCache(tuple);
  // The values of an expression are the index's own statistics.
  const Oid owner = column == 0 ? index : table;
  HeapTuple statistics =
      SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(owner),
                      Int16GetDatum(column == 0 ? 1 : column), BoolGetDatum(false));
  if (!HeapTupleIsValid(statistics)) {
    return 0;
  }
  AttStatsSlot slot;
  double correlation = 0;
  if (get_attstatsslot(&slot, statistics, STATISTIC_KIND_CORRELATION, InvalidOid,
                       ATTSTATSSLOT_NUMBERS)) {
    correlation = several ? slot.numbers[0] * 0.75 : slot.numbers[0];
    free_attstatsslot(&slot);
  }
  ReleaseSysCache(statistics);
  return correlation;
}

/// Pages read for `tuples` at random of a table of `pages`, which has the whole cache.
/// Source: Mackert and Lohman, "Index Scans Using a Finite LRU Buffer"; index_pages_fetched().
double pages_fetched(double tuples, double pages) {
  const double cached = std::max(static_cast<double>(effective_cache_size), 1.0);
  const double once = 2 * pages * tuples / (2 * pages + tuples);
  if (pages <= cached) {
    return std::ceil(std::min(once, pages));
  }
  const double filled_by = 2 * pages * cached / (2 * pages - cached);
  return std::ceil(tuples <= filled_by ? once
                                       : cached + (tuples - filled_by) * (pages - cached) / pages);
}

/// The way down an index, and a page of the table that is looked for in the pool and found: what
/// TPC-H shows, beside the time that a page takes that is read in turn with all its rows.
constexpr double kFoundPageFactor = 0.5;

/// Of all `lookups` that return `tuples` each. Runs in: call().
double cost_of_lookups(double lookups, double tuples, const TableSize& table, double correlation) {
  const double squared = correlation * correlation;
  const double in_a_row = std::ceil(tuples / table.rows * table.pages);
  const double looked_for = tuples + squared * (std::min(in_a_row, tuples) - tuples);
  const double found = lookups * (looked_for + 1) * kFoundPageFactor * seq_page_cost;
  const double apart = pages_fetched(tuples * lookups, table.pages);
  const double together = pages_fetched(in_a_row * lookups, table.pages);
  const double read = (apart + squared * (together - apart)) * table.random_page_cost;
  return std::max(found, read) + lookups * tuples * cpu_tuple_cost;
}

/// How often a part of the plan runs, and how much of its rows each time.
struct Runs {
  double count = 1;
  bool ends_early = false;  // at the first match: semi and anti joins, and unique inner sides
};

/// Beyond what the plan says, for all lookups. Runs in: call().
double underpriced(const IndexScan& scan, const Runs& lookups, const List* tables) {
  constexpr double kTuplesToAMatch = 2;
  const RangeTblEntry* entry = rt_fetch(scan.scan.scanrelid, tables);
  const TableSize table = size_of(entry->relid);
  if (table.pages < 1 || table.rows < 1) {
    return 0;
  }
  const double tuples = std::max(scan.scan.plan.plan_rows, 1.0);
  const double read = lookups.ends_early ? std::min(tuples, kTuplesToAMatch) : tuples;
  const double cost =
      cost_of_lookups(lookups.count, read, table, correlation_of(scan.indexid, entry->relid));
  return std::max(cost - lookups.count * scan.scan.plan.total_cost * read / tuples, 0.0);
}

double underpriced_below(const Plan* node, const Runs& runs, const List* tables);

double underpriced_below_all(const List* plans, const Runs& runs, const List* tables) {
  double cost = 0;
  ListCell* cell;
  foreach (cell, plans) {
    cost += underpriced_below(static_cast<const Plan*>(lfirst(cell)), runs, tables);
  }
  return cost;
}

double underpriced_below_append(const Append& append, const Runs& runs, const List* tables) {
  const double cost = underpriced_below_all(append.appendplans, runs, tables);
  // Pruned at run time: an outer row has its partition.
  return append.part_prune_info == nullptr ? cost
                                           : cost / std::max(list_length(append.appendplans), 1);
}

/// Below `node`. Runs in: call().
double underpriced_below(const Plan* node, const Runs& runs, const List* tables) {
  if (node == nullptr) {
    return 0;
  }
  check_stack_depth();
  switch (nodeTag(node)) {
    case T_IndexScan:
      return runs.count > 1 ? underpriced(*reinterpret_cast<const IndexScan*>(node), runs, tables)
                            : 0;
    case T_NestLoop: {
      const auto& join = reinterpret_cast<const NestLoop*>(node)->join;
      const Runs inner{
          runs.count * std::max(node->lefttree->plan_rows, 1.0),
          join.inner_unique || join.jointype == JOIN_SEMI || join.jointype == JOIN_ANTI};
      return underpriced_below(node->lefttree, runs, tables) +
             underpriced_below(node->righttree, inner, tables);
    }
    case T_Material:  // runs what is below it once
      return underpriced_below(node->lefttree, {}, tables);
    case T_Memoize:  // spares lookups, nobody knows how many
      return 0;
    case T_Limit: {
      const double rows = std::max(node->lefttree->plan_rows, 1.0);
      return underpriced_below(node->lefttree, runs, tables) *
             std::min(node->plan_rows / rows, 1.0);
    }
    case T_Append:
      return underpriced_below_append(*reinterpret_cast<const Append*>(node), runs, tables);
    case T_SubqueryScan:
      return underpriced_below(reinterpret_cast<const SubqueryScan*>(node)->subplan, runs, tables);
    default:
      return underpriced_below(node->lefttree, runs, tables) +
             underpriced_below(node->righttree, runs, tables);
  }
}

}  // namespace

double underpriced_lookups(const PlannedStmt* planned) {
  return call([planned] {
    double cost = underpriced_below(planned->planTree, {}, planned->rtable);
    ListCell* cell;
    foreach (cell, planned->subplans) {
      const auto* plan = static_cast<const Plan*>(lfirst(cell));
      if (plan != nullptr && bms_is_empty(plan->extParam)) {
        cost += underpriced_below(plan, {}, planned->rtable);
      }
    }
    return cost;
  });
}

}  // namespace sluice::pg
