#include "pg/leader/leader_scan.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/fault_point.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"
#include "pg/planner/leaves.h"
#include "pg/port/settings.h"
#include "pg/port/types.h"
#include "pg/port/value_error.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
#include <executor/executor.h>
#include <executor/nodeSubplan.h>
#include <miscadmin.h>
#include <nodes/nodeFuncs.h>
#include <optimizer/cost.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

struct Value {
  Datum datum = 0;
  bool is_null = false;
  StoredForm form;
};

/// Runs the init plans before the run, as PostgreSQL does before it launches workers: their errors
/// are the query's.
void run_init_plans(const ScanState& scan) {
  const auto* plan = reinterpret_cast<const CustomScan*>(scan.ps.plan);
  Bitmapset* params = init_plan_params_of(reinterpret_cast<Node*>(plan->custom_exprs));
  call([&] { ExecSetParamPlanMulti(params, scan.ps.ps_ExprContext); });
}

/// Errors: kAbandon when a value does not fit the type that was planned for it, or cannot be had:
///         PostgreSQL would raise that error only if it came to a row that needs the value.
std::vector<plan::Expr> evaluate(List* states, ExprContext* context,
                                 const std::vector<ParamType>& types) {
  std::vector<plan::Expr> values;
  values.reserve(types.size());
  SLUICE_CHECK(static_cast<std::size_t>(list_length(states)) == types.size(),
               "the plan's parameters and their expressions differ in number");
  for (std::size_t i = 0; i < types.size(); ++i) {
    auto* state = static_cast<ExprState*>(list_nth(states, static_cast<int>(i)));
    Value value;
    try {
      value = call([=] {
        Value result;
        result.form = stored_form_of(exprType(reinterpret_cast<Node*>(state->expr)));
        result.datum = ExecEvalExprSwitchContext(state, context, &result.is_null);
        return result;
      });
    } catch (const PgError& error) {
      if (is_of_the_value(error)) {
        discard(error);
        base::throw_abandon("a run-time constant cannot be evaluated");
      }
      throw;
    }
    std::optional<plan::Expr> constant =
        parameter_of(value.datum, value.is_null, types[i], value.form);
    if (!constant.has_value()) {
      base::throw_abandon("a run-time constant does not fit its planned type");
    }
    values.push_back(std::move(*constant));
  }
  return values;
}

/// Workers to ask for now: a cached plan may meet other settings than it was made for.
unsigned workers_for(const SluicePlan& plan, const EState& estate) {
  if (!plan.plan.distributed || !estate.es_use_parallel_mode || IsParallelWorker()) {
    return 0;
  }
  const int wanted = std::min(workers_wanted(plan.plan.leader_computes), max_parallel_workers);
  return std::min(plan.workers_planned, static_cast<unsigned>(std::max(wanted, 0)));
}

}  // namespace

LeaderScan::LeaderScan(SluicePlan plan, PlanInputs inputs, bool may_rescan)
    : plan_(std::move(plan)),
      inputs_(std::move(inputs)),
      output_(plan_.outputs, plan_.plan.root.output),
      may_rescan_(may_rescan) {}

FetchResult LeaderScan::fetch(ScanState& scan, List* params) {
  try {
    ensure_run(scan, params);
    while (!ended_ && !has_row()) {
      batch_ = run_->pull();
      next_row_ = 0;
      ended_ = batch_ == nullptr;
      if (!ended_ && !rows_out_) {
        run_->let_rows_out();
        rows_out_ = true;
      }
      if (ended_ && !may_rescan_ && run_->has_workers()) {
        run_->release_workers();
        released_ = true;
      }
    }
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kAbandon && !(is_of_the_value(error) && may_give_up())) {
      throw;
    }
    abandon(error.message());
    return FetchResult::kAbandoned;
  } catch (const PgValueError& error) {
    if (!may_give_up()) {
      throw;
    }
    abandon(error.message());
    discard(error);
    return FetchResult::kAbandoned;
  }
  return ended_ ? FetchResult::kEnd : FetchResult::kRow;
}

/// PostgreSQL may come to other rows first, or not to this one.
bool LeaderScan::may_give_up() const noexcept { return run_ != nullptr && run_->may_give_up(); }

void LeaderScan::ensure_run(ScanState& scan, List* params) {
  if (ended_ || (run_ != nullptr && !must_restart_)) {
    return;
  }
  run_init_plans(scan);
  std::vector<plan::Expr> values = evaluate(params, scan.ps.ps_ExprContext, plan_.params);
  SLUICE_FAULT_POINT(kParametersBound);
  must_restart_ = false;
  if (run_ != nullptr && !released_ && values == run_params_) {
    run_->restart();
    return;
  }
  finish_run();
  plan::PlanSpec plan = plan_.plan;
  plan::bind_params(plan, values);
  const EState& estate = *scan.ps.state;
  CrewOptions options;
  options.workers = workers_for(plan_, estate);
  options.exchange_bytes_max = static_cast<std::size_t>(settings.exchange_memory) * 1024;
  options.operator_memory_bytes = get_hash_memory_limit();
  options.errors_abandon = plan_.errors_abandon;
  options.query = estate.es_sourceText == nullptr ? "" : estate.es_sourceText;
  run_ = std::make_unique<LeaderRun>(std::move(plan), inputs_, options);
  run_params_ = std::move(values);
  run_->start(estate.es_snapshot);
}

void LeaderScan::abandon(std::string reason) {
  if (row_returned_) {
    throw base::Error(base::ErrorKind::kQuery, "54000",
                      "sluice: the run had to be given up after its first row", reason);
  }
  SLUICE_FAULT_POINT(kAbandoned);
  abandoned_ = true;
  abandon_reason_ = std::move(reason);
  finish_run();
}

void LeaderScan::finish_run() {
  batch_ = nullptr;
  if (run_ != nullptr) {
    run_->finish(past_runs_);
    run_.reset();
    released_ = false;
  }
}

void LeaderScan::rescan() noexcept {
  batch_ = nullptr;
  ended_ = false;
  row_returned_ = false;
  rows_out_ = false;
  must_restart_ = run_ != nullptr;
  may_rescan_ = may_rescan_ || released_;
}

void LeaderScan::shutdown() {
  // A run without workers may be asked for more rows by the next FETCH of a cursor.
  if (run_ != nullptr && run_->has_workers()) {
    finish_run();
    ended_ = true;
  }
}

void LeaderScan::end() { finish_run(); }

RunReport LeaderScan::report() const {
  RunReport report = past_runs_;
  if (run_ != nullptr) {
    run_->collect(report);
  }
  return report;
}

}  // namespace sluice::pg
