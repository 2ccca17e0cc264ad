#include "pg/planner/eligibility.h"

#include <algorithm>

#include "base/ids.h"
#include "pg/border/call.h"
#include "pg/planner/leaves.h"
#include "pg/port/settings.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
#include <access/xact.h>
#include <catalog/pg_class.h>
#include <catalog/pg_proc.h>
#include <miscadmin.h>
#include <nodes/plannodes.h>
#include <optimizer/clauses.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Whether a join or an aggregate of rows from somewhere may be in the query or anywhere inside it.
bool has_work(const Query* query) {
  check_stack_depth();
  int relations = 0;
  ListCell* cell;
  foreach (cell, query->rtable) {
    const auto* entry = static_cast<const RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind == RTE_RELATION && entry->relkind != RELKIND_VIEW) {
      ++relations;
    } else if (entry->rtekind == RTE_SUBQUERY && entry->subquery != nullptr &&
               has_work(entry->subquery)) {
      return true;
    } else if (entry->rtekind != RTE_RELATION && entry->rtekind != RTE_JOIN &&
               entry->rtekind != RTE_RESULT) {
      ++relations;
    }
  }
  foreach (cell, query->cteList) {
    const auto* cte = static_cast<const CommonTableExpr*>(lfirst(cell));
    if (has_work(reinterpret_cast<const Query*>(cte->ctequery))) {
      return true;
    }
  }
  // A subquery in an expression may turn into a join, or do the work itself.
  const bool groups = query->hasAggs || query->groupClause != NIL || query->distinctClause != NIL ||
                      query->setOperations != nullptr;
  return query->hasSubLinks || (relations > 0 && groups) || relations > 1;
}

}  // namespace

const char* reason_against(const Query* query, int cursor_options) {
  if (query->commandType != CMD_SELECT && query->commandType != CMD_INSERT) {
    return "not a SELECT";
  }
  if (query->rowMarks != NIL) {
    return "locks rows";
  }
  // Where an updated row changed meanwhile, PostgreSQL before 15.15 runs the statement's subqueries
  // again and takes any Custom Scan over a join or an aggregate in them for empty.
  if (query->hasModifyingCTE) {
    return "modifies data in WITH";
  }
  if ((cursor_options & CURSOR_OPT_SCROLL) != 0) {
    return "scrollable cursor";
  }
  if (!has_work(query)) {
    return "no join and no aggregate";
  }
  if (reads_storage(query)) {
    return "asks how values are stored";
  }
  return nullptr;
}

WorkerLimits workers_allowed(Query* query, int cursor_options) {
  if ((cursor_options & CURSOR_OPT_PARALLEL_OK) == 0 || !IsUnderPostmaster ||
      query->commandType != CMD_SELECT || query->hasModifyingCTE || IsParallelWorker() ||
      IsInParallelMode()) {
    return {};
  }
  const int most = std::min(max_parallel_workers, static_cast<int>(base::kSeatsMax) - 1);
  const WorkerLimits limits{std::clamp(workers_wanted(true), 0, most),
                            std::clamp(workers_wanted(false), 0, most)};
  if (limits.streaming_leader == 0) {
    return {};
  }
  const char hazard = call([query] { return max_parallel_hazard(query); });
  return hazard == PROPARALLEL_UNSAFE ? WorkerLimits{} : limits;
}

}  // namespace sluice::pg
