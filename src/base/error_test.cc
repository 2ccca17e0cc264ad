#include "base/error.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace sluice::base {
namespace {

TEST(Error, KeepsItsKindStateAndTexts) {
  const Error error(ErrorKind::kQuery, "22012", "division by zero", "why");
  EXPECT_EQ(error.kind(), ErrorKind::kQuery);
  EXPECT_EQ(error.sqlstate(), "22012");
  EXPECT_EQ(error.message(), "division by zero");
  EXPECT_EQ(error.detail(), "why");
}

TEST(Error, MalformedSqlstateBecomesInternal) {
  EXPECT_EQ(Error(ErrorKind::kQuery, "1", "m").sqlstate(), "XX000");
}

TEST(Check, RaisesTheKindItNames) {
  try {
    SLUICE_CHECK(1 == 2, "impossible");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  }
  try {
    SLUICE_CHECK_BYTES(1 == 2, "short record");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace sluice::base
