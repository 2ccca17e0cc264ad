#include "engine/aggregate.h"

#include <gtest/gtest.h>
#include <map>

#include "base/error.h"
#include "engine/partial_aggregate.h"
#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::AggregateCall;
using plan::AggregateFunction;
using plan::AggregatePhase;
using plan::DataType;
using plan::TypeKind;
using vector::Batch;

constexpr std::size_t kBudgetBytes = std::size_t{256} << 20;

DataType sum_type(const DataType& input) {
  switch (input.kind) {
    case TypeKind::kInt16:
    case TypeKind::kInt32:
      return DataType::of(TypeKind::kInt64);
    case TypeKind::kInt64:
      return DataType::decimal(38, 0);
    case TypeKind::kDecimal:
      return DataType::decimal(38, input.scale);
    default:
      return input;
  }
}

bool can_sum(const DataType& type) {
  return type.kind == TypeKind::kInt16 || type.kind == TypeKind::kInt32 ||
         type.kind == TypeKind::kInt64 || type.kind == TypeKind::kFloat64 || is_decimal(type);
}

/// Every function of every column that has it.
std::vector<AggregateCall> all_calls(const Types& types) {
  std::vector<AggregateCall> calls = {
      {AggregateFunction::kCountStar, 0, DataType::of(TypeKind::kInt64)}};
  for (std::uint32_t c = 0; c < types.size(); ++c) {
    calls.push_back({AggregateFunction::kCount, c, DataType::of(TypeKind::kInt64)});
    calls.push_back({AggregateFunction::kMin, c, types[c]});
    calls.push_back({AggregateFunction::kMax, c, types[c]});
    if (can_sum(types[c])) {
      calls.push_back({AggregateFunction::kSum, c, sum_type(types[c])});
    }
  }
  return calls;
}

Types output_types(const plan::AggregateSpec& spec, const Types& input) {
  Types result;
  for (const std::uint32_t key : spec.group_keys) {
    result.push_back(input[key]);
  }
  for (const AggregateCall& call : spec.calls) {
    result.push_back(call.result);
  }
  return result;
}

Value reference_sum(const DataType& type, const std::vector<Value>& values) {
  if (values.empty()) {
    return null_value();
  }
  Value sum;
  sum.real = -0.0;  // what is added to it stays as it is, a zero of either sign included
  for (const Value& value : values) {
    if (is_decimal(type) &&
        (value.integer == nan_of(type) || sum.integer == vector::kDecimalNan128)) {
      sum.integer = vector::kDecimalNan128;
      continue;
    }
    sum.integer += value.integer;
    sum.real += value.real;
  }
  return sum;
}

Value reference_call(const AggregateCall& call, const Types& types, const std::vector<Row>& rows) {
  if (call.function == AggregateFunction::kCountStar) {
    return of(static_cast<std::int64_t>(rows.size()));
  }
  const DataType& type = types[call.column];
  std::vector<Value> values;
  for (const Row& row : rows) {
    if (!row[call.column].null) {
      values.push_back(row[call.column]);
    }
  }
  switch (call.function) {
    case AggregateFunction::kCount:
      return of(static_cast<std::int64_t>(values.size()));
    case AggregateFunction::kSum:
      return reference_sum(type, values);
    default:
      break;
  }
  if (values.empty()) {
    return null_value();
  }
  Value best = values[0];
  for (const Value& value : values) {
    const int order = reference_order(type, value, best);
    // Of equal values float8 keeps the last one, bpchar the first one.
    const bool later = order == 0 && type.kind == TypeKind::kFloat64;
    if (later || (call.function == AggregateFunction::kMax ? order > 0 : order < 0)) {
      best = value;
    }
  }
  return best;
}

