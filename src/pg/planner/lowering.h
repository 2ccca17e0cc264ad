// What one attempt to lower one subtree knows and gathers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/port/types.h"
#include "plan/data_type.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The statement around the subtree. Shape: `init_plan_params` are those of all its init plans.
struct Statement {
  PlannedStmt* planned = nullptr;
  Bitmapset* init_plan_params = nullptr;
};

/// Filled by the lower_*.cc files from the leaves up.
struct Lowering {
  explicit Lowering(const Statement& around) noexcept : statement(around) {}

  const Statement& statement;
  std::vector<Node*> param_exprs;  // parameter i of the plan
  std::vector<ParamType> param_types;
  std::vector<Index> range_indexes;  // of the relations read
  std::uint64_t pages_max = 0;       // of the largest relation read
  std::uint64_t toast_pages = 0;     // that the scans may unpack values from
  bool has_temporary = false;        // workers cannot read it
  bool order_matters = false;        // a float8 sum: rows must come as PostgreSQL reads them
  bool root_streams = true;          // rows reach the client while the run goes on
  std::string may_abandon;           // what might not fit at run time; empty: nothing
};

}  // namespace sluice::pg
