// The physical plan Sluice runs: a tree of operator specs, immutable after the planner. One process
// wide until EnforceDsmShuffle has put DsmExchange nodes into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "plan/data_type.h"
#include "plan/expr.h"

namespace sluice::plan {

using base::NodeId;    // assigned by number_nodes()
using base::StreamId;  // assigned by EnforceDsmShuffle

struct ScanColumn {
  std::int16_t attribute = 0;  // attnum, from 1
  DataType type;
  std::string name;

  friend bool operator==(const ScanColumn&, const ScanColumn&) = default;
};

/// Reads a relation, filters, and hands on `outputs`. Delivered distribution: random.
struct ScanSpec {
  std::uint32_t relation = 0;     // what the source factory opens: an OID in PostgreSQL
  std::uint32_t range_index = 0;  // range-table index in the leader
  std::string name;               // for EXPLAIN
  std::vector<ScanColumn> columns;
  std::vector<Expr> filters;           // conjuncts over `columns`, evaluated in this order
  std::vector<std::uint32_t> outputs;  // indexes into `columns`

  friend bool operator==(const ScanSpec&, const ScanSpec&) = default;
};

/// Hands on the rows of a plan node that PostgreSQL executes in the leader; other seats have none.
/// Delivered distribution: random.
/// Source: docs/decisions/0028-rows-of-postgresqls-plan-nodes.md
struct PlanInputSpec {
  std::uint32_t number = 0;         // of the plan inputs of the run, from 0
  std::string name;                 // for EXPLAIN: the kind of the plan node
  std::vector<ScanColumn> columns;  // attributes of its targetlist

  friend bool operator==(const PlanInputSpec&, const PlanInputSpec&) = default;
};

/// Conjuncts over the input, evaluated in order; only rows that pass all go on.
struct FilterSpec {
  std::vector<Expr> conjuncts;

  friend bool operator==(const FilterSpec&, const FilterSpec&) = default;
};

struct ProjectSpec {
  std::vector<Expr> exprs;  // one an output column

  friend bool operator==(const ProjectSpec&, const ProjectSpec&) = default;
};

/// What comes out of a join for rows without a match. A match is a pair of rows whose keys are
/// equal and that passes all residual conjuncts.
enum class JoinType : std::uint8_t {
  kInner = 0,      // nothing
  kLeft = 1,       // probe rows, with NULLs for the build columns
  kRight = 2,      // build rows, with NULLs for the probe columns
  kFull = 3,       // both
  kSemi = 4,       // nothing, and of a probe row with matches just the row itself, once
  kAnti = 5,       // probe rows; and nothing for those with matches
  kRightSemi = 6,  // as kSemi and kAnti with the sides' parts exchanged
  kRightAnti = 7,
};

/// Whether probe (build) rows without a match come out with NULLs.
[[nodiscard]] constexpr bool extends_probe(JoinType type) noexcept {
  return type == JoinType::kLeft || type == JoinType::kFull;
}
[[nodiscard]] constexpr bool extends_build(JoinType type) noexcept {
  return type == JoinType::kRight || type == JoinType::kFull;
}
/// Whether probe (build) rows come out as they are, or do not.
[[nodiscard]] constexpr bool only_tests_probe(JoinType type) noexcept {
  return type == JoinType::kSemi || type == JoinType::kAnti;
}
[[nodiscard]] constexpr bool only_tests_build(JoinType type) noexcept {
  return type == JoinType::kRightSemi || type == JoinType::kRightAnti;
}
/// Whether build rows come out after the probe side's end: which ones is known only then, and each
/// must be in one seat.
[[nodiscard]] constexpr bool keeps_build(JoinType type) noexcept {
  return extends_build(type) || only_tests_build(type);
}
/// Whether nothing comes out where there are no build rows.
[[nodiscard]] constexpr bool needs_build_rows(JoinType type) noexcept {
  return !extends_probe(type) && type != JoinType::kAnti;
}

/// inputs[0] probes, inputs[1] is built. Keys compare with SQL's =: NULL matches nothing.
/// Output: `outputs`, indexes into (probe columns, build columns); those of one side only where the
/// join only tests its rows.
struct HashJoinSpec {
  JoinType type = JoinType::kInner;
  std::vector<std::uint32_t> probe_keys;
  std::vector<std::uint32_t> build_keys;
  std::vector<Expr> residual;  // conjuncts over (probe columns, build columns)
  std::vector<std::uint32_t> outputs;

  friend bool operator==(const HashJoinSpec&, const HashJoinSpec&) = default;
};

enum class AggregateFunction : std::uint8_t {
  kCountStar = 0,  // -> int8
  kCount = 1,      // not null -> int8
  kSum = 2,  // int2, int4 -> int8; int8, decimal(p,s) -> decimal of 128 bits and that scale; float8
  kMin = 3,  // of its argument's type
  kMax = 4,
  kTotalCount = 5,  // int8 -> int8, of counts of parts: 0 where there are none
  kTotalSum = 6,    // int8 -> int8, of sums of parts
  kForeign = 7,     // what PostgreSQL computes; see ForeignAggregateSpec
};

/// kSingle: rows in, results out. kPartial: rows in, states out. kFinal: states in, results out.
/// A state has the result's type; the final function of a count is a sum.
enum class AggregatePhase : std::uint8_t { kSingle = 0, kPartial = 1, kFinal = 2 };

/// In which order a foreign call wants its rows. The numbers are part of the plan format.
enum class RowOrder : std::uint8_t {
  kAny = 0,      // its result is the same for any
  kChecked = 1,  // for any, or it gives the run up where another order could show
  kScan = 2,     // as one scan reads them
};

/// Of a kForeign call. Its states stay where they are: kSingle only.
/// Shape: `definition` is a name for EXPLAIN, a zero byte and what its maker reads
///        (engine/foreign_aggregate.h). `arguments` are columns of any type.
struct ForeignAggregateSpec {
  std::string definition;
  std::vector<std::uint32_t> arguments;
  std::optional<std::uint32_t> filter;  // a bool column: rows where it is not true do not count
  RowOrder order = RowOrder::kAny;
  bool keeps_rows = false;     // until the group is complete: for memory estimates
  bool errors_abandon = true;  // the run, where they are of a value; else they are the query's