Rows reference_aggregate(const plan::AggregateSpec& spec, const Types& types, const Rows& rows) {
  std::vector<std::vector<Row>> groups;
  for (const Row& row : rows) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& candidate) {
      return std::all_of(spec.group_keys.begin(), spec.group_keys.end(), [&](std::uint32_t key) {
        return reference_equal(types[key], candidate[0][key], row[key]);
      });
    });
    if (group == groups.end()) {
      groups.push_back({row});
    } else {
      group->push_back(row);
    }
  }
  if (spec.group_keys.empty() && groups.empty()) {
    groups.emplace_back();
  }
  Rows result;
  for (const auto& group : groups) {
    Row row;
    for (const std::uint32_t key : spec.group_keys) {
      row.push_back(group[0][key]);
    }
    for (const AggregateCall& call : spec.calls) {
      row.push_back(reference_call(call, types, group));
    }
    result.push_back(std::move(row));
  }
  return result;
}

Rows run_aggregate(const plan::AggregateSpec& spec, const Types& types, const Rows& rows,
                   RandomRows& random, NodeCounters* counters_out = nullptr) {
  base::MemoryBudget budget(kBudgetBytes);
  Rows result;
  NodeCounters counters;
  {
    AggregateSink sink(spec, types, budget, counters);
    for_batches(types, rows, random,
                [&](const Batch& batch) { EXPECT_EQ(sink.consume(batch), SinkState::kAccepted); });
    EXPECT_EQ(sink.finish(), SinkState::kAccepted);
    const std::unique_ptr<Source> source = sink.results();
    result = drain(*source);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
  EXPECT_EQ(counters.rows, result.size());
  EXPECT_GT(counters.memory_bytes_peak, 0U);
  if (counters_out != nullptr) {
    *counters_out = counters;
  }
  return result;
}

/// Without a look at what is left behind.
void run_aggregate_alone(const plan::AggregateSpec& spec, const Types& types, const Rows& rows,
                         RandomRows& random) {
  base::MemoryBudget budget(kBudgetBytes);
  NodeCounters counters;
  AggregateSink sink(spec, types, budget, counters);
  for_batches(types, rows, random, [&](const Batch& batch) { (void)sink.consume(batch); });
  (void)sink.finish();
}

/// Some of a table's groups are handed out early, or some rows pass.
constexpr PartialTableLimit::Sizes kTinyTable = {2, 32, 700};

/// States of the groups, by an operator where there are keys.
Rows run_partial(const plan::AggregateSpec& spec, const Types& types, const Rows& rows,
                 RandomRows& random, const PartialTableLimit::Sizes& sizes) {
  if (spec.group_keys.empty()) {
    return run_aggregate(spec, types, rows, random);
  }
  base::MemoryBudget budget(kBudgetBytes);
  NodeCounters counters;
  Rows states;
  {
    PartialAggregateOperator partial(spec, types, budget, counters, sizes);
    states = run_operator(partial, types, rows, random);
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
  EXPECT_EQ(counters.rows, states.size());
  return states;
}

/// Partial aggregates over parts of the rows, and the final one over their states.
Rows run_two_phases(plan::AggregateSpec spec, const Types& types, const Rows& rows,
                    RandomRows& random, const PartialTableLimit::Sizes& sizes) {
  spec.phase = AggregatePhase::kPartial;
  const Types states = output_types(spec, types);
  Rows partial;
  const std::size_t parts = 3;
  for (std::size_t part = 0; part < parts; ++part) {
    const auto begin = static_cast<std::ptrdiff_t>(rows.size() * part / parts);
    const auto end = static_cast<std::ptrdiff_t>(rows.size() * (part + 1) / parts);
    const Rows some(rows.begin() + begin, rows.begin() + end);
    for (Row& row : run_partial(spec, types, some, random, sizes)) {
      partial.push_back(std::move(row));
    }
  }
  plan::AggregateSpec last = spec;
  last.phase = AggregatePhase::kFinal;
  for (std::uint32_t k = 0; k < last.group_keys.size(); ++k) {
    last.group_keys[k] = k;
  }
  for (std::uint32_t i = 0; i < last.calls.size(); ++i) {
    last.calls[i].column = static_cast<std::uint32_t>(last.group_keys.size()) + i;
  }
  return run_aggregate(last, states, partial, random);
}

/// Where zeros of both signs meet, runs are abandoned.
Rows without_negative_zeros(Rows rows) {
  for (Row& row : rows) {
    for (Value& value : row) {
      value.real = value.real == 0 ? 0.0 : value.real;
    }
  }
  return rows;
}

void expect_aggregate(const plan::AggregateSpec& spec, const Types& types, const Rows& any_rows,
                      RandomRows& random) {
  const Rows rows = without_negative_zeros(any_rows);
  const Types output = output_types(spec, types);
  const auto expected = sorted_texts(output, reference_aggregate(spec, types, rows));
  EXPECT_EQ(sorted_texts(output, run_aggregate(spec, types, rows, random)), expected);
  for (const PartialTableLimit::Sizes& sizes : {PartialTableLimit::Sizes(), kTinyTable}) {
    EXPECT_EQ(sorted_texts(output, run_two_phases(spec, types, rows, random, sizes)), expected);
  }
}

TEST(Aggregate, PlainAgreesWithReferenceForEveryFunctionAndType) {
  for (const double nulls : {0.0, 0.2, 1.0}) {
    for (const double special : {0.0, 0.01}) {
      RandomRows random(1);
      const plan::AggregateSpec spec{AggregatePhase::kSingle, {}, all_calls(all_types())};
      const Rows rows =
          random.rows(all_types(), 5000, {.distinct = 1000, .nulls = nulls, .special = special});
      expect_aggregate(spec, all_types(), rows, random);
    }
  }
}

TEST(Aggregate, TotalsOfPartsAreSumsAndACountOfNothingIsZero) {
  const DataType type = DataType::of(TypeKind::kInt64);
  const Rows rows = {{of(1), of(7)}, {of(1), null_value()}, {of(2), null_value()}, {of(1), of(-3)}};
  const std::vector<AggregateCall> calls = {{AggregateFunction::kTotalCount, 1, type},
                                            {AggregateFunction::kTotalSum, 1, type}};
  RandomRows random(9);
  const plan::AggregateSpec grouped{AggregatePhase::kSingle, {0}, calls};
  const Types output = output_types(grouped, {type, type});
  const auto expected = sorted_texts(output, {{of(1), of(4), of(4)}, {of(2), of(0), null_value()}});
  EXPECT_EQ(sorted_texts(output, run_aggregate(grouped, {type, type}, rows, random)), expected);
  EXPECT_EQ(sorted_texts(output, run_two_phases(grouped, {type, type}, rows, random, kTinyTable)),
            expected);
  const plan::AggregateSpec plain{AggregatePhase::kSingle, {}, calls};
  const auto empty = sorted_texts({type, type}, {{of(0), null_value()}});
  EXPECT_EQ(sorted_texts({type, type}, run_aggregate(plain, {type, type}, {}, random)), empty);
  EXPECT_EQ(sorted_texts({type, type}, run_two_phases(plain, {type, type}, {}, random, {})), empty);
}

TEST(Aggregate, PlainWithoutRowsIsOneRow) {
  RandomRows random(2);
  const plan::AggregateSpec spec{AggregatePhase::kSingle, {}, all_calls(all_types())};
  expect_aggregate(spec, all_types(), {}, random);
  for (const AggregatePhase phase : {AggregatePhase::kSingle, AggregatePhase::kPartial}) {
    EXPECT_EQ(run_aggregate({phase, {}, spec.calls}, all_types(), {}, random).size(), 1U);
  }
}

TEST(Aggregate, GroupedWithoutRowsIsEmpty) {
  RandomRows random(3);
  const plan::AggregateSpec spec{AggregatePhase::kSingle, {1}, all_calls(all_types())};
  EXPECT_TRUE(run_aggregate(spec, all_types(), {}, random).empty());
}

TEST(Aggregate, GroupsByEveryTypeAgreeWithReference) {
  for (std::uint32_t key = 0; key < all_types().size(); ++key) {
    for (const int distinct : {3, 300}) {
      RandomRows random(key + 10);
      const plan::AggregateSpec spec{AggregatePhase::kSingle, {key}, all_calls(all_types())};
      const Rows rows = random.rows(all_types(), 3000, {.distinct = distinct});
      expect_aggregate(spec, all_types(), rows, random);
    }
  }
}

TEST(Aggregate, GroupsByRandomKeyListsAgreeWithReference) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    RandomRows random(seed);
    plan::AggregateSpec spec{AggregatePhase::kSingle, {}, all_calls(all_types())};
    for (std::int64_t k = random.below(4) + 1; k > 0; --k) {
      spec.group_keys.push_back(
          static_cast<std::uint32_t>(random.below(static_cast<std::int64_t>(all_types().size()))));
    }
    const Rows rows =
        random.rows(all_types(), 1500, {.distinct = 4, .nulls = seed % 2 == 0 ? 0.0 : 0.15});
    expect_aggregate(spec, all_types(), rows, random);
  }
}

