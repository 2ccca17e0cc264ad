#include "exchange/control_words.h"

#include <gtest/gtest.h>
#include <random>

namespace sluice::exchange {
namespace {

using base::Epoch;

TEST(ControlWords, WordOfAnotherEpochSaysNothingYetOrThatItIsOver) {
  const std::uint64_t word = want_word(Epoch(2), WantState::kStart);
  EXPECT_EQ(want_in(word, Epoch(1)), WantState::kClose);
  EXPECT_EQ(want_in(word, Epoch(2)), WantState::kStart);
  EXPECT_EQ(want_in(word, Epoch(3)), WantState::kNone);
  const std::uint64_t answer = have_word(Epoch(2), HaveState::kOpen);
  EXPECT_EQ(have_in(answer, Epoch(1)), HaveState::kClosed);
  EXPECT_EQ(have_in(answer, Epoch(2)), HaveState::kOpen);
  EXPECT_EQ(have_in(answer, Epoch(3)), HaveState::kNone);
}

TEST(ControlWords, FailureAndDeathHoldInEveryEpoch) {
  for (const std::uint32_t epoch : {1U, 2U, 4000000000U}) {
    EXPECT_EQ(have_in(have_word(kEpochForever, HaveState::kError), Epoch(epoch)),
              HaveState::kError);
    EXPECT_EQ(want_in(want_word(kEpochForever, WantState::kClose), Epoch(epoch)),
              WantState::kClose);
  }
}

TEST(ControlWords, UnknownStateReadsAsTheLastOne) {
  EXPECT_EQ(have_in(std::uint64_t{1} << 32 | 99, Epoch(1)), HaveState::kClosed);
  EXPECT_EQ(want_in(std::uint64_t{1} << 32 | 99, Epoch(1)), WantState::kClose);
}

TEST(ControlWords, WordThatNoProducerWritesIsNoAnswer) {
  const Epoch now(2);
  EXPECT_TRUE(is_answer(0, now));
  EXPECT_TRUE(is_answer(have_word(now, HaveState::kClosed), now));
  EXPECT_TRUE(is_answer(have_word(kEpochForever, HaveState::kError), now));
  EXPECT_FALSE(is_answer(have_word(now, HaveState::kClosed) + 1, now));
  EXPECT_FALSE(is_answer(have_word(kEpochForever, HaveState::kClosed) + 1, now));
  EXPECT_FALSE(is_answer(have_word(Epoch(3), HaveState::kOpen), now));
}

TEST(ControlWords, OnlyGrowWhateverIsSaid) {
  std::mt19937 random(3);
  SharedWord word{0};
  std::uint64_t model = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t value =
        have_word(Epoch(1 + random() % (1 + static_cast<unsigned>(i) / 1000)),
                  HaveState{static_cast<std::uint32_t>(random() % 5)});
    EXPECT_EQ(raise_word(word, value), value > model);
    model = std::max(model, value);
    ASSERT_EQ(word.load(), model);
  }
}

TEST(ControlWords, AnswerIsDueFromStartOrCloseUntilClosed) {
  const Epoch now(2);
  const auto due = [&](Epoch want_epoch, WantState want, Epoch have_epoch, HaveState have) {
    return answer_is_due(want_word(want_epoch, want), have_word(have_epoch, have), now);
  };
  EXPECT_FALSE(due(Epoch(1), WantState::kClose, Epoch(1), HaveState::kClosed));
  EXPECT_FALSE(due(Epoch(1), WantState::kStart, Epoch(1), HaveState::kEos));
  EXPECT_TRUE(due(now, WantState::kStart, Epoch(1), HaveState::kClosed));
  EXPECT_TRUE(due(now, WantState::kClose, Epoch(1), HaveState::kClosed));
  EXPECT_TRUE(due(now, WantState::kStart, now, HaveState::kEos));
  EXPECT_TRUE(due(now, WantState::kClose, now, HaveState::kEos));
  EXPECT_TRUE(due(now, WantState::kClose, now, HaveState::kError));
  EXPECT_FALSE(due(now, WantState::kClose, now, HaveState::kClosed));
  // A producer at work is due even towards a consumer that never spoke.
  EXPECT_TRUE(due(Epoch(1), WantState::kClose, now, HaveState::kOpen));
  EXPECT_FALSE(due(Epoch(1), WantState::kClose, now, HaveState::kEos));
  // The dead.
  EXPECT_FALSE(due(kEpochForever, WantState::kClose, Epoch(1), HaveState::kClosed));
  EXPECT_TRUE(due(kEpochForever, WantState::kClose, now, HaveState::kOpen));
  EXPECT_TRUE(due(kEpochForever, WantState::kClose, now, HaveState::kEos));
  EXPECT_FALSE(due(kEpochForever, WantState::kClose, now, HaveState::kClosed));
  EXPECT_FALSE(due(now, WantState::kStart, kEpochForever, HaveState::kClosed));
  EXPECT_TRUE(due(now, WantState::kClose, kEpochForever, HaveState::kError));
}

}  // namespace
}  // namespace sluice::exchange
