#include "base/cut_text.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

TEST(CutText, WhatFitsStaysWhole) {
  EXPECT_EQ(cut_text("", 0), "");
  EXPECT_EQ(cut_text("abc", 3), "abc");
  EXPECT_EQ(cut_text("aß", 3), "aß");
}

TEST(CutText, CutsBetweenCharacters) {
  EXPECT_EQ(cut_text("abc", 2), "ab");
  EXPECT_EQ(cut_text("aß", 2), "a");
  EXPECT_EQ(cut_text("ß€x", 5), "ß€");
  EXPECT_EQ(cut_text("ß€x", 4), "ß");
  EXPECT_EQ(cut_text("€", 2), "");
}

}  // namespace
}  // namespace sluice::base