TEST(Aggregate, RowsInTheOrderOfTheirKeysAgreeWithReference) {
  for (std::uint32_t key = 0; key < all_types().size(); ++key) {
    RandomRows random(key + 50);
    Rows rows;
    for (int run = 0; run < 900; ++run) {
      const Rows once = random.rows(all_types(), 1, {.distinct = 400, .special = 0.1});
      const auto repeats = static_cast<std::size_t>(random.below(7)) + 1;
      rows.insert(rows.end(), repeats, once[0]);
    }
    for (const std::uint32_t second : {key, 9U}) {
      expect_aggregate({AggregatePhase::kSingle, {key, second}, all_calls(all_types())},
                       all_types(), rows, random);
    }
  }
}

// The hash of a NULL is that of this number.
TEST(Aggregate, NeighboursOfOneHashStayApart) {
  constexpr std::int64_t kHashesLikeNull = 0x6e756c6c6e756c6c;
  RandomRows random(5);
  const Types types = {DataType::of(TypeKind::kInt64)};
  Rows rows;
  for (int i = 0; i < 100; ++i) {
    rows.push_back({i % 2 == 0 ? null_value() : of(kHashesLikeNull)});
  }
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle,
      {0},
      {{AggregateFunction::kCountStar, 0, DataType::of(TypeKind::kInt64)}}};
  EXPECT_EQ(run_aggregate(spec, types, rows, random).size(), 2U);
  expect_aggregate(spec, types, rows, random);
}

