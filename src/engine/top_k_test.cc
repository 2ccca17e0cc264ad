#include "engine/top_k.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/test_rows.h"

namespace sluice::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using plan::DataType;
using plan::SortKey;
using plan::TypeKind;
using vector::Batch;

constexpr std::size_t kBudgetBytes = std::size_t{64} << 20;

int reference_compare(const plan::TopKSpec& spec, const Types& types, const Row& a, const Row& b) {
  for (const SortKey& key : spec.keys) {
    const Value& left = a[key.column];
    const Value& right = b[key.column];
    if (left.null || right.null) {
      if (left.null != right.null) {
        return left.null == key.nulls_first ? -1 : 1;
      }
      continue;
    }
    const int order = reference_order(types[key.column], left, right);
    if (order != 0) {
      return key.descending ? -order : order;
    }
  }
  return 0;
}

Rows run_top_k(const plan::TopKSpec& spec, const Types& types, const Rows& rows, RandomRows& random,
               std::size_t budget_bytes = kBudgetBytes) {
  base::MemoryBudget budget(budget_bytes);
  Rows result;
  {
    NodeCounters counters;
    TopKSink sink(spec, types, budget, counters);
    bool closed = false;
    for_batches(types, rows, random, [&](const Batch& batch) {
      closed = closed || sink.consume(batch) == SinkState::kClosed;
    });
    EXPECT_EQ(closed, spec.limit == 0 && !rows.empty());
    EXPECT_EQ(sink.finish(), SinkState::kAccepted);
    const std::unique_ptr<Source> source = sink.results();
    result = drain(*source);
    EXPECT_EQ(counters.rows, result.size());
  }
  EXPECT_EQ(budget.used_bytes(), 0U);
  return result;
}

// Ties may come in any order and any of them may be cut off, so keys are compared, and every row
// handed out must be one of the input.
void expect_top_k(const plan::TopKSpec& spec, const Types& types, Rows rows, RandomRows& random) {
  const Rows result = run_top_k(spec, types, rows, random);
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return reference_compare(spec, types, a, b) < 0;
  });
  ASSERT_EQ(result.size(), std::min<std::uint64_t>(spec.limit, rows.size()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    ASSERT_EQ(reference_compare(spec, types, result[i], rows[i]), 0) << i;
  }
  const auto all = sorted_texts(types, rows);
  const auto some = sorted_texts(types, result);
  EXPECT_TRUE(std::includes(all.begin(), all.end(), some.begin(), some.end()));
}

TEST(TopK, AgreesWithSortForEveryTypeDirectionAndNullOrder) {
  for (std::uint32_t column = 0; column < all_types().size(); ++column) {
    for (const bool descending : {false, true}) {
      for (const bool nulls_first : {false, true}) {
        RandomRows random(column + 1);
        const Rows rows = random.rows(all_types(), 4000, {.distinct = 2000, .nulls = 0.01});
        expect_top_k({{{column, descending, nulls_first}}, 25}, all_types(), rows, random);
      }
    }
  }
}

TEST(TopK, AgreesWithSortForRandomKeyListsAndLimits) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    RandomRows random(seed);
    plan::TopKSpec spec;
    for (std::int64_t k = random.below(4) + 1; k > 0; --k) {
      const auto column =
          static_cast<std::uint32_t>(random.below(static_cast<std::int64_t>(all_types().size())));
      spec.keys.push_back({column, random.chance(0.5), random.chance(0.5)});
    }
    const std::uint64_t limits[] = {1, 10, 2048, 5000, 1'000'000'000, UINT64_MAX};
    spec.limit = limits[random.below(6)];
    const Rows rows = random.rows(all_types(), 7000, {.distinct = 5});
    expect_top_k(spec, all_types(), rows, random);
  }
}

TEST(TopK, LimitZeroClosesAndGivesNothing) {
  RandomRows random(2);
  EXPECT_TRUE(
      run_top_k({{{0, false, false}}, 0}, all_types(), random.rows(all_types(), 100, {}), random)
          .empty());
}

TEST(TopK, NoRowsGiveNoRows) {
  RandomRows random(3);
  EXPECT_TRUE(run_top_k({{{0, false, false}}, 10}, all_types(), {}, random).empty());
}

TEST(TopK, HugeLimitTakesMemoryForTheRowsThatCame) {
  RandomRows random(4);
  const Rows rows = random.rows(all_types(), 100, {});
  EXPECT_EQ(run_top_k({{{0, false, false}}, 1'000'000'000}, all_types(), rows, random,
                      std::size_t{1} << 20)
                .size(),
            100U);
}

TEST(TopK, MemoryStaysInProportionToTheLimit) {
  const Types types = {DataType::of(TypeKind::kInt64), DataType::of(TypeKind::kText)};
  RandomRows random(5);
  Rows rows;
  // Every row is better than all before it, and has a long string to leave behind.
  for (std::int64_t i = 0; i < 60'000; ++i) {
    rows.push_back({of(i), of_text("a text that is not short: " + std::to_string(i))});
  }
  const Rows result =
      run_top_k({{{0, true, false}}, 100}, types, rows, random, std::size_t{1} << 20);
  ASSERT_EQ(result.size(), 100U);
  EXPECT_EQ(result[0][1].text, "a text that is not short: 59999");
  EXPECT_EQ(result[99][1].text, "a text that is not short: 59900");
}

TEST(TopK, SmallBudgetAbandonsAndIsReleased) {
  RandomRows random(6);
  const Rows rows = random.rows(all_types(), 5000, {});
  for (const std::size_t budget_bytes : {0U, 1U << 12, 1U << 17}) {
    base::MemoryBudget budget(budget_bytes);
    bool abandoned = false;
    try {
      NodeCounters counters;
      TopKSink sink({{{0, false, false}}, 100'000}, all_types(), budget, counters);
      for_batches(all_types(), rows, random,
                  [&](const Batch& batch) { (void)sink.consume(batch); });
      (void)sink.finish();
    } catch (const base::Error& error) {
      abandoned = error.kind() == base::ErrorKind::kAbandon;
    }
    EXPECT_TRUE(abandoned);
    EXPECT_EQ(budget.used_bytes(), 0U);
  }
}

}  // namespace
}  // namespace sluice::engine
