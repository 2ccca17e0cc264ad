#include "pg/port/settings.h"

#include <algorithm>
#include <sched.h>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <optimizer/cost.h>
#include <utils/guc.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

constexpr int kWorkersMax = 63;  // a set of seats is a 64-bit word
constexpr int kExchangeMemoryMin = 64;
constexpr int kExchangeMemoryDefault = 16 * 1024;
constexpr double kMinCostDefault = 10000;

const config_enum_entry kModes[] = {
    {"auto", static_cast<int>(Mode::kAuto), false},
    {"force", static_cast<int>(Mode::kForce), false},
    {"off", static_cast<int>(Mode::kOff), false},
    {nullptr, 0, false},
};

/// Processors that this process may run on. Source: sched_getaffinity(2).
int cores() noexcept {
  static const int count = [] {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : CPU_SETSIZE;
  }();
  return count;
}

}  // namespace

Settings settings{
    static_cast<int>(Mode::kAuto), -1, kExchangeMemoryDefault, kMinCostDefault, false, true};

int workers_wanted(bool leader_computes) noexcept {
  const int cores_left = leader_computes ? cores() - 1 : cores();
  return settings.workers < 0 ? std::min(max_parallel_workers_per_gather, cores_left)
                              : settings.workers;
}

void define_settings() {
  DefineCustomEnumVariable(
      "sluice.mode", "When Sluice runs a plan.",
      "auto: where it is estimated to be cheaper; force: wherever it is supported; off: never.",
      &settings.mode, static_cast<int>(Mode::kAuto), kModes, PGC_USERSET, GUC_EXPLAIN, nullptr,
      nullptr, nullptr);
  DefineCustomIntVariable(
      "sluice.workers", "Worker seats wanted beside the leader.",
      "-1 means max_parallel_workers_per_gather, and no more than there are cores, less the "
      "leader's where it computes as well.",
      &settings.workers, -1, -1, kWorkersMax, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomIntVariable(
      "sluice.exchange_memory", "Shared memory for the streams between the seats of one query.",
      nullptr, &settings.exchange_memory, kExchangeMemoryDefault, kExchangeMemoryMin, MAX_KILOBYTES,
      PGC_USERSET, GUC_UNIT_KB | GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomRealVariable("sluice.min_cost",
                           "Plans that PostgreSQL estimates to cost less are not looked at.",
                           nullptr, &settings.min_cost, kMinCostDefault, 0, 1e300, PGC_USERSET,
                           GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "sluice.plan_inputs",
      "Has PostgreSQL execute what Sluice does not support below a join or aggregate.",
      "Such a part is run to its end, also where PostgreSQL's plan would stop before; one that "
      "might "
      "raise an error then is left alone.",
      &settings.plan_inputs, true, PGC_USERSET, GUC_EXPLAIN, nullptr, nullptr, nullptr);
  DefineCustomBoolVariable(
      "sluice.huge_pages", "Reads shared buffers through huge pages where the kernel lends them.",
      "Nothing happens where huge_pages is off, or where the server has reserved huge pages.",
      &settings.huge_pages, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
  MarkGUCPrefixReserved("sluice");
}

}  // namespace sluice::pg
