// The making of an AggregateSpec: its input columns, group keys and calls, and what the Custom Scan
// makes of their results.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/aggregate_order.h"
#include "pg/planner/lower_expr.h"
#include "pg/planner/lower_plan.h"
#include "pg/planner/lowering.h"
#include "pg/planner/scope.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// What an aggregate that the engine has is made of.
enum class Recipe : std::uint8_t { kCountStar, kCount, kSum, kAverage, kMin, kMax };

/// How rows come to the groups.
enum class InputOrder : std::uint8_t {
  kPlanned,  // as a scan reads them, in PostgreSQL's own plan, too
  kOther,    // as a scan reads them, but not in PostgreSQL's own plan
  kUnknown,
};

/// Builds one node over `child`. Borrows all it is given.
/// Errors: Declined; PgError.
class AggregateBuilder {
 public:
  /// `foreign_distinct`: aggregates with DISTINCT are left to PostgreSQL's functions.
  /// `comes_to_all`: PostgreSQL, too, computes every group, come what may.
  AggregateBuilder(Lowering& lowering, const ChildColumns& child, const Scope& scope,
                   InputOrder input_order, bool foreign_distinct, bool comes_to_all)
      : lowering_(lowering),
        child_(child),
        scope_(scope),
        exprs_(lowering, scope),
        input_order_(input_order),
        foreign_distinct_(foreign_distinct),
        comes_to_all_(comes_to_all) {}

  void add_key(Var* var);
  /// By the engine's own functions where they can, else by PostgreSQL's.
  void add_aggregate(Aggref* aggref);
  /// Once, after the others.
  [[nodiscard]] Fragment finish(double rows);

 private:
  struct Pending {
    Node* leaf;
    ScopeColumn column;  // its columns count from the first call
    bool is_key;
  };
  /// What an attempt that is given up has to leave as it was.
  struct Mark {
    LoweringMark lowering;
    std::size_t inputs;
    std::size_t calls;
    std::optional<std::uint32_t> distinct_input;
    const Node* distinct_terminal;
  };

  // lower_aggregate.cc
  [[nodiscard]] Mark mark() const;
  void go_back(const Mark& mark);
  void add_native(Aggref* aggref);
  std::uint32_t add_input(plan::Expr expr);
  std::uint32_t add_call(plan::AggregateFunction function, std::uint32_t input,
                         plan::DataType result);
  void take_distinct(const Aggref* aggref, Recipe recipe, const Value& argument);
  [[nodiscard]] plan::PlanNode aggregated(plan::PlanNode input, double rows);
  std::uint32_t add_count(const Value& argument, std::uint32_t input);
  void add_sum(Aggref* aggref, ScopeColumn& column, Recipe recipe, Value argument);
  void add_extremum(Aggref* aggref, ScopeColumn& column, Recipe recipe, Value argument);
  /// A copy whose arguments and filter are in base columns.
  [[nodiscard]] Aggref* over_terminals(Aggref* aggref) const;
  [[nodiscard]] Node* terminal_of(Aggref* aggref) const;
  [[nodiscard]] Node* scale_terminal_of(Aggref* aggref) const;

  // lower_foreign_aggregate.cc
  void add_foreign(Aggref* aggref);
  Forms add_argument(plan::ForeignAggregateSpec& spec, Expr*& expr, Expr* filter);
  [[nodiscard]] bool tells_rows_apart(const Aggref* aggref) const;
  [[nodiscard]] plan::RowOrder wanted_order(const Aggref* aggref, Forms forms) const;

  Lowering& lowering_;
  const ChildColumns& child_;
  const Scope& scope_;
  ExprLowering exprs_;
  InputOrder input_order_;
  bool foreign_distinct_;
  bool comes_to_all_;
  std::vector<plan::Expr> inputs_;
  plan::AggregateSpec spec_;
  std::vector<bool> distinct_calls_;             // by call
  bool distinct_ = false;                        // the aggregate at hand
  std::optional<std::uint32_t> distinct_input_;  // of all that have DISTINCT
  const Node* distinct_terminal_ = nullptr;      // what that is, if it is a column
  std::vector<Pending> pending_;
};

/// The one table whose rows arrive at `node` as its scan reads them; nothing above a join or a
/// group.
[[nodiscard]] std::optional<Oid> scanned_table(const plan::PlanNode& node);

/// Whether the operator is the equality that the engine's grouping has.
/// Errors: PgError.
[[nodiscard]] bool is_known_equality(Oid operator_oid);

/// Whether the values are blank-padded to no common length: equal ones may differ in their blanks.
/// Which one stands for its group, or is the least, depends on the order of rows.
/// Errors: PgError.
[[nodiscard]] bool has_open_length(Node* expr);

/// `expr` as an aggregate takes it of a row: NULL where its FILTER leaves the row out. Null stands
/// for the count of all rows.
/// Errors: PgError.
[[nodiscard]] Node* filtered_argument(Expr* expr, Expr* filter);

}  // namespace sluice::pg
