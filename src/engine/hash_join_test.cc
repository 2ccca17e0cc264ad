#include "engine/hash_join.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/join_table.h"
#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::DataType;
using plan::Expr;
using plan::JoinType;
using plan::TypeKind;
using vector::Batch;

constexpr std::size_t kBudgetBytes = std::size_t{256} << 20;

struct JoinCase {
  plan::HashJoinSpec spec;
  Types probe_types;
  Types build_types;
  Rows probe;
  Rows build;

  [[nodiscard]] Types output_types() const {
    Types result;
    for (const std::uint32_t output : spec.outputs) {
      result.push_back(output < probe_types.size() ? probe_types[output]
                                                   : build_types[output - probe_types.size()]);
    }
    return result;
  }
  void output_all() {
    const std::size_t first = plan::only_tests_build(spec.type) ? probe_types.size() : 0;
    const std::size_t end =
        probe_types.size() + (plan::only_tests_probe(spec.type) ? 0 : build_types.size());
    spec.outputs.clear();
    for (auto c = static_cast<std::uint32_t>(first); c < end; ++c) {
      spec.outputs.push_back(c);
    }
  }
};

using Residual = bool (*)(const Row& joined);
bool always(const Row& /*joined*/) { return true; }

constexpr JoinType kJoinTypes[] = {JoinType::kInner,     JoinType::kLeft,     JoinType::kRight,
                                   JoinType::kFull,      JoinType::kSemi,     JoinType::kAnti,
                                   JoinType::kRightSemi, JoinType::kRightAnti};

bool keys_match(const JoinCase& join, const Row& probe, const Row& build) {
  for (std::size_t k = 0; k < join.spec.probe_keys.size(); ++k) {
    const Value& left = probe[join.spec.probe_keys[k]];
    const Value& right = build[join.spec.build_keys[k]];
    if (left.null || right.null ||
        !reference_equal(join.probe_types[join.spec.probe_keys[k]], left, right)) {
      return false;
    }
  }
  return true;
}

Row concatenated(Row probe, const Row& build) {
  probe.insert(probe.end(), build.begin(), build.end());
  return probe;
}

Rows reference_join(const JoinCase& join, Residual residual) {
  Rows result;
  const auto add = [&](const Row& probe, const Row& build) {
    const Row joined = concatenated(probe, build);
    Row out;
    for (const std::uint32_t output : join.spec.outputs) {
      out.push_back(joined[output]);
    }
    result.push_back(std::move(out));
  };
  const Row no_probe(join.probe_types.size(), null_value());
  const Row no_build(join.build_types.size(), null_value());
  std::vector<bool> build_matched(join.build.size(), false);
  for (const Row& probe : join.probe) {
    bool matched = false;
    for (std::size_t i = 0; i < join.build.size(); ++i) {
      const Row& build = join.build[i];
      if (!keys_match(join, probe, build) || !residual(concatenated(probe, build))) {
        continue;
      }
      if (!plan::only_tests_probe(join.spec.type) && !plan::only_tests_build(join.spec.type)) {
        add(probe, build);
      }
      matched = true;
      build_matched[i] = true;
    }
    if (matched ? join.spec.type == JoinType::kSemi
                : plan::extends_probe(join.spec.type) || join.spec.type == JoinType::kAnti) {
      add(probe, no_build);
    }
  }
  for (std::size_t i = 0; i < join.build.size() && plan::keeps_build(join.spec.type); ++i) {
    if (build_matched[i] == (join.spec.type == JoinType::kRightSemi)) {
      add(no_probe, join.build[i]);
    }
  }
  return result;
}

struct JoinRun {
  Rows rows;
  NodeCounters counters;
  bool joins_nothing = false;
  std::uint32_t largest_batch = 0;
};

