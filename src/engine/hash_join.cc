#include "engine/hash_join.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "engine/expr_program.h"
#include "engine/join_table.h"
#include "engine/physical.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::RowIndex;

HashBuildSink::HashBuildSink(const plan::HashJoinSpec& spec,
                             const std::vector<plan::DataType>& build_types,
                             base::MemoryBudget& budget, NodeCounters& counters)
    : table_(std::make_unique<JoinTable>(spec, build_types, budget)),
      budget_(budget),
      counters_(counters) {}

HashBuildSink::~HashBuildSink() = default;

SinkState HashBuildSink::consume(const Batch& batch) {
  table_->append(batch);
  return SinkState::kAccepted;
}

SinkState HashBuildSink::finish() {
  table_->finish();
  counters_.groups += table_->rows();
  counters_.memory_bytes_peak =
      std::max<std::uint64_t>(counters_.memory_bytes_peak, budget_.peak_bytes());
  return SinkState::kAccepted;
}

const JoinTable& HashBuildSink::table() const noexcept { return *table_; }

bool HashBuildSink::empty() const noexcept { return table_->rows() == 0; }

namespace {

// A row that passes no residual condition gives nothing back; the scheduler wants its turn all the
// same.
constexpr int kEmptyRoundsMax = 16;

// What lies in the probe's arena for as long as the operator lives.
struct ProbeScratch {
  FindScratch find;
  std::uint64_t hashes[kBatchRowsMax];
  RowIndex rows[kBatchRowsMax];            // of the input, first all keys, then the matched ones
  std::uint32_t heads[kBatchRowsMax];      // the next build row of each
  std::uint32_t number_at[kBatchRowsMax];  // build row by position of the output
  RowIndex source_at[kBatchRowsMax];       // input row by position of the output
  RowIndex passed[kBatchRowsMax];
};

// A column of (probe columns, build columns) and what it is needed for.
struct JoinedColumn {
  bool in_residual = false;
  bool in_output = false;
  std::unique_ptr<LoadedColumn> loaded;  // made when first needed: often a probe column never is
};

std::vector<plan::DataType> concatenate(std::vector<plan::DataType> left,
                                        const std::vector<plan::DataType>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

struct HashProbeOperator::Impl {
  Impl(const plan::HashJoinSpec& spec_in, const std::vector<plan::DataType>& probe_types,
       const std::vector<plan::DataType>& build_types, const JoinTable& table_in,
       base::MemoryBudget& budget_in, NodeCounters& counters_in);

  void find_matches(const Batch& in);
  [[nodiscard]] bool each_matches_once() const noexcept;
  void join_in_place(const Batch& in, Batch& out);
  void join_next(const Batch& in, Batch& out);
  [[nodiscard]] std::uint32_t pair_up() noexcept;
  void emit(const Batch& in, bool in_place, std::uint32_t rows, std::span<const RowIndex> positions,
            Batch& out);
  void load(const Batch& in, bool in_place, std::span<const RowIndex> positions,
            std::size_t column);
  void account(const Batch& out) noexcept;

  const plan::HashJoinSpec spec;
  const JoinTable& table;
  base::MemoryBudget& budget;
  NodeCounters& counters;
  const std::size_t probe_columns;
  Predicate residual;
  base::Arena arena;
  ProbeScratch& scratch;
  std::vector<JoinedColumn> columns;
  std::vector<ColumnView> key_views;
  std::vector<ColumnView> joined_views;  // probe columns, then build columns
  std::vector<ColumnView> output_views;

  std::uint32_t matches = 0;   // in scratch.rows and scratch.heads
  std::uint32_t cursor = 0;    // the match that is paired next
  std::uint32_t advanced = 0;  // matches before it whose chain goes on
  bool expanding = false;      // the same input has more
};

HashProbeOperator::Impl::Impl(const plan::HashJoinSpec& spec_in,
                              const std::vector<plan::DataType>& probe_types,
                              const std::vector<plan::DataType>& build_types,
                              const JoinTable& table_in, base::MemoryBudget& budget_in,
                              NodeCounters& counters_in)
    : spec(spec_in),
      table(table_in),
      budget(budget_in),
      counters(counters_in),
      probe_columns(probe_types.size()),
      residual(spec_in.residual, concatenate(probe_types, build_types), budget_in),
      arena(budget_in),
      scratch(arena.allocate_array<ProbeScratch>(1).front()),
      columns(probe_types.size() + build_types.size()),
      key_views(spec_in.probe_keys.size()),
      output_views(spec_in.outputs.size()) {
  for (std::size_t k = 0; k < spec.probe_keys.size(); ++k) {
    if (physical_type_of(probe_types.at(spec.probe_keys[k])) !=
        physical_type_of(build_types.at(spec.build_keys.at(k)))) {
      base::throw_abandon("join keys of different representation");
    }
  }
  std::vector<bool> in_residual(columns.size());
  for (const plan::Expr& conjunct : spec.residual) {
    plan::collect_columns(conjunct, in_residual);
  }
  for (const std::uint32_t output : spec.outputs) {
    columns.at(output).in_output = true;
  }
  const auto types = physical_types_of(concatenate(probe_types, build_types));
  for (std::size_t c = 0; c < columns.size(); ++c) {
    columns[c].in_residual = in_residual[c];
    joined_views.push_back({types[c], false, nullptr, nullptr});
  }
  for (std::size_t i = 0; i < spec.outputs.size(); ++i) {
    output_views[i] = joined_views[spec.outputs[i]];
  }
}

void HashProbeOperator::Impl::find_matches(const Batch& in) {
  vector::hash_keys(in, spec.probe_keys, table.equalities(), scratch.hashes);
  std::copy_n(counted_rows(in), in.count(), scratch.rows);
  const std::uint32_t count =
      drop_null_keys(in, spec.probe_keys, scratch.rows, scratch.hashes, in.count());
  for (std::size_t k = 0; k < key_views.size(); ++k) {
    key_views[k] = in.column(spec.probe_keys[k]);
    key_views[k].validity = nullptr;
  }
  table.find({key_views, scratch.rows, scratch.hashes, count}, scratch.heads, scratch.find);
  matches = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    scratch.rows[matches] = scratch.rows[i];
    scratch.heads[matches] = scratch.heads[i];
    matches += scratch.heads[i] != 0 ? 1 : 0;
  }
}

bool HashProbeOperator::Impl::each_matches_once() const noexcept {
  if (!table.has_duplicates()) {
    return true;
  }
  std::uint32_t more = 0;
  for (std::uint32_t i = 0; i < matches; ++i) {
    more |= table.next(scratch.heads[i]);
  }
  return more == 0;
}

void HashProbeOperator::Impl::join_in_place(const Batch& in, Batch& out) {
  for (std::uint32_t i = 0; i < matches; ++i) {
    scratch.number_at[scratch.rows[i]] = scratch.heads[i];
  }
  emit(in, true, in.rows(), {scratch.rows, matches}, out);
}

// Fills the next positions of an output with (input row, build row); returns how many. All chains
// advance by one row before any advances by two, so that their memory accesses overlap.
std::uint32_t HashProbeOperator::Impl::pair_up() noexcept {
  std::uint32_t pairs = 0;
  while (pairs < kBatchRowsMax && matches != 0) {
    const RowIndex row = scratch.rows[cursor];
    const std::uint32_t number = scratch.heads[cursor];
    scratch.source_at[pairs] = row;
    scratch.number_at[pairs] = number;
    ++pairs;
    const std::uint32_t next = table.next(number);
    table.store().prefetch(next);
    scratch.rows[advanced] = row;
    scratch.heads[advanced] = next;
    advanced += next != 0 ? 1 : 0;
    if (++cursor == matches) {
      matches = advanced;
      cursor = 0;
      advanced = 0;
    }
  }
  return pairs;
}

void HashProbeOperator::Impl::join_next(const Batch& in, Batch& out) {
  for (int round = 0; round < kEmptyRoundsMax; ++round) {
    const std::uint32_t pairs = pair_up();
    emit(in, false, pairs, {all_rows(), pairs}, out);
    expanding = matches != 0;
    if (!expanding || out.count() != 0) {
      return;
    }
  }
}

void HashProbeOperator::Impl::load(const Batch& in, bool in_place,
                                   std::span<const RowIndex> positions, std::size_t column) {
  ColumnView& view = joined_views[column];
  if (in_place && column < probe_columns) {
    view = in.column(column);
    return;
  }
  std::unique_ptr<LoadedColumn>& loaded = columns[column].loaded;
  if (loaded == nullptr) {
    loaded = std::make_unique<LoadedColumn>(view.type, arena);
  }
  if (column >= probe_columns) {
    view = table.store().load(column - probe_columns, scratch.number_at, positions, *loaded);
  } else {
    view = loaded->gather(in.column(column), scratch.source_at, positions);
  }
}

// Loads what the residual conditions read, filters, and loads the rest for the rows that are left.
void HashProbeOperator::Impl::emit(const Batch& in, bool in_place, std::uint32_t rows,
                                   std::span<const RowIndex> positions, Batch& out) {
  if (!residual.empty() && !positions.empty()) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (columns[c].in_residual) {
        load(in, in_place, positions, c);
      }
    }
    const bool all = positions.size() == rows;
    const Batch candidates(joined_views, rows, all ? nullptr : positions.data(),
                           static_cast<std::uint32_t>(positions.size()));
    const std::uint32_t passed = residual.filter(candidates, scratch.passed);
    counters.rows_removed += positions.size() - passed;
    positions = {scratch.passed, passed};
  }
  if (positions.empty()) {
    out = Batch(output_views, 0);
    return;
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].in_output && (residual.empty() || !columns[c].in_residual)) {
      load(in, in_place, positions, c);
    }
  }
  for (std::size_t i = 0; i < spec.outputs.size(); ++i) {
    output_views[i] = joined_views[spec.outputs[i]];
  }
  const bool all = positions.size() == rows;
  out = Batch(output_views, rows, all ? nullptr : positions.data(),
              static_cast<std::uint32_t>(positions.size()));
}

