#include "base/fault_point.h"

#include <cstddef>

namespace sluice::base {
namespace {

FaultHandler fault_handler = nullptr;

constexpr const char* kNames[] = {
#define SLUICE_FAULT_POINT_NAME(name) (&#name[1]),
    SLUICE_FAULT_POINT_LIST(SLUICE_FAULT_POINT_NAME)
#undef SLUICE_FAULT_POINT_NAME
};
static_assert(sizeof kNames / sizeof kNames[0] == static_cast<std::size_t>(FaultPoint::kCount));

}  // namespace

const char* name_of(FaultPoint point) noexcept { return kNames[static_cast<std::size_t>(point)]; }

void set_fault_handler(FaultHandler handler) noexcept { fault_handler = handler; }

void pass_fault_point(FaultPoint point) {
  if (fault_handler != nullptr) {
    fault_handler(point, true);
  }
}

void pass_fault_point_noexcept(FaultPoint point) noexcept {
  if (fault_handler != nullptr) {
    fault_handler(point, false);
  }
}

}  // namespace sluice::base
