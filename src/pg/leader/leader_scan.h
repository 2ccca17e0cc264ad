// A Custom Scan's life in the leader: from the plan to rows, over starts, rescans, early ends and
// abandon.
//
// | state     | fetch()                     | rescan()         | shutdown()             |
// |-----------|-----------------------------|------------------|------------------------|
// | idle      | starts a run -> running     | stays            | stays                  |
// | running   | a row, or -> ended          | same run, or new | with workers: -> ended |
// | ended     | the end                     | same run, or new | with workers: run ends |
// | released  | the end                     | new run          | run ends               |
// | abandoned | kAbandoned: PostgreSQL's    | stays            | stays                  |
// |           | own plan answers            |                  |                        |
//
// A run with workers that ends is released, and its workers leave at once, unless a rescan was
// announced or has found one released before.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/leader/leader_run.h"
#include "pg/leader/run_report.h"
#include "pg/output/row_output.h"
#include "pg/planner/sluice_plan.h"
#include "pg/source/plan_input.h"
#include "vector/batch.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/execnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

enum class FetchResult : std::uint8_t {
  kRow,  // store_row() has one
  kEnd,
  kAbandoned,  // PostgreSQL's own plan has to answer; abandoned() from now on
};

/// The root object of a Custom Scan; owned by the query's memory context, through a reset callback.
/// Errors: as LeaderRun; all methods but those marked so run inside guard().
/// Runs in: the leader.
class LeaderScan {
 public:
  /// `inputs`: the plan's, which outlive the scan.
  /// `may_rescan`: what is above said that it may want the rows more than once. Where it wants
  /// them although it did not say so, that costs another start, once.
  LeaderScan(SluicePlan plan, PlanInputs inputs, bool may_rescan);

  /// Makes the next row current. `params`: the ExprStates of custom_exprs, evaluated in the scan's
  /// own expression context before a run starts.
  /// Errors: also 54000 when the run is given up after rows were returned.
  [[nodiscard]] FetchResult fetch(ScanState& scan, List* params);
  void rescan() noexcept;
  /// No more rows will be asked for before a rescan.
  void shutdown();
  void end();

  /// Shape:  arrays of one element an output column.
  /// Errors: ereport() by longjmp: outside of guard().
  void store_row(Datum* values, bool* nulls) {
    output_.convert(*batch_, batch_->row(next_row_++), values, nulls);
  }
  [[nodiscard]] bool has_row() const noexcept {
    return batch_ != nullptr && next_row_ < batch_->count();
  }
  /// A row went to PostgreSQL: from now on the run cannot be abandoned.
  void note_row_returned() noexcept { row_returned_ = true; }

  [[nodiscard]] bool abandoned() const noexcept { return abandoned_; }
  [[nodiscard]] const std::string& abandon_reason() const noexcept { return abandon_reason_; }
  [[nodiscard]] const SluicePlan& plan() const noexcept { return plan_; }
  [[nodiscard]] RunReport report() const;

 private:
  void ensure_run(ScanState& scan, List* params);
  [[nodiscard]] bool may_give_up() const noexcept;
  void abandon(std::string reason);
  void finish_run();

  const SluicePlan plan_;
  const PlanInputs inputs_;
  const RowOutput output_;
  bool may_rescan_;
  std::unique_ptr<LeaderRun> run_;
  std::vector<plan::Expr> run_params_;
  RunReport past_runs_;
  const vector::Batch* batch_ = nullptr;
  std::uint32_t next_row_ = 0;
  bool ended_ = false;
  bool released_ = false;  // the run's workers leave already
  bool must_restart_ = false;
  bool rows_out_ = false;  // the run's seats know that rows go to PostgreSQL
  bool row_returned_ = false;
  bool abandoned_ = false;
  std::string abandon_reason_;
};

}  // namespace sluice::pg
