#include "pg/planner/explain_reason.h"

#include <cstring>

#include "pg/border/call.h"
#include "pg/border/guard.h"
#include "pg/border/pg_include.h"
#include "pg/planner/reasons.h"

SLUICE_PG_HEADERS_BEGIN
#include <commands/explain.h>
#include <executor/instrument.h>
#include <portability/instr_time.h>
#include <tcop/tcopprot.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

ExplainOneQuery_hook_type previous_explain = nullptr;

/// Takes `suffix` off the output's end, if it is there.
bool drop_suffix(StringInfo out, const char* suffix) {
  const auto length = static_cast<int>(std::strlen(suffix));
  if (out->len < length || std::strcmp(out->data + out->len - length, suffix) != 0) {
    return false;
  }
  out->len -= length;
  out->data[out->len] = '\0';
  return true;
}

/// Undoes the closing of the "Query" group, so that one more property fits in. Runs in: call().
/// Source: src/backend/commands/explain.c, ExplainCloseGroup().
bool reopen_query_group(ExplainState* es) {
  const int blanks = 2 * es->indent;
  switch (es->format) {
    case EXPLAIN_FORMAT_TEXT:
      return true;
    case EXPLAIN_FORMAT_JSON:
      if (!drop_suffix(es->str, psprintf("\n%*s}", blanks, ""))) {
        return false;
      }
      es->grouping_stack = lcons_int(1, es->grouping_stack);
      break;
    case EXPLAIN_FORMAT_XML:
      if (!drop_suffix(es->str, psprintf("%*s</Query>\n", blanks, ""))) {
        return false;
      }
      break;
    case EXPLAIN_FORMAT_YAML:
      es->grouping_stack = lcons_int(1, es->grouping_stack);
      break;
  }
  ++es->indent;
  return true;
}

void explain_report(ExplainState* es, const PlanningReport* report) {
  if (report == nullptr || report->declines.empty()) {
    return;
  }
  const std::string text =
      (report->taken ? "partly used: " : "not used: ") + joined(report->declines, "; ");
  const char* words = text.c_str();
  call([es, words] {
    if (reopen_query_group(es)) {
      ExplainPropertyText("Sluice", words, es);
      ExplainCloseGroup("Query", nullptr, true, es);
    }
  });
}

/// Plans and explains as PostgreSQL does without a hook. Runs in: C code; may longjmp.
/// Source: src/backend/commands/explain.c, ExplainOneQuery().
const PlannedStmt* explain_alone(Query* query, int cursor_options, IntoClause* into,
                                 ExplainState* es, const char* text, ParamListInfo params,
                                 QueryEnvironment* environment) {
  BufferUsage before{};
  BufferUsage used{};
  if (es->buffers) {
    before = pgBufferUsage;
  }
  instr_time start;
  instr_time duration;
  INSTR_TIME_SET_CURRENT(start);
  PlannedStmt* planned = pg_plan_query(query, text, cursor_options, params);
  INSTR_TIME_SET_CURRENT(duration);
  INSTR_TIME_SUBTRACT(duration, start);
  if (es->buffers) {
    BufferUsageAccumDiff(&used, &pgBufferUsage, &before);
  }
  // Running the query may plan others.
  if (es->verbose) {
    guard([planned] { keep_report_of(planned); });
  }
  ExplainOnePlan(planned, into, es, text, params, environment, &duration,
                 es->buffers ? &used : nullptr);
  return planned;
}

extern "C" void sluice_explain_one_query(Query* query, int cursor_options, IntoClause* into,
                                         ExplainState* es, const char* text, ParamListInfo params,
                                         QueryEnvironment* environment) {
  if (previous_explain != nullptr) {
    previous_explain(query, cursor_options, into, es, text, params, environment);
    return;
  }
  const PlannedStmt* planned =
      explain_alone(query, cursor_options, into, es, text, params, environment);
  if (es->verbose) {
    guard([es, planned] { explain_report(es, kept_report_of(planned)); });
  }
}

}  // namespace

void install_explain_hook() {
  previous_explain = ExplainOneQuery_hook;
  ExplainOneQuery_hook = sluice_explain_one_query;
}

}  // namespace sluice::pg
