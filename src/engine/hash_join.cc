#include "engine/hash_join.h"

#include <algorithm>
#include <span>

#include "base/error.h"
#include "engine/expr_program.h"
#include "engine/join_table.h"
#include "engine/physical.h"
#include "engine/runtime_filter.h"

namespace sluice::engine {

using vector::Batch;
using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::RowIndex;

HashBuildSink::HashBuildSink(const plan::HashJoinSpec& spec,
                             const std::vector<plan::DataType>& build_types,
                             base::MemoryBudget& budget, NodeCounters& counters)
    : needs_rows_(plan::needs_build_rows(spec.type)),
      table_(std::make_unique<JoinTable>(spec, build_types, budget)),
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
  note_memory();
  return SinkState::kAccepted;
}

const RuntimeFilter* HashBuildSink::runtime_filter(std::size_t key) {
  filters_.resize(table_->key_columns().size());
  if (filters_[key] == nullptr) {
    filters_[key] = RuntimeFilter::make(*table_, key, budget_);
    note_memory();
  }
  return filters_[key].get();
}

void HashBuildSink::note_memory() noexcept {
  counters_.memory_bytes_peak =
      std::max<std::uint64_t>(counters_.memory_bytes_peak, budget_.peak_bytes());
}

JoinTable& HashBuildSink::table() noexcept { return *table_; }

bool HashBuildSink::joins_nothing() const noexcept { return needs_rows_ && table_->rows() == 0; }

namespace {

// A row that passes no residual condition gives nothing back; the scheduler wants its turn all the
// same.
constexpr int kEmptyRoundsMax = 16;

// What is done with the current input.
enum class ProbeStage : std::uint8_t {
  kLookUp,     // it is new
  kPair,       // matches are paired (or, where rows are only tested, tried) one after the other
  kUnmatched,  // rows without a match come out
};

// What lies in the probe's arena for as long as the operator lives.
struct ProbeScratch {
  FindScratch find;
  std::uint64_t hashes[kBatchRowsMax];
  RowIndex rows[kBatchRowsMax];            // of the input, first all keys, then the matched ones
  std::uint32_t heads[kBatchRowsMax];      // the next build row of each
  std::uint32_t number_at[kBatchRowsMax];  // build row by position of the output
  RowIndex source_at[kBatchRowsMax];       // input row by position of the output
  RowIndex passed[kBatchRowsMax];
  bool matched[kBatchRowsMax];  // by input row
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
       const std::vector<plan::DataType>& build_types, JoinTable& table_in,
       base::MemoryBudget& budget_in, NodeCounters& counters_in);

  void look_up(const Batch& in);
  [[nodiscard]] bool each_matches_once() const noexcept;
  void extend_in_place(const Batch& in, Batch& out);
  void join_in_place(const Batch& in, Batch& out);
  void join_next(const Batch& in, Batch& out);
  [[nodiscard]] std::uint32_t pair_up() noexcept;
  void test_next(const Batch& in);
  [[nodiscard]] std::uint32_t collect(const Batch& in, bool matched) noexcept;
  void hand_on_tested(const Batch& in, Batch& out);
  void hand_on_unmatched(const Batch& in, Batch& out);
  void mark_next(const Batch& in);
  [[nodiscard]] std::uint32_t pair_unmatched() noexcept;
  [[nodiscard]] std::uint32_t unmatched_from(std::uint32_t number) noexcept {
    return number == 0 || !is_matched(number) ? number : table.skip(number, build_matched);
  }
  [[nodiscard]] bool is_matched(std::uint32_t number) const noexcept {
    return (build_matched[number / 64] >> (number % 64) & 1) != 0;
  }
  void flush_build(Batch& out);

  [[nodiscard]] std::span<const RowIndex> filter(const Batch& in, bool in_place, std::uint32_t rows,
                                                 std::span<const RowIndex> positions);
  void note_matches(bool in_place, std::span<const RowIndex> positions) noexcept;
  void emit(const Batch& in, bool in_place, bool filtered, std::uint32_t rows,
            std::span<const RowIndex> positions, Batch& out);
  void load(const Batch& in, bool in_place, std::span<const RowIndex> positions,
            std::size_t column);
  [[nodiscard]] LoadedColumn& loaded_column(std::size_t column);
  void show_outputs() noexcept;
  void account(const Batch& out) noexcept;
  void note_memory() noexcept;

  const plan::HashJoinSpec spec;
  JoinTable& table;
  base::MemoryBudget& budget;
  NodeCounters& counters;
  const std::size_t probe_columns;
  Predicate residual;
  base::Arena arena;
  ProbeScratch& scratch;
  std::vector<JoinedColumn> columns;
  bool reads_build = false;  // some build column is loaded for matches
  std::vector<ColumnView> key_views;
  std::vector<ColumnView> joined_views;  // probe columns, then build columns
  std::vector<ColumnView> output_views;

