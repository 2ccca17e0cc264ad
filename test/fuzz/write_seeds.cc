// Writes encoded plans as first inputs for plan_codec_fuzz, which would be long in finding one:
// what stands behind the header, as the fuzzer makes the header itself. Usage: write_seeds FOLDER
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "codec/plan_codec.h"
#include "codec/plan_format.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/random_plan.h"
#include "plan/tpch_plans.h"

namespace {

using namespace sluice;

constexpr int kRandomPlans = 40;

std::vector<plan::PlanSpec> seeds() {
  std::vector<plan::PlanSpec> plans = {plan::tpch_q1(), plan::tpch_q3(), plan::tpch_q5(),
                                       plan::tpch_q6()};
  for (int i = 0; i < kRandomPlans; ++i) {
    plan::RandomPlan random(static_cast<unsigned>(i));
    plans.push_back(random.make());
  }
  const std::size_t whole = plans.size();
  for (std::size_t i = 0; i < whole; ++i) {
    plan::ShuffleOptions options;
    options.seats = 3;
    plans.push_back(plan::enforce_dsm_shuffle(plans[i], options));
  }
  return plans;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: write_seeds FOLDER\n", stderr);
    return 2;
  }
  int number = 0;
  for (const plan::PlanSpec& plan : seeds()) {
    const std::vector<std::byte> bytes = codec::encode(plan);
    const auto body = std::span(bytes).subspan(codec::kHeaderBytes);
    std::ofstream file(std::string(arguments[1]) + "/plan-" + std::to_string(number++),
                       std::ios::binary);
    file.write(reinterpret_cast<const char*>(body.data()),
               static_cast<std::streamsize>(body.size()));
    if (!file) {
      std::perror(arguments[1]);
      return 1;
    }
  }
  std::printf("%d seeds\n", number);
  return 0;
}