JoinRun run_join(const JoinCase& join, RandomRows& random,
                 std::size_t budget_bytes = kBudgetBytes) {
  JoinRun run;
  base::MemoryBudget budget(budget_bytes);
  {
    HashBuildSink build(join.spec, join.build_types, budget, run.counters);
    for_batches(join.build_types, join.build, random,
                [&](const Batch& batch) { EXPECT_EQ(build.consume(batch), SinkState::kAccepted); });
    EXPECT_EQ(build.finish(), SinkState::kAccepted);
    run.joins_nothing = build.joins_nothing();
    HashProbeOperator probe(join.spec, join.probe_types, join.build_types, build.table(), budget,
                            run.counters);
    for_batches(join.probe_types, join.probe, random, [&](const Batch& batch) {
      OperatorState state = OperatorState::kHaveMore;
      while (state == OperatorState::kHaveMore) {
        Batch out;
        state = probe.process(batch, out);
        run.largest_batch = std::max(run.largest_batch, out.count());
        read_batch(out, run.rows);
      }
      EXPECT_EQ(state, OperatorState::kNeedInput);
    });
    OperatorState state = OperatorState::kHaveMore;
    while (state == OperatorState::kHaveMore) {
      Batch out;
      state = probe.flush(out);
      run.largest_batch = std::max(run.largest_batch, out.count());
      read_batch(out, run.rows);
    }
    EXPECT_GE(run.counters.memory_bytes_peak, budget.used_bytes());
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
  return run;
}

void expect_join(const JoinCase& join, RandomRows& random, Residual residual = always) {
  const JoinRun run = run_join(join, random);
  const Rows expected = reference_join(join, residual);
  const Types types = join.output_types();
  ASSERT_EQ(run.rows.size(), expected.size());
  EXPECT_EQ(sorted_texts(types, run.rows), sorted_texts(types, expected));
  EXPECT_EQ(run.counters.rows, expected.size());
  EXPECT_LE(run.largest_batch, vector::kBatchRowsMax);
}

/// Of pairs whose sides have two columns each: the probe side's second is less than the build
/// side's.
Expr second_columns_ascend() {
  const DataType type = DataType::of(TypeKind::kInt32);
  return Expr::make_call(plan::Op::kLess, DataType::of(TypeKind::kBool),
                         {Expr::make_column(1, type), Expr::make_column(3, type)});
}

TEST(HashJoin, AgreesWithNestedLoopsForEveryKeyType) {
  for (const DataType& key : all_types()) {
    for (const int distinct : {4, 40, 4000}) {
      RandomRows random(static_cast<std::uint64_t>(distinct) + 7);
      JoinCase join;
      join.spec.probe_keys = {1};
      join.spec.build_keys = {0};
      join.probe_types = {DataType::of(TypeKind::kText), key, DataType::decimal(30, 2)};
      join.build_types = {key, DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kBpchar)};
      join.probe = random.rows(join.probe_types, 400, {.distinct = distinct});
      join.build = random.rows(join.build_types, 200, {.distinct = distinct});
      for (const JoinType type : kJoinTypes) {
        join.spec.type = type;
        join.output_all();
        expect_join(join, random);
      }
    }
  }
}

TEST(HashJoin, AgreesWithNestedLoopsForRandomKeyLists) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomRows random(seed);
    JoinCase join;
    join.spec.type = kJoinTypes[seed % 8];
    join.probe_types = all_types();
    join.build_types = all_types();
    const std::int64_t keys = random.below(4) + 1;
    for (std::int64_t k = 0; k < keys; ++k) {
      const auto column =
          static_cast<std::uint32_t>(random.below(static_cast<std::int64_t>(all_types().size())));
      join.spec.probe_keys.push_back(column);
      join.spec.build_keys.push_back(column);
    }
    const RandomOptions options{.distinct = 6, .nulls = seed % 2 == 0 ? 0.0 : 0.2};
    join.probe = random.rows(join.probe_types, 150, options);
    join.build = random.rows(join.build_types, 120, options);
    join.output_all();
    std::shuffle(join.spec.outputs.begin(), join.spec.outputs.end(), std::mt19937_64(seed));
    join.spec.outputs.resize(static_cast<std::size_t>(random.below(10)));
    expect_join(join, random);
  }
}

