#include "pg/planner/decline.h"

namespace sluice::pg {

namespace {

const char* name_of(Reason reason) {
  switch (reason) {
    case Reason::kStatement:
      return "statement";
    case Reason::kCost:
      return "cost";
    case Reason::kPlanNode:
      return "plan node";
    case Reason::kRelation:
      return "relation";
    case Reason::kType:
      return "type";
    case Reason::kExpression:
      return "expression";
    case Reason::kJoin:
      return "join";
    case Reason::kAggregate:
      return "aggregate";
    case Reason::kOrder:
      return "order";
    case Reason::kParameter:
      return "parameter";
    case Reason::kOverflow:
      return "overflow";
    case Reason::kMemory:
      return "memory";
    case Reason::kSpec:
      return "plan";
  }
  return "unknown";
}

}  // namespace

std::string to_string(const Decline& decline) {
  return std::string(name_of(decline.reason)) + ": " + decline.detail;
}

void decline(Reason reason, std::string detail) {
  throw Declined(Decline{reason, std::move(detail)});
}

}  // namespace sluice::pg