void HashProbeOperator::Impl::account(const Batch& out) noexcept {
  counters.rows += out.count();
  counters.batches += out.count() != 0 ? 1 : 0;
  counters.memory_bytes_peak =
      std::max<std::uint64_t>(counters.memory_bytes_peak, budget.peak_bytes());
}

HashProbeOperator::HashProbeOperator(const plan::HashJoinSpec& spec,
                                     const std::vector<plan::DataType>& probe_types,
                                     const std::vector<plan::DataType>& build_types,
                                     const JoinTable& table, base::MemoryBudget& budget,
                                     NodeCounters& counters)
    : impl_(std::make_unique<Impl>(spec, probe_types, build_types, table, budget, counters)) {}

HashProbeOperator::~HashProbeOperator() = default;

OperatorState HashProbeOperator::process(const Batch& in, Batch& out) {
  Impl& impl = *impl_;
  if (!impl.expanding) {
    impl.find_matches(in);
    impl.cursor = 0;
    impl.advanced = 0;
  }
  if (!impl.expanding && impl.each_matches_once()) {
    impl.join_in_place(in, out);
  } else {
    impl.join_next(in, out);
  }
  impl.account(out);
  return impl.expanding ? OperatorState::kHaveMore : OperatorState::kNeedInput;
}

}  // namespace sluice::engine