  ProbeStage stage = ProbeStage::kLookUp;
  std::uint32_t matches = 0;   // in scratch.rows and scratch.heads
  std::uint32_t cursor = 0;    // the match that is paired next
  std::uint32_t advanced = 0;  // matches before it whose chain goes on

  std::span<std::uint64_t> build_matched;  // a bit a build row, where those without come out
  std::uint32_t flushed = 0;               // build rows that flush() has looked at
};

HashProbeOperator::Impl::Impl(const plan::HashJoinSpec& spec_in,
                              const std::vector<plan::DataType>& probe_types,
                              const std::vector<plan::DataType>& build_types, JoinTable& table_in,
                              base::MemoryBudget& budget_in, NodeCounters& counters_in)
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
  if (plan::keeps_build(spec.type)) {
    build_matched = arena.allocate_array<std::uint64_t>(table.rows() / 64 + 1);
    std::ranges::fill(build_matched, 0U);
  }
  const auto types = physical_types_of(concatenate(probe_types, build_types));
  for (std::size_t c = 0; c < columns.size(); ++c) {
    columns[c].in_residual = in_residual[c];
    reads_build |= c >= probe_columns && (columns[c].in_residual || columns[c].in_output);
    joined_views.push_back({types[c], false, nullptr, nullptr});
  }
  show_outputs();
  note_memory();
}

// Finds each row's first match. Of rows that come out without one, scratch.matched tells by row.
void HashProbeOperator::Impl::look_up(const Batch& in) {
  if (table.needs_hashes()) {
    vector::hash_keys(in, spec.probe_keys, table.equalities(), scratch.hashes);
  }
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
  if (reads_build && !table.needs_hashes()) {
    for (std::uint32_t i = 0; i < matches; ++i) {
      table.store().prefetch(scratch.heads[i]);  // the other index has had to look at the rows
    }
  }
  if (plan::only_tests_build(spec.type) && !residual.empty() && table.has_duplicates()) {
    for (std::uint32_t i = 0; i < matches; ++i) {
      table.store().prefetch(table.next(scratch.heads[i]));  // chains are walked one by one
    }
  }
  cursor = 0;
  advanced = 0;
  if (plan::extends_probe(spec.type) || plan::only_tests_probe(spec.type)) {
    std::fill_n(scratch.matched, in.rows(), false);
    for (std::uint32_t i = 0; residual.empty() && i < matches; ++i) {
      scratch.matched[scratch.rows[i]] = true;
    }
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

// All rows at once, those without a match with row 0 of the table: NULLs.
void HashProbeOperator::Impl::extend_in_place(const Batch& in, Batch& out) {
  const RowIndex* rows = counted_rows(in);
  for (std::uint32_t i = 0; i < in.count(); ++i) {
    scratch.number_at[rows[i]] = 0;
  }
  for (std::uint32_t i = 0; i < matches; ++i) {
    scratch.number_at[scratch.rows[i]] = scratch.heads[i];
  }
  note_matches(true, {scratch.rows, matches});
  emit(in, true, false, in.rows(), {rows, in.count()}, out);
  matches = 0;
}

void HashProbeOperator::Impl::join_in_place(const Batch& in, Batch& out) {
  for (std::uint32_t i = 0; i < matches; ++i) {
    scratch.number_at[scratch.rows[i]] = scratch.heads[i];
  }
  const auto positions = filter(in, true, in.rows(), {scratch.rows, matches});
  note_matches(true, positions);
  emit(in, true, true, in.rows(), positions, out);
  matches = 0;
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
    const auto positions = filter(in, false, pairs, {all_rows(), pairs});
    note_matches(false, positions);
    emit(in, false, true, pairs, positions, out);
    if (matches == 0 || out.count() != 0) {
      return;
    }
  }
}

// Tries the next match of every row that has not passed yet.
void HashProbeOperator::Impl::test_next(const Batch& in) {
  for (int round = 0; round < kEmptyRoundsMax && matches != 0; ++round) {
    for (std::uint32_t i = 0; i < matches; ++i) {
      scratch.number_at[scratch.rows[i]] = scratch.heads[i];
    }
    note_matches(true, filter(in, true, in.rows(), {scratch.rows, matches}));
    std::uint32_t left = 0;
    for (std::uint32_t i = 0; i < matches; ++i) {
      const RowIndex row = scratch.rows[i];
      const std::uint32_t next = scratch.matched[row] ? 0 : table.next(scratch.heads[i]);
      scratch.rows[left] = row;
      scratch.heads[left] = next;
      left += next != 0 ? 1 : 0;
    }
    matches = left;
  }
}

// The rows of the input that have a match, or have none, in scratch.passed; returns how many.
std::uint32_t HashProbeOperator::Impl::collect(const Batch& in, bool matched) noexcept {
  const RowIndex* rows = counted_rows(in);
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < in.count(); ++i) {
    scratch.passed[count] = rows[i];
    count += scratch.matched[rows[i]] == matched ? 1 : 0;
  }
  return count;
}