TEST(Aggregate, ShortStringKeysThatGrowLongerStayApart) {
  RandomRows random(4);
  const Types types = {DataType::of(TypeKind::kBpchar), DataType::of(TypeKind::kBpchar),
                       DataType::decimal(15, 2)};
  Rows rows;
  for (std::int64_t i = 0; i < 12000; ++i) {
    const std::string flag(1, "ANR"[i % 3]);
    // The first batch holds single letters only; later blanks, empty, long and NULL keys come.
    const std::string tail = i < 4000 ? "" : std::string(static_cast<std::size_t>(i % 9), ' ');
    const std::string more = i < 8000 ? "" : std::string(static_cast<std::size_t>(i % 14), 'z');
    rows.push_back(
        {of_text(flag + tail), i % 97 == 5 ? null_value() : of_text(more + "O"), of(i * 7)});
  }
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle,
      {0, 1},
      {{AggregateFunction::kSum, 2, DataType::decimal(38, 2)},
       {AggregateFunction::kCountStar, 0, DataType::of(TypeKind::kInt64)}}};
  NodeCounters counters;
  const Types output = output_types(spec, types);
  EXPECT_EQ(sorted_texts(output, run_aggregate(spec, types, rows, random, &counters)),
            sorted_texts(output, reference_aggregate(spec, types, rows)));
  EXPECT_EQ(counters.groups, reference_aggregate(spec, types, rows).size());
}

TEST(Aggregate, ManyGroupsComeOutOnceEach) {
  RandomRows random(5);
  const Types types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kText),
                       DataType::of(TypeKind::kInt32)};
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> expected;  // key -> count, sum
  Rows rows;
  for (std::int64_t i = 0; i < 100'000; ++i) {
    const std::int64_t key = random.below(30'000);
    rows.push_back({of(key), of_text("the text of key number " + std::to_string(key)), of(i)});
    ++expected[key].first;
    expected[key].second += i;
  }
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle,
      {0, 1},
      {{AggregateFunction::kCountStar, 0, DataType::of(TypeKind::kInt64)},
       {AggregateFunction::kSum, 2, DataType::of(TypeKind::kInt64)}}};
  const Rows result = run_aggregate(spec, types, rows, random);
  ASSERT_EQ(result.size(), expected.size());
  for (const Row& row : result) {
    const auto key = static_cast<std::int64_t>(row[0].integer);
    EXPECT_EQ(row[1].text, "the text of key number " + std::to_string(key));
    ASSERT_TRUE(row[2].integer == expected[key].first && row[3].integer == expected[key].second);
    expected.erase(key);
  }
}

