// EnforceDsmShuffle against random plans: the distributed plan keeps every rule and gives the same
// rows.
#include "plan/random_plan.h"

#include <gtest/gtest.h>

#include "plan/enforce_dsm_shuffle.h"
#include "plan/plan_simulator.h"
#include "plan/print.h"

namespace sluice::plan {
namespace {

constexpr std::uint64_t kPlans = 1000;

SimulatedRows sorted(SimulatedRows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

bool has_limit(const PlanSpec& plan) { return plan.root.as<LimitSpec>() != nullptr; }

PlanSpec without_limit(const PlanSpec& plan) {
  return build_plan(has_limit(plan) ? plan.root.inputs[0] : plan.root);
}

ShuffleOptions any_options(RandomPlan& random) {
  ShuffleOptions options;
  options.seats = 1 + random.below(8);
  options.broadcast_bytes_max = std::uint64_t{1} << random.below(30);
  options.root_streams = random.below(2) == 0;
  return options;
}

TEST(RandomPlan, DistributedPlanGivesTheRowsOfTheOneProcessPlanInAnyNumberOfSeats) {
  std::uint64_t distributed = 0;
  std::uint64_t with_rows = 0;
  for (std::uint64_t seed = 0; seed < kPlans; ++seed) {
    RandomPlan random(seed);
    const PlanSpec plan = random.make();
    const ShuffleOptions options = any_options(random);
    const PlanSpec shuffled = enforce_dsm_shuffle(plan, options);
    const PlanSpec reference = without_limit(plan);
    const SimulatedRows wanted = sorted(PlanSimulator(reference, 1).run());
    distributed += shuffled.distributed ? 1 : 0;
    with_rows += wanted.empty() ? 0 : 1;
    // Workers may fail to start: any number of seats up to the planned one runs the same plan.
    for (std::uint32_t seats = 1; seats <= options.seats; ++seats) {
      const SimulatedRows rows = sorted(PlanSimulator(shuffled, seats).run());
      if (has_limit(plan)) {
        const std::size_t limit = plan.root.as<LimitSpec>()->limit;
        ASSERT_EQ(rows.size(), std::min(limit, wanted.size())) << to_string(shuffled);
        ASSERT_TRUE(std::includes(wanted.begin(), wanted.end(), rows.begin(), rows.end()));
      } else {
        ASSERT_EQ(rows, wanted) << "seed " << seed << ", " << seats << " seats\n"
                                << to_string(plan) << to_string(shuffled);
      }
    }
  }
  EXPECT_GT(distributed, kPlans / 2);
  EXPECT_GT(with_rows, kPlans / 2);
}

void count_exchanges(const PlanSpec& plan, std::map<ExchangeKind, int>& counts) {
  for (const PlanNode* node : collect_dsm_exchanges(plan.root)) {
    ++counts[node->as<ExchangeSpec>()->kind];
  }
}

TEST(RandomPlan, EveryKindOfExchangeOccursAndStreamsAreNumberedInPreorder) {
  std::map<ExchangeKind, int> counts;
  for (std::uint64_t seed = 0; seed < kPlans; ++seed) {
    RandomPlan random(seed);
    const PlanSpec plan = random.make();
    const PlanSpec shuffled = enforce_dsm_shuffle(plan, any_options(random));
    const auto exchanges = collect_dsm_exchanges(shuffled.root);
    ASSERT_EQ(exchanges.size(), shuffled.stream_count);
    for (std::size_t i = 0; i < exchanges.size(); ++i) {
      ASSERT_EQ(exchanges[i]->as<ExchangeSpec>()->stream.index(), i);
    }
    ASSERT_EQ(shuffled.root.output, plan.root.output);
    count_exchanges(shuffled, counts);
  }
  EXPECT_GT(counts[ExchangeKind::kGather], 150);
  EXPECT_GT(counts[ExchangeKind::kRedistribute], 150);
  EXPECT_GT(counts[ExchangeKind::kBroadcast], 150);
}

}  // namespace
}  // namespace sluice::plan
