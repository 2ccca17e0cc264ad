#include "pg/planner/why_not.h"

#include <algorithm>

#include "pg/border/call.h"
#include "pg/border/guard.h"
#include "pg/border/pg_include.h"
#include "pg/planner/reasons.h"
#include "pg/port/settings.h"

SLUICE_PG_HEADERS_BEGIN
#include <fmgr.h>
#include <nodes/plannodes.h>
#include <rewrite/rewriteHandler.h>
#include <tcop/tcopprot.h>
#include <utils/builtins.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

bool asking = false;

class AskingScope {
 public:
  AskingScope() noexcept { asking = true; }
  AskingScope(const AskingScope&) = delete;
  AskingScope& operator=(const AskingScope&) = delete;
  ~AskingScope() { asking = false; }
};

/// The query inside EXPLAIN, CREATE TABLE AS or DECLARE CURSOR. Runs in: call().
List* queries_inside(Query* query) {
  Node* inside = nullptr;
  if (query->commandType == CMD_UTILITY) {
    switch (nodeTag(query->utilityStmt)) {
      case T_ExplainStmt:
        inside = reinterpret_cast<ExplainStmt*>(query->utilityStmt)->query;
        break;
      case T_CreateTableAsStmt:
        inside = reinterpret_cast<CreateTableAsStmt*>(query->utilityStmt)->query;
        break;
      case T_DeclareCursorStmt:
        inside = reinterpret_cast<DeclareCursorStmt*>(query->utilityStmt)->query;
        break;
      default:
        break;
    }
  }
  return inside != nullptr && IsA(inside, Query) ? QueryRewrite(reinterpret_cast<Query*>(inside))
                                                 : list_make1(query);
}

/// Runs in: call().
List* analyzed(const char* text) {
  List* queries = NIL;
  ListCell* cell;
  foreach (cell, pg_parse_query(text)) {
    List* rewritten = pg_analyze_and_rewrite_fixedparams(static_cast<RawStmt*>(lfirst(cell)), text,
                                                         nullptr, 0, nullptr);
    ListCell* one;
    foreach (one, rewritten) {
      queries = list_concat(queries, queries_inside(static_cast<Query*>(lfirst(one))));
    }
  }
  return queries;
}

void add(std::vector<Decline>& declines, Decline decline) {
  if (std::find(declines.begin(), declines.end(), decline) == declines.end()) {
    declines.push_back(std::move(decline));
  }
}

void add_reasons_of(std::vector<Decline>& declines, const PlanningReport& report) {
  for (const Decline& decline : report.declines) {
    add(declines, decline);
  }
  if (!report.taken || current_mode() != Mode::kAuto) {
    return;
  }
  if (report.planned_cost < settings.min_cost) {
    add(declines, {Reason::kCost, "below sluice.min_cost"});
  } else if (report.sluice_cost >= report.postgres_cost) {
    add(declines, {Reason::kCost, cost_detail(report.sluice_cost, report.postgres_cost)});
  }
}

/// palloc'd text, or null where Sluice takes all of it.
text* why_not(const char* query_text) {
  std::vector<Decline> declines;
  if (current_mode() == Mode::kOff) {
    declines.push_back({Reason::kStatement, "sluice.mode is off"});
  }
  List* queries = call([query_text] { return analyzed(query_text); });
  const AskingScope scope;
  for (int i = 0; i < list_length(queries); ++i) {
    auto* query = static_cast<Query*>(list_nth(queries, i));
    if (query->commandType == CMD_UTILITY) {
      add(declines, {Reason::kStatement, "utility command"});
      continue;
    }
    const PlannedStmt* planned = call([query, query_text] {
      return pg_plan_query(query, query_text, CURSOR_OPT_PARALLEL_OK, nullptr);
    });
    if (const PlanningReport* report = report_of(planned)) {
      add_reasons_of(declines, *report);
    }
  }
  if (declines.empty()) {
    return nullptr;
  }
  const std::string reasons = joined(declines, "\n");
  const char* words = reasons.c_str();
  return call([words] { return cstring_to_text(words); });
}

}  // namespace

bool asking_why_not() noexcept { return asking; }

}  // namespace sluice::pg

extern "C" {

PG_FUNCTION_INFO_V1(sluice_why_not);

/// sluice.why_not(query text) returns text: one reason a line, NULL where there is none.
__attribute__((visibility("default"))) Datum sluice_why_not(PG_FUNCTION_ARGS) {
  char* query = text_to_cstring(PG_GETARG_TEXT_PP(0));
  text* reasons = sluice::pg::guard([query] { return sluice::pg::why_not(query); });
  if (reasons == nullptr) {
    PG_RETURN_NULL();
  }
  PG_RETURN_TEXT_P(reasons);
}

}  // extern "C"
