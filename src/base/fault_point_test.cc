#include "base/fault_point.h"

#include <gtest/gtest.h>
#include <stdexcept>
#include <string>

namespace sluice::base {
namespace {

FaultPoint last_passed = FaultPoint::kCount;

TEST(FaultPoint, NamesAreThoseOfTheList) {
  EXPECT_EQ(name_of(FaultPoint::kLaunchBegin), std::string("LaunchBegin"));
  EXPECT_EQ(name_of(FaultPoint::kWorkerLeave), std::string("WorkerLeave"));
}

TEST(FaultPoint, HandlerSeesThePointAndMayThrow) {
  set_fault_handler([](FaultPoint point, bool may_throw) {
    last_passed = point;
    if (may_throw) {
      throw std::runtime_error("fault");
    }
  });
  EXPECT_THROW(pass_fault_point(FaultPoint::kRingFull), std::runtime_error);
  EXPECT_EQ(last_passed, FaultPoint::kRingFull);
  pass_fault_point_noexcept(FaultPoint::kPark);
  EXPECT_EQ(last_passed, FaultPoint::kPark);
  set_fault_handler(nullptr);
  pass_fault_point(FaultPoint::kSealed);
  EXPECT_EQ(last_passed, FaultPoint::kPark);
}

}  // namespace
}  // namespace sluice::base