base::ErrorKind kind_of_failure(const plan::AggregateSpec& spec, const Types& types,
                                const Rows& rows, std::size_t budget_bytes,
                                std::string* sqlstate = nullptr) {
  base::MemoryBudget budget(budget_bytes);
  NodeCounters counters;
  RandomRows random(6);
  base::ErrorKind kind = base::ErrorKind::kInternal;
  try {
    AggregateSink sink(spec, types, budget, counters);
    for_batches(types, rows, random, [&](const Batch& batch) { (void)sink.consume(batch); });
    (void)sink.finish();
    ADD_FAILURE() << "no error";
  } catch (const base::Error& error) {
    kind = error.kind();
    if (sqlstate != nullptr) {
      *sqlstate = error.sqlstate();
    }
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
  return kind;
}

TEST(Aggregate, SmallBudgetAbandonsAndIsReleased) {
  const Types types = {DataType::of(TypeKind::kText), DataType::of(TypeKind::kInt64)};
  Rows rows;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    rows.push_back({of_text("a rather long group key " + std::to_string(i)), of(i)});
  }
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle, {0}, {{AggregateFunction::kMax, 0, types[0]}}};
  for (const std::size_t budget_bytes : {0U, 1U << 12, 1U << 18, 1U << 20}) {
    EXPECT_EQ(kind_of_failure(spec, types, rows, budget_bytes), base::ErrorKind::kAbandon);
  }
}

TEST(Aggregate, SumBeyond38DigitsAbandons) {
  const Types types = {DataType::decimal(38, 0), DataType::of(TypeKind::kInt32)};
  base::Int128 large = 1;
  for (int digit = 0; digit < 37; ++digit) {
    large *= 10;
  }
  for (const std::size_t count : {std::size_t{10}, std::size_t{40}}) {
    for (const bool grouped : {false, true}) {
      plan::AggregateSpec spec{
          AggregatePhase::kSingle, {}, {{AggregateFunction::kSum, 0, types[0]}}};
      if (grouped) {
        spec.group_keys = {1};
      }
      const Rows rows(count, {{false, large, 0, {}}, of(1)});
      EXPECT_EQ(kind_of_failure(spec, types, rows, kBudgetBytes), base::ErrorKind::kAbandon);
    }
  }
}

TEST(Aggregate, SumOfLargeIntegersIsExact) {
  RandomRows random(7);
  const Types types = {DataType::of(TypeKind::kInt64)};
  Rows rows;
  for (int i = 0; i < 5000; ++i) {
    rows.push_back({of(i % 3 == 0 ? INT64_MIN : INT64_MAX)});
  }
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle, {}, {{AggregateFunction::kSum, 0, DataType::decimal(38, 0)}}};
  expect_aggregate(spec, types, rows, random);
}

TEST(Aggregate, IntegerSumBeyondInt64Abandons) {
  const Types types = {DataType::of(TypeKind::kInt64)};
  const plan::AggregateSpec spec{
      AggregatePhase::kFinal, {}, {{AggregateFunction::kSum, 0, DataType::of(TypeKind::kInt64)}}};
  EXPECT_EQ(kind_of_failure(spec, types, {{of(INT64_MAX)}, {of(1)}}, kBudgetBytes),
            base::ErrorKind::kAbandon);
}

TEST(Aggregate, FloatSumOfValuesWhoseSquaresCouldOverflowAbandons) {
  const Types types = {DataType::of(TypeKind::kFloat64)};
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle, {}, {{AggregateFunction::kSum, 0, types[0]}}};
  EXPECT_EQ(kind_of_failure(spec, types, {{of_real(1)}, {of_real(-1e200)}}, kBudgetBytes),
            base::ErrorKind::kAbandon);
}

