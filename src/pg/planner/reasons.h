// What was decided about the statement that was planned last in this process, and why.
#pragma once

#include <string>
#include <vector>

#include "pg/planner/decline.h"

struct PlannedStmt;

namespace sluice::pg {

/// Units: costs in PostgreSQL's cost units; 0 where not estimated.
struct PlanningReport {
  const PlannedStmt* planned = nullptr;  // identity only
  bool taken = false;
  double planned_cost = 0;   // PostgreSQL's estimate of its plan
  double postgres_cost = 0;  // with its lookups priced, until a cursor has what it is asked for:
                             // what ours is compared with
  double sluice_cost = 0;
  std::vector<Decline> declines;
};

void remember(PlanningReport report) noexcept;
/// For a statement that was not looked at; `why` is a string literal. Makes no allocation.
void remember_unseen(const PlannedStmt* planned, const char* why) noexcept;
/// The report of `planned`, or null where another statement was planned since.
[[nodiscard]] const PlanningReport* report_of(const PlannedStmt* planned);
/// Keeps the report of `planned` while it runs and other statements are planned; the latest one
/// kept.
void keep_report_of(const PlannedStmt* planned);
/// Null where keep_report_of() was called for another statement since.
[[nodiscard]] const PlanningReport* kept_report_of(const PlannedStmt* planned);

/// The reasons in one line, or one a line.
[[nodiscard]] std::string joined(const std::vector<Decline>& declines, const char* separator);
/// "Sluice 1234.56, PostgreSQL 789.01": for a Decline of Reason::kCost.
[[nodiscard]] std::string cost_detail(double sluice_cost, double postgres_cost);

}  // namespace sluice::pg