JoinCase foreign_key_join(RandomRows& random, std::size_t parents, std::size_t children) {
  JoinCase join;
  join.spec.probe_keys = {0};
  join.spec.build_keys = {0};
  join.probe_types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kText)};
  join.build_types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kText),
                      DataType::decimal(15, 2)};
  for (std::size_t i = 0; i < parents; ++i) {
    join.build.push_back({of(static_cast<std::int64_t>(i) * 3),
                          of_text("a parent with a long name " + std::to_string(i)),
                          i % 5 == 0 ? null_value() : of(static_cast<std::int64_t>(i))});
  }
  for (std::size_t i = 0; i < children; ++i) {
    join.probe.push_back({of(random.below(static_cast<std::int64_t>(parents) * 4)),
                          of_text("child " + std::to_string(i))});
  }
  join.output_all();
  return join;
}

// Dense integer keys are found by a direct index, the others by their hashes.
TEST(HashJoin, DenseAndSparseKeysAreFoundAlike) {
  RandomRows random(21);
  for (const auto kind : {TypeKind::kInt16, TypeKind::kInt32, TypeKind::kInt64}) {
    for (const std::int64_t step : {1, 5, 701}) {
      for (const bool unique : {true, false}) {
        JoinCase join;
        join.spec.probe_keys = {0};
        join.spec.build_keys = {0};
        join.probe_types = {DataType::of(kind), DataType::of(TypeKind::kText)};
        join.build_types = join.probe_types;
        join.probe = random.rows(join.probe_types, 900, {.distinct = 40});
        join.build = random.rows(join.build_types, unique ? 30 : 90, {.distinct = 25});
        for (std::size_t i = 0; i < join.build.size(); ++i) {
          Value& key = join.build[i][0];
          const base::Int128 number = unique ? static_cast<base::Int128>(i) : key.integer;
          key = key.null ? key : of(static_cast<std::int64_t>(number * step));
        }
        for (Row& row : join.probe) {
          row[0].integer *= random.below(2) == 0 ? step : 1;
        }
        for (const JoinType type : kJoinTypes) {
          join.spec.type = type;
          join.output_all();
          expect_join(join, random);
        }
      }
    }
  }
}

TEST(HashJoin, HandsProbeColumnsOnWithoutCopyWhereEachRowMatchesOnce) {
  RandomRows random(3);
  JoinCase join = foreign_key_join(random, 1000, 500);
  base::MemoryBudget budget(kBudgetBytes);
  NodeCounters counters;
  HashBuildSink build(join.spec, join.build_types, budget, counters);
  for_batches(join.build_types, join.build, random,
              [&](const Batch& batch) { (void)build.consume(batch); });
  (void)build.finish();
  HashProbeOperator probe(join.spec, join.probe_types, join.build_types, build.table(), budget,
                          counters);
  const OwnedBatch in(join.probe_types, join.probe, false);
  Batch out;
  ASSERT_EQ(probe.process(in.get(), out), OperatorState::kNeedInput);
  EXPECT_EQ(out.column(0).values, in.get().column(0).values);
  EXPECT_EQ(out.column(1).values, in.get().column(1).values);
  EXPECT_EQ(out.rows(), in.get().rows());
  Rows rows;
  read_batch(out, rows);
  const Types types = join.output_types();
  EXPECT_EQ(sorted_texts(types, rows), sorted_texts(types, reference_join(join, always)));
}

TEST(HashJoin, OneProbeRowMayHaveMoreMatchesThanABatchHolds) {
  RandomRows random(4);
  JoinCase join;
  join.spec.probe_keys = {0};
  join.spec.build_keys = {0};
  join.probe_types = {DataType::of(TypeKind::kInt32)};
  join.build_types = {DataType::of(TypeKind::kInt32), DataType::of(TypeKind::kInt64)};
  for (std::int64_t i = 0; i < 7000; ++i) {
    join.build.push_back({of(i % 1000 == 0 ? i : 5), of(i)});
  }
  join.probe = {{of(5)}, {of(6)}, {null_value()}, {of(1000)}, {of(5)}};
  for (const JoinType type : kJoinTypes) {
    join.spec.type = type;
    join.output_all();
    expect_join(join, random);
  }
}

TEST(HashJoin, WithoutKeysIsTheCrossProduct) {
  RandomRows random(5);
  JoinCase join;
  join.probe_types = {DataType::of(TypeKind::kInt32), DataType::of(TypeKind::kText)};
  join.build_types = {DataType::of(TypeKind::kInt32), DataType::of(TypeKind::kText)};
  join.probe = random.rows(join.probe_types, 70, {});
  join.build = random.rows(join.build_types, 130, {});
  join.output_all();
  expect_join(join, random);
}