TEST(Aggregate, ZerosOfBothSignsInAGroupKeyAbandon) {
  const Types types = {DataType::of(TypeKind::kFloat64), DataType::of(TypeKind::kInt32)};
  for (const bool is_packed : {true, false}) {
    plan::AggregateSpec spec{AggregatePhase::kSingle, {0}, {}};
    if (!is_packed) {
      spec.group_keys.push_back(1);
    }
    RandomRows random(3);
    const Rows negative = {{of_real(-0.0), of(1)}, {of_real(-0.0), of(1)}, {of_real(2), of(1)}};
    EXPECT_EQ(run_aggregate(spec, types, negative, random).size(), 2U);
    Rows both = negative;
    both.push_back({null_value(), of(1)});
    EXPECT_EQ(run_aggregate(spec, types, both, random).size(), 3U);
    both.push_back({of_real(0), of(1)});
    EXPECT_THROW(run_aggregate_alone(spec, types, both, random), base::Error);
    std::ranges::reverse(both);
    EXPECT_THROW(run_aggregate_alone(spec, types, both, random), base::Error);
  }
}

TEST(Aggregate, ZerosOfBothSignsAreNoExtreme) {
  const Types types = {DataType::of(TypeKind::kFloat64)};
  for (const auto function : {AggregateFunction::kMin, AggregateFunction::kMax}) {
    const double beyond = function == AggregateFunction::kMin ? -1 : 1;
    const plan::AggregateSpec spec{
        AggregatePhase::kSingle, {}, {{function, 0, DataType::of(TypeKind::kFloat64)}}};
    RandomRows random(3);
    const Row zero = {of_real(0)};
    const Row negative = {of_real(-0.0)};
    const Row before = {of_real(-beyond)};
    EXPECT_THROW(run_aggregate_alone(spec, types, {before, zero, negative}, random), base::Error);
    EXPECT_THROW(run_aggregate_alone(spec, types, {negative, before, zero}, random), base::Error);
    EXPECT_EQ(run_aggregate(spec, types, {zero, before, zero}, random)[0][0].real, 0);
    EXPECT_TRUE(std::signbit(run_aggregate(spec, types, {negative, before}, random)[0][0].real));
    const Row last = {of_real(beyond)};
    EXPECT_EQ(run_aggregate(spec, types, {zero, negative, last}, random)[0][0].real, beyond);
  }
}

TEST(Aggregate, FloatSumKeepsTheOrderOfRowsWithinItsGroup) {
  RandomRows random(8);
  const Types types = {DataType::of(TypeKind::kInt32), DataType::of(TypeKind::kFloat64)};
  Rows rows;
  double expected[3] = {0, 0, 0};
  for (int i = 0; i < 6000; ++i) {
    const double value = (random.chance(0.5) ? 1e16 : -1e16) + static_cast<double>(random.below(9));
    rows.push_back({of(i % 3), of_real(value)});
    expected[i % 3] += value;
  }
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle, {0}, {{AggregateFunction::kSum, 1, types[1]}}};
  for (const Row& row : run_aggregate(spec, types, rows, random)) {
    EXPECT_EQ(row[1].real, expected[static_cast<int>(row[0].integer)]);
  }
}

TEST(Aggregate, LongStringExtremesReuseTheirMemory) {
  const Types types = {DataType::of(TypeKind::kText)};
  const plan::AggregateSpec spec{
      AggregatePhase::kSingle, {}, {{AggregateFunction::kMax, 0, types[0]}}};
  base::MemoryBudget budget(std::size_t{512} << 10);
  NodeCounters counters;
  AggregateSink sink(spec, types, budget, counters);
  std::string last;
  for (int i = 0; i < 100'000; ++i) {
    last = std::to_string(1'000'000 + i) + " is greater than all before it";
    const OwnedBatch batch(types, Rows{{of_text(last)}}, false);
    (void)sink.consume(batch.get());
  }
  (void)sink.finish();
  const std::unique_ptr<Source> source = sink.results();
  EXPECT_EQ(drain(*source).at(0).at(0).text, last);
}

}  // namespace
}  // namespace sluice::engine
