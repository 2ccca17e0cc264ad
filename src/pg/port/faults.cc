#include "pg/port/faults.h"

#ifdef SLUICE_FAULT_POINTS

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <unistd.h>

#include "base/error.h"
#include "base/fault_point.h"
#include "pg/border/call.h"
#include "pg/border/pg_include.h"
#include "pg/port/allocation_count.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/parallel.h>
#include <miscadmin.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <storage/proc.h>
#include <utils/guc.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

using base::FaultPoint;

constexpr std::size_t kPoints = static_cast<std::size_t>(FaultPoint::kCount);
constexpr std::int64_t kEveryPassage = 0;
constexpr int kEverySeat = -1;
constexpr int kSleepMs = 50;

/// Runs in: the process that passes the point. Returns, throws, or does not return.
using Action = void (*)(FaultPoint);

int fault_sqlstate() { return MAKE_SQLSTATE('S', 'L', '0', '0', '1'); }

void raise(FaultPoint point, int level) {
  ereport(level, (errcode(fault_sqlstate()), errmsg("fault at %s", base::name_of(point))));
}

/// One write, so that lines of several processes stay apart; no memory, so that it runs anywhere.
void note(FaultPoint point) {
  static bool noted[kPoints];
  if (noted[static_cast<std::size_t>(point)]) {
    return;
  }
  noted[static_cast<std::size_t>(point)] = true;
  char line[128];
  const int seat = IsParallelWorker() ? ParallelWorkerNumber + 1 : 0;
  const int bytes =
      pg_snprintf(line, sizeof line, "sluice passes %s in seat %d\n", base::name_of(point), seat);
  (void)!write(STDERR_FILENO, line, static_cast<std::size_t>(bytes));
}

/// Sends SIGINT to the leader, as a client's cancel does.
void cancel_query() {
  const PGPROC* leader = MyProc->lockGroupLeader;
  (void)kill(leader == nullptr ? MyProcPid : leader->pid, SIGINT);
}

void sleep_a_while() {
  for (int i = 0; i < kSleepMs; ++i) {
    pg_usleep(1000);
  }
}

struct NamedAction {
  std::string_view name;
  bool throws;
  Action run;
};

constexpr NamedAction kActions[] = {
    {"error", true, [](FaultPoint point) { call([=] { raise(point, ERROR); }); }},
    {"oom", true, [](FaultPoint) { throw std::bad_alloc(); }},
    {"palloc_oom", true,
     [](FaultPoint) {
       call([] {
         ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                         errdetail("Failed on request of size %d.", 1)));
       });
     }},
    {"abandon", true, [](FaultPoint point) { base::throw_abandon(base::name_of(point)); }},
    {"interrupt", true, [](FaultPoint) { call([] { CHECK_FOR_INTERRUPTS(); }); }},
    {"fatal", false, [](FaultPoint point) { raise(point, FATAL); }},
    {"exit", false, [](FaultPoint) { proc_exit(1); }},
    {"term", false, [](FaultPoint) { (void)kill(MyProcPid, SIGTERM); }},
    {"stop", false, [](FaultPoint) { (void)kill(MyProcPid, SIGSTOP); }},
    {"kill", false, [](FaultPoint) { (void)kill(MyProcPid, SIGKILL); }},
    {"cancel", false, [](FaultPoint) { cancel_query(); }},
    {"sleep", false, [](FaultPoint) { sleep_a_while(); }},
    {"reset_latch", false, [](FaultPoint) { ResetLatch(MyLatch); }},
    {"note", false, &note},
};

/// What the setting says; `action` is null when nothing is to happen.
struct Fault {
  bool at_every_point = false;
  FaultPoint point = FaultPoint::kCount;
  const NamedAction* action = nullptr;
  std::int64_t nth = 1;
  int seat = kEverySeat;
};

char* fault_text = nullptr;
Fault fault;
std::int64_t passed = 0;

std::optional<FaultPoint> point_named(std::string_view name) {
  for (std::size_t i = 0; i < kPoints; ++i) {
    if (name == base::name_of(static_cast<FaultPoint>(i))) {
      return static_cast<FaultPoint>(i);
    }
  }
  return std::nullopt;
}

/// Takes what stands before the next colon off `text`.
std::string_view take_part(std::string_view& text) {
  const std::size_t colon = text.find(':');
  const std::string_view part = text.substr(0, colon);
  text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  return part;
}

std::optional<Fault> parse(std::string_view text) {
  Fault parsed;
  if (text.empty()) {
    return parsed;
  }
  const std::string_view point = take_part(text);
  const std::string_view action = take_part(text);
  parsed.at_every_point = point == "*";
  if (!parsed.at_every_point) {
    const std::optional<FaultPoint> known = point_named(point);
    if (!known.has_value()) {
      return std::nullopt;
    }
    parsed.point = *known;
  }
  for (const NamedAction& known : kActions) {
    if (known.name == action) {
      parsed.action = &known;
    }
  }
  if (!text.empty()) {
    parsed.nth = std::atoll(take_part(text).data());
  }
  if (!text.empty()) {
    parsed.seat = std::atoi(text.data());
  }
  return parsed.action == nullptr ? std::nullopt : std::optional<Fault>(parsed);
}

bool check_fault(char** text, void**, GucSource) {
  if (parse(*text == nullptr ? "" : *text).has_value()) {
    return true;
  }
  GUC_check_errdetail("It is point:action[:nth[:seat]], see src/base/fault_point.h.");
  return false;
}

void assign_fault(const char* text, void*) {
  fault = parse(text == nullptr ? "" : text).value_or(Fault{});
  passed = 0;
}

void pass(FaultPoint point, bool may_throw) {
  if (fault.action == nullptr || (!fault.at_every_point && fault.point != point) ||
      (fault.action->throws && !may_throw)) {
    return;
  }
  const int seat = IsParallelWorker() ? ParallelWorkerNumber + 1 : 0;
  if (fault.seat != kEverySeat && fault.seat != seat) {
    return;
  }
  if (++passed == fault.nth || fault.nth == kEveryPassage) {
    fault.action->run(point);
  }
}

const char* show_live_allocations() {
  static char text[32];
  pg_snprintf(text, sizeof text, "%lld", static_cast<long long>(live_allocations()));
  return text;
}

char* live_allocations_text = nullptr;

}  // namespace

void define_faults() {
  DefineCustomStringVariable("sluice.fault", "What a seat does at a fault point.",
                             "point:action[:nth[:seat]]", &fault_text, "", PGC_USERSET, 0,
                             &check_fault, &assign_fault, nullptr);
  DefineCustomStringVariable("sluice.live_allocations",
                             "C++ objects that this process has allocated and not freed.", nullptr,
                             &live_allocations_text, "", PGC_INTERNAL, GUC_DISALLOW_IN_FILE,
                             nullptr, nullptr, &show_live_allocations);
  base::set_fault_handler(&pass);
}

}  // namespace sluice::pg

#endif