void HashProbeOperator::Impl::hand_on_tested(const Batch& in, Batch& out) {
  const std::uint32_t count = collect(in, spec.type == plan::JoinType::kSemi);
  for (std::size_t i = 0; i < spec.outputs.size(); ++i) {
    output_views[i] = in.column(spec.outputs[i]);
  }
  out = Batch(output_views, in.rows(), scratch.passed, count);
}

void HashProbeOperator::Impl::hand_on_unmatched(const Batch& in, Batch& out) {
  const std::uint32_t count = collect(in, false);
  for (std::uint32_t i = 0; i < count; ++i) {
    scratch.number_at[scratch.passed[i]] = 0;
  }
  emit(in, true, false, in.rows(), {scratch.passed, count}, out);
}

// Marks the matches of the input; nothing comes out yet. Where all rows of a key match, its first
// row tells whether the others are marked already.
void HashProbeOperator::Impl::mark_next(const Batch& in) {
  if (residual.empty()) {
    for (std::uint32_t i = 0; i < matches; ++i) {
      for (std::uint32_t number = scratch.heads[i]; number != 0 && !is_matched(number);
           number = table.next(number)) {
        build_matched[number / 64] |= std::uint64_t{1} << (number % 64);
      }
    }
    matches = 0;
    return;
  }
  for (int round = 0; round < kEmptyRoundsMax && matches != 0; ++round) {
    const std::uint32_t pairs = pair_unmatched();
    note_matches(false, filter(in, false, pairs, {all_rows(), pairs}));
  }
}

// As pair_up(), but only with build rows that have no match yet. One input row's chain comes before
// the next one's: what passes with the first of many rows of a key need not be tried with the
// others, however long the chain is.
std::uint32_t HashProbeOperator::Impl::pair_unmatched() noexcept {
  std::uint32_t pairs = 0;
  for (; cursor < matches; ++cursor) {
    std::uint32_t number = unmatched_from(scratch.heads[cursor]);
    for (; number != 0 && pairs < kBatchRowsMax; ++pairs) {
      scratch.source_at[pairs] = scratch.rows[cursor];
      scratch.number_at[pairs] = number;
      number = unmatched_from(table.next(number));
    }
    scratch.heads[cursor] = number;
    if (number != 0) {
      return pairs;
    }
  }
  matches = 0;
  return pairs;
}

// The next build rows that come out after the input: those without a match, with NULLs for the
// probe columns, or those that the join's type asks for.
void HashProbeOperator::Impl::flush_build(Batch& out) {
  std::uint32_t count = 0;
  while (flushed < table.rows() && count < kBatchRowsMax) {
    const std::uint32_t number = ++flushed;
    scratch.number_at[count] = number;
    count += is_matched(number) == (spec.type == plan::JoinType::kRightSemi) ? 1 : 0;
  }
  // One row of NULLs, gathered for every position.
  std::fill_n(scratch.source_at, count, RowIndex{0});
  static constexpr std::uint64_t kNull = 0;
  alignas(16) static constexpr std::byte kZeros[16] = {};
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!columns[c].in_output) {
      continue;
    }
    if (c >= probe_columns) {
      joined_views[c] = table.store().load(c - probe_columns, scratch.number_at,
                                           {all_rows(), count}, loaded_column(c));
    } else {
      const ColumnView nulls{joined_views[c].type, false, kZeros, &kNull};
      joined_views[c] = loaded_column(c).gather(nulls, scratch.source_at, {all_rows(), count});
    }
  }
  show_outputs();
  out = Batch(output_views, count);
}

LoadedColumn& HashProbeOperator::Impl::loaded_column(std::size_t column) {
  std::unique_ptr<LoadedColumn>& loaded = columns[column].loaded;
  if (loaded == nullptr) {
    loaded = std::make_unique<LoadedColumn>(joined_views[column].type, arena);
  }
  return *loaded;
}

void HashProbeOperator::Impl::load(const Batch& in, bool in_place,
                                   std::span<const RowIndex> positions, std::size_t column) {
  ColumnView& view = joined_views[column];
  if (column >= probe_columns) {
    view = table.store().load(column - probe_columns, scratch.number_at, positions,
                              loaded_column(column));
  } else if (in_place) {
    view = in.column(column);
  } else {
    view = loaded_column(column).gather(in.column(column), scratch.source_at, positions);
  }
}

