#include "pg/planner/reasons.h"

#include <cstdio>

namespace sluice::pg {

namespace {

PlanningReport latest;
const char* unseen_reason = nullptr;  // not yet in latest.declines
PlanningReport kept;

}  // namespace

void remember(PlanningReport report) noexcept {
  latest = std::move(report);
  unseen_reason = nullptr;
}

void remember_unseen(const PlannedStmt* planned, const char* why) noexcept {
  latest.planned = planned;
  latest.taken = false;
  latest.planned_cost = 0;
  latest.postgres_cost = 0;
  latest.sluice_cost = 0;
  latest.declines.clear();
  unseen_reason = why;
}

const PlanningReport* report_of(const PlannedStmt* planned) {
  if (latest.planned != planned) {
    return nullptr;
  }
  if (unseen_reason != nullptr) {
    latest.declines.push_back({Reason::kStatement, unseen_reason});
    unseen_reason = nullptr;
  }
  return &latest;
}

void keep_report_of(const PlannedStmt* planned) {
  const PlanningReport* report = report_of(planned);
  kept = report != nullptr ? *report : PlanningReport{};
}

const PlanningReport* kept_report_of(const PlannedStmt* planned) {
  return kept.planned == planned ? &kept : nullptr;
}

std::string joined(const std::vector<Decline>& declines, const char* separator) {
  std::string text;
  for (const Decline& decline : declines) {
    text += text.empty() ? "" : separator;
    text += to_string(decline);
  }
  return text;
}

std::string cost_detail(double sluice_cost, double postgres_cost) {
  char text[96];
  std::snprintf(text, sizeof text, "Sluice %.2f, PostgreSQL %.2f", sluice_cost, postgres_cost);
  return text;
}

}  // namespace sluice::pg