TEST(HashJoin, ResidualConditionsSeeBothSides) {
  RandomRows random(6);
  for (const bool unique : {true, false}) {
    for (const bool keyed : {true, false}) {
      JoinCase join;
      join.probe_types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kInt32)};
      join.build_types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kInt32)};
      join.probe = random.rows(join.probe_types, 2500, {.distinct = 50});
      join.build = random.rows(join.build_types, unique ? 40 : 200, {.distinct = 50});
      for (std::size_t i = 0; unique && i < join.build.size(); ++i) {
        join.build[i][0] = of(static_cast<std::int64_t>(i));
      }
      if (keyed) {
        join.spec.probe_keys = {0};
        join.spec.build_keys = {0};
      }
      join.spec.residual = {second_columns_ascend()};
      for (const JoinType type : kJoinTypes) {
        join.spec.type = type;
        join.spec.outputs = {3, 0, 2};
        if (plan::only_tests_probe(type)) {
          join.spec.outputs = {1, 0};
        } else if (plan::only_tests_build(type)) {
          join.spec.outputs = {3, 2};
        }
        expect_join(join, random, [](const Row& joined) {
          return !joined[1].null && !joined[3].null && joined[1].integer < joined[3].integer;
        });
      }
    }
  }
}

// The first probe row is a match for every build row, and no other is: whoever tries those has to
// give back the pairs.
TEST(HashJoin, BuildRowsWithAMatchAreNotTriedAgain) {
  for (const bool keyed : {true, false}) {
    for (const JoinType type : {JoinType::kRightSemi, JoinType::kRightAnti}) {
      RandomRows random(31);
      JoinCase join;
      join.spec.type = type;
      join.probe_types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kInt32)};
      join.build_types = join.probe_types;
      for (std::int64_t i = 0; i < 3000; ++i) {
        join.build.push_back({of(7), of(i)});
        join.probe.push_back({of(7), of(i == 0 ? -1 : 5000)});
      }
      join.build.push_back({of(7), of(-2)});  // without a match
      if (keyed) {
        join.spec.probe_keys = {0};
        join.spec.build_keys = {0};
      }
      join.spec.residual = {second_columns_ascend()};
      join.output_all();
      const JoinRun run = run_join(join, random);
      EXPECT_EQ(run.rows.size(), type == JoinType::kRightSemi ? 3000U : 1U);
      // The row without a match is tried by all, the others within a batch of pairs at most.
      EXPECT_LE(run.counters.rows_removed, join.probe.size() + 2 * vector::kBatchRowsMax);
    }
  }
}