// Leaves of the pairs those that pass the residual conditions.
std::span<const RowIndex> HashProbeOperator::Impl::filter(const Batch& in, bool in_place,
                                                          std::uint32_t rows,
                                                          std::span<const RowIndex> positions) {
  if (residual.empty() || positions.empty()) {
    return positions;
  }
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
  return {scratch.passed, passed};
}

// Remembers for both sides that these pairs are matches.
void HashProbeOperator::Impl::note_matches(bool in_place,
                                           std::span<const RowIndex> positions) noexcept {
  if (!residual.empty() && (plan::extends_probe(spec.type) || plan::only_tests_probe(spec.type))) {
    for (const RowIndex position : positions) {
      scratch.matched[in_place ? position : scratch.source_at[position]] = true;
    }
  }
  if (plan::keeps_build(spec.type)) {
    for (const RowIndex position : positions) {
      const std::uint32_t number = scratch.number_at[position];
      build_matched[number / 64] |= std::uint64_t{1} << (number % 64);
    }
  }
}

// Loads the outputs of these pairs; what filter() has loaded for them is there already.
void HashProbeOperator::Impl::emit(const Batch& in, bool in_place, bool filtered,
                                   std::uint32_t rows, std::span<const RowIndex> positions,
                                   Batch& out) {
  if (positions.empty()) {
    out = Batch(output_views, 0);
    return;
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].in_output && !(filtered && columns[c].in_residual)) {
      load(in, in_place, positions, c);
    }
  }
  show_outputs();
  const bool all = positions.size() == rows;
  out = Batch(output_views, rows, all ? nullptr : positions.data(),
              static_cast<std::uint32_t>(positions.size()));
}

void HashProbeOperator::Impl::show_outputs() noexcept {
  for (std::size_t i = 0; i < spec.outputs.size(); ++i) {
    output_views[i] = joined_views[spec.outputs[i]];
  }
}

void HashProbeOperator::Impl::note_memory() noexcept {
  counters.memory_bytes_peak =
      std::max<std::uint64_t>(counters.memory_bytes_peak, budget.peak_bytes());
}

void HashProbeOperator::Impl::account(const Batch& out) noexcept {
  counters.rows += out.count();
  counters.batches += out.count() != 0 ? 1 : 0;
  note_memory();
}

HashProbeOperator::HashProbeOperator(const plan::HashJoinSpec& spec,
                                     const std::vector<plan::DataType>& probe_types,
                                     const std::vector<plan::DataType>& build_types,
                                     JoinTable& table, base::MemoryBudget& budget,
                                     NodeCounters& counters)
    : impl_(std::make_unique<Impl>(spec, probe_types, build_types, table, budget, counters)) {}

HashProbeOperator::~HashProbeOperator() = default;

OperatorState HashProbeOperator::process(const Batch& in, Batch& out) {
  Impl& impl = *impl_;
  const bool is_new = impl.stage == ProbeStage::kLookUp;
  if (is_new) {
    impl.look_up(in);
    impl.stage = ProbeStage::kPair;
  }
  const bool extends = plan::extends_probe(impl.spec.type);
  bool ends = false;  // this input
  if (plan::only_tests_probe(impl.spec.type)) {
    if (!impl.residual.empty()) {
      impl.test_next(in);
    }
    ends = impl.residual.empty() || impl.matches == 0;
    if (ends) {
      impl.hand_on_tested(in, out);
    } else {
      out = Batch(impl.output_views, 0);
    }
  } else if (plan::only_tests_build(impl.spec.type)) {
    impl.mark_next(in);
    ends = impl.matches == 0;
    out = Batch(impl.output_views, 0);
  } else if (impl.stage == ProbeStage::kUnmatched) {
    impl.hand_on_unmatched(in, out);
    ends = true;
  } else if (is_new && impl.each_matches_once()) {
    if (extends && impl.residual.empty()) {
      impl.extend_in_place(in, out);
      ends = true;
    } else {
      impl.join_in_place(in, out);
      ends = !extends;
    }
  } else {
    impl.join_next(in, out);
    ends = impl.matches == 0 && !extends;
  }
  if (ends) {
    impl.stage = ProbeStage::kLookUp;
  } else if (impl.matches == 0 && extends) {
    impl.stage = ProbeStage::kUnmatched;
  }
  impl.account(out);
  return ends ? OperatorState::kNeedInput : OperatorState::kHaveMore;
}

OperatorState HashProbeOperator::flush(Batch& out) {
  Impl& impl = *impl_;
  if (!plan::keeps_build(impl.spec.type)) {
    return Operator::flush(out);
  }
  impl.flush_build(out);
  impl.account(out);
  return impl.flushed == impl.table.rows() ? OperatorState::kNeedInput : OperatorState::kHaveMore;
}

}  // namespace sluice::engine