  friend bool operator==(const ForeignAggregateSpec&, const ForeignAggregateSpec&) = default;
};

struct AggregateCall {
  AggregateFunction function = AggregateFunction::kCountStar;
  std::uint32_t column = 0;  // of the input; in kFinal, of the state; 0 of kForeign
  DataType result;
  ForeignAggregateSpec foreign{};

  friend bool operator==(const AggregateCall&, const AggregateCall&) = default;
};

[[nodiscard]] inline bool is_foreign(const AggregateCall& call) noexcept {
  return call.function == AggregateFunction::kForeign;
}

/// Output: the group keys in order, then one column a call. Without keys exactly one row comes out
/// of kSingle and kFinal, and one a seat out of kPartial; with keys kPartial may hand out several
/// states of a group. NULL keys form one group.
struct AggregateSpec {
  AggregatePhase phase = AggregatePhase::kSingle;
  std::vector<std::uint32_t> group_keys;
  std::vector<AggregateCall> calls;

  friend bool operator==(const AggregateSpec&, const AggregateSpec&) = default;
};

/// Whether states are handed out while rows still come.
[[nodiscard]] inline bool is_streaming(const AggregateSpec& aggregate) noexcept {
  return aggregate.phase == AggregatePhase::kPartial && !aggregate.group_keys.empty();
}

struct SortKey {
  std::uint32_t column = 0;
  bool descending = false;
  bool nulls_first = false;

  friend bool operator==(const SortKey&, const SortKey&) = default;
};

/// The first `limit` rows in key order; text keys only in byte order collations.
struct TopKSpec {
  std::vector<SortKey> keys;
  std::uint64_t limit = 0;

  friend bool operator==(const TopKSpec&, const TopKSpec&) = default;
};

struct LimitSpec {
  std::uint64_t limit = 0;

  friend bool operator==(const LimitSpec&, const LimitSpec&) = default;
};

enum class ExchangeKind : std::uint8_t {
  kGather = 0,        // every producer seat -> the leader
  kRedistribute = 1,  // row -> seat of its partition, by the hash of `keys`
  kBroadcast = 2,     // every row -> every computing seat
};

/// The one node that marks a process boundary; see ARCHITECTURE.md.
/// Shape: `keys` are input columns, at least one for kRedistribute and none for the others.
struct ExchangeSpec {
  StreamId stream;
  ExchangeKind kind = ExchangeKind::kGather;
  std::vector<std::uint32_t> keys;

  friend bool operator==(const ExchangeSpec&, const ExchangeSpec&) = default;
};

using NodeSpec = std::variant<ScanSpec, PlanInputSpec, FilterSpec, ProjectSpec, HashJoinSpec,
                              AggregateSpec, TopKSpec, LimitSpec, ExchangeSpec>;

struct PlanNode {
  NodeId id;
  NodeSpec spec;
  std::vector<DataType> output;
  std::vector<PlanNode> inputs;
  double rows_estimated = 0;  // over all seats

  template <typename Spec>
  [[nodiscard]] const Spec* as() const noexcept {
    return std::get_if<Spec>(&spec);
  }
  template <typename Spec>
  [[nodiscard]] Spec* as() noexcept {
    return std::get_if<Spec>(&spec);
  }
};

struct PlanSpec {
  PlanNode root;
  std::uint16_t stream_count = 0;
  std::uint16_t node_count = 0;
  std::uint16_t partition_count = 1;  // logical partitions of every kRedistribute
  bool distributed = false;           // EnforceDsmShuffle has run and found work for several seats
  bool leader_computes = true;        // false where it only hands rows on to the client
};

/// Gives every node its preorder id and sets node_count.
/// Errors: kInternal for more nodes than ids.
void number_nodes(PlanSpec& plan);

/// The output types that `node` must have by its spec and its inputs' outputs.
/// Errors: kCorrupt when an index is out of range or a type does not fit.
[[nodiscard]] std::vector<DataType> derive_output(const PlanNode& node);

/// derive_output() and validate_expr() for the whole tree; ids and counts consistent; the bounds of
/// plan/limits.h kept. Where exchanges may stand is validate_deadlock_rules()'s matter.
/// Errors: kCorrupt naming the rule and the node.
void validate_plan(const PlanSpec& plan);

[[nodiscard]] bool operator==(const PlanNode& a, const PlanNode& b);
[[nodiscard]] bool operator==(const PlanSpec& a, const PlanSpec& b);

/// Replaces every kParam by its value. Shape: values[number].
/// Errors: kInternal for a number without a value, or with one that is no constant of its type.
void bind_params(PlanSpec& plan, const std::vector<Expr>& values);

/// Whether a plan input is below `root`, or is it.
[[nodiscard]] bool reads_plan_inputs(const PlanNode& root) noexcept;

/// Every DsmExchange below and including `root`, in preorder: the walk by which both the leader and
/// the workers register their procedures.
[[nodiscard]] std::vector<const PlanNode*> collect_dsm_exchanges(const PlanNode& root);

}  // namespace sluice::plan