TEST(HashJoin, ResidualThatNothingPassesEndsWithAllRowsSeen) {
  RandomRows random(7);
  JoinCase join;
  join.probe_types = {DataType::of(TypeKind::kInt32)};
  join.build_types = {DataType::of(TypeKind::kInt32)};
  join.probe.assign(50, {of(1)});
  join.build.assign(3000, {of(1)});
  join.spec.outputs = {0};
  join.spec.residual = {Expr::make_call(
      plan::Op::kNotEqual, DataType::of(TypeKind::kBool),
      {Expr::make_column(0, join.probe_types[0]), Expr::make_column(1, join.build_types[0])})};
  const JoinRun run = run_join(join, random);
  EXPECT_TRUE(run.rows.empty());
  EXPECT_EQ(run.counters.rows_removed, 150'000U);
  for (const JoinType type : kJoinTypes) {
    join.spec.type = type;
    expect_join(join, random, [](const Row& /*joined*/) { return false; });
  }
}

TEST(HashJoin, BuildSideOfNullKeysIsEmpty) {
  RandomRows random(8);
  JoinCase join = foreign_key_join(random, 10, 100);
  for (Row& row : join.build) {
    row[0] = null_value();
  }
  const JoinRun run = run_join(join, random);
  EXPECT_TRUE(run.joins_nothing);
  EXPECT_TRUE(run.rows.empty());
  EXPECT_EQ(run.counters.groups, 0U);
}

TEST(HashJoin, EmptySidesGiveNoRows) {
  RandomRows random(9);
  JoinCase join = foreign_key_join(random, 10, 100);
  JoinCase no_build = join;
  no_build.build.clear();
  EXPECT_TRUE(run_join(no_build, random).joins_nothing);
  EXPECT_TRUE(run_join(no_build, random).rows.empty());
  JoinCase no_probe = join;
  no_probe.probe.clear();
  EXPECT_TRUE(run_join(no_probe, random).rows.empty());
}

TEST(HashJoin, RowsWithoutAMatchComeOutOfEmptySides) {
  RandomRows random(12);
  const JoinCase join = foreign_key_join(random, 2100, 2100);
  for (const JoinType type : kJoinTypes) {
    for (const bool build : {true, false}) {
      for (const bool probe : {true, false}) {
        JoinCase emptied = join;
        emptied.spec.type = type;
        emptied.output_all();
        if (!build) {
          emptied.build.clear();
        }
        if (!probe) {
          emptied.probe.clear();
        }
        EXPECT_EQ(run_join(emptied, random).joins_nothing, !build && plan::needs_build_rows(type));
        expect_join(emptied, random);
      }
    }
  }
}

TEST(HashJoin, NoOutputColumnsStillCountRows) {
  RandomRows random(10);
  JoinCase join = foreign_key_join(random, 100, 3000);
  join.spec.outputs.clear();
  for (const JoinType type : kJoinTypes) {
    join.spec.type = type;
    const JoinRun run = run_join(join, random);
    EXPECT_EQ(run.rows.size(), reference_join(join, always).size());
  }
}

TEST(HashJoin, CountsRowsAndBuildRows) {
  RandomRows random(11);
  JoinCase join = foreign_key_join(random, 100, 1000);
  const JoinRun run = run_join(join, random);
  EXPECT_EQ(run.counters.groups, 100U);
  EXPECT_EQ(run.counters.rows, run.rows.size());
  EXPECT_GE(run.counters.batches, 1U);
}

TEST(HashJoin, SmallBudgetAbandonsAndIsReleased) {
  RandomRows random(12);
  JoinCase join = foreign_key_join(random, 20000, 1);
  std::size_t abandoned = 0;
  for (const std::size_t budget_bytes :
       {std::size_t{0}, std::size_t{1} << 12, std::size_t{1} << 17, std::size_t{1} << 20}) {
    base::MemoryBudget budget(budget_bytes);
    NodeCounters counters;
    try {
      HashBuildSink build(join.spec, join.build_types, budget, counters);
      for_batches(join.build_types, join.build, random,
                  [&](const Batch& batch) { (void)build.consume(batch); });
      (void)build.finish();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kAbandon);
      ++abandoned;
    }
    EXPECT_EQ(budget.used_bytes(), 0U);
  }
  EXPECT_EQ(abandoned, 4U);
}

TEST(JoinTable, TakesADenserDirectoryWhenTheBudgetIsTight) {
  RandomRows random(13);
  JoinCase join = foreign_key_join(random, 30000, 3000);
  NodeCounters counters;
  base::MemoryBudget roomy(kBudgetBytes);
  HashBuildSink measured(join.spec, join.build_types, roomy, counters);
  for_batches(join.build_types, join.build, random,
              [&](const Batch& batch) { (void)measured.consume(batch); });
  (void)measured.finish();
  // 8 bytes a slot: 2 slots a row do not fit, 1.5 do.
  constexpr std::size_t kRows = 30000;
  const std::size_t tight_bytes = std::max<std::size_t>(
      roomy.used_bytes() - kRows * 3, roomy.peak_bytes() - kRows * 16 + kRows * 13);
  RandomRows again(13);
  JoinCase same = foreign_key_join(again, 30000, 3000);
  base::MemoryBudget tight(tight_bytes);
  HashBuildSink build(same.spec, same.build_types, tight, counters);
  for_batches(same.build_types, same.build, again,
              [&](const Batch& batch) { (void)build.consume(batch); });
  EXPECT_EQ(build.finish(), SinkState::kAccepted);
  EXPECT_EQ(build.table().rows(), 30000U);
  EXPECT_LE(tight.used_bytes(), roomy.used_bytes());
}

}  // namespace
}  // namespace sluice::engine
