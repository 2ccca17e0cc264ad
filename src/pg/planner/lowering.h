// What one attempt to lower one subtree knows and gathers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/decline.h"
#include "pg/port/types.h"
#include "plan/data_type.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

struct PlanVerdicts;

/// The statement around the subtree. Shape: `init_plan_params` are those of all its init plans.
struct Statement {
  PlannedStmt* planned = nullptr;
  Bitmapset* init_plan_params = nullptr;
  const PlannedStmt* first = nullptr;  // PostgreSQL's own plan
  PlanVerdicts* verdicts = nullptr;    // on its nodes, so far
};

/// What an attempt at a part of the subtree may change, to go back to.
struct LoweringMark {
  std::vector<Node*> param_exprs;  // parameter i of the plan
  std::vector<ParamType> param_types;
  std::vector<Index> range_indexes;  // of the relations read
  std::uint64_t pages_max = 0;       // of the largest relation read
  std::uint64_t toast_pages = 0;     // that the scans may unpack values from
  bool has_temporary = false;        // workers cannot read it
  bool forbids_workers = false;      // by what its functions are
  bool order_matters = false;        // a float8 sum: rows must come as PostgreSQL reads them
  bool calls_users = false;          // functions of theirs: they would notice a second call
  double foreign_cost = 0;           // of what PostgreSQL's functions do for groups
  double leader_cost = 0;            // of what they do in the leader alone
  std::string may_abandon;           // what might not fit at run time; empty: nothing
  std::vector<Plan*> plan_inputs;    // by number
  std::vector<bool> unsure_inputs;   // likewise: may have a numeric that is not of its type
  std::vector<Decline> inside;       // why those, in so far as it is not their kind
};

/// Filled by the lower_*.cc files from the leaves up.
struct Lowering : LoweringMark {
  explicit Lowering(const Statement& around) noexcept : statement(around) {}

  /// Whether the leader is a seat that computes.
  [[nodiscard]] bool leader_computes() const noexcept {
    return !root_streams || !plan_inputs.empty();
  }

  const Statement& statement;
  bool root_streams = true;         // rows reach the client while the run goes on
  bool may_read_plans = false;      // rows of nodes that PostgreSQL executes
  bool only_sure_numerics = false;  // of these: others are carried, but not computed with
  bool all_groups = true;           // of the node at hand reach whoever asks for them
  bool read_whole = false;  // PostgreSQL, too, reads the node at hand to its end, come what may
  std::size_t depth = 0;    // of the node at hand, below the subtree's root
};

/// For the nodes below the one at hand.
class OneDeeper {
 public:
  explicit OneDeeper(Lowering& lowering) noexcept : depth_(lowering.depth) { ++depth_; }
  ~OneDeeper() { --depth_; }
  OneDeeper(const OneDeeper&) = delete;
  OneDeeper& operator=(const OneDeeper&) = delete;

 private:
  std::size_t& depth_;
};

/// For a part that PostgreSQL may not come to, or not read to its end: where `whole` is false.
class ReadWhole {
 public:
  ReadWhole(Lowering& lowering, bool whole) noexcept
      : lowering_(lowering), before_(lowering.read_whole) {
    lowering.read_whole = before_ && whole;
  }
  ~ReadWhole() { lowering_.read_whole = before_; }
  ReadWhole(const ReadWhole&) = delete;
  ReadWhole& operator=(const ReadWhole&) = delete;

 private:
  Lowering& lowering_;
  const bool before_;
};

[[nodiscard]] inline LoweringMark mark_of(const Lowering& lowering) { return lowering; }

inline void go_back(Lowering& lowering, const LoweringMark& mark) {
  static_cast<LoweringMark&>(lowering) = mark;
}

}  // namespace sluice::pg
