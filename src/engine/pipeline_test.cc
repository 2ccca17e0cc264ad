#include "engine/pipeline.h"

#include <gtest/gtest.h>
#include <random>
#include <string>
#include <utility>

#include "base/error.h"

namespace sluice::engine {
namespace {

using vector::Batch;

/// Hands out batches of one column whose only value is the batch's number.
class CountingSource final : public Source {
 public:
  CountingSource(int batches, std::string& log, int blocked_every = 0)
      : left_(batches), log_(log), blocked_every_(blocked_every) {}
  SourceState next(Batch& out) override {
    EXPECT_FALSE(closed_);
    if (blocked_every_ != 0 && ++calls_ % blocked_every_ == 0) {
      return SourceState::kBlocked;
    }
    if (left_ == 0) {
      return SourceState::kEnd;
    }
    --left_;
    ++value_;
    view_ = {vector::PhysicalType::kInt64, false, &value_, nullptr};
    out = Batch({&view_, 1}, 1);
    return SourceState::kBatch;
  }
  void close() override {
    closed_ = true;
    log_ += "source closed;";
  }

 private:
  int left_;
  std::string& log_;
  int blocked_every_;
  int calls_ = 0;
  bool closed_ = false;
  std::int64_t value_ = 0;
  vector::ColumnView view_;
};

/// Gives each value `times` times, one a batch; ends after `last` values.
class RepeatOperator final : public Operator {
 public:
  explicit RepeatOperator(int times, int last = 1 << 30) : times_(times), last_(last) {}
  OperatorState process(const Batch& in, Batch& out) override {
    value_ = in.column(0).as<std::int64_t>()[in.row(0)];
    if (given_ != 0) {
      EXPECT_EQ(value_, expanding_) << "another input before the last one was done";
    }
    expanding_ = value_;
    if (times_ == 0) {
      out = Batch();
      return OperatorState::kNeedInput;
    }
    view_ = {vector::PhysicalType::kInt64, false, &value_, nullptr};
    out = Batch({&view_, 1}, 1);
    if (++given_ < times_) {
      return OperatorState::kHaveMore;
    }
    given_ = 0;
    return --last_ == 0 ? OperatorState::kDone : OperatorState::kNeedInput;
  }

 private:
  int times_;
  int last_;
  int given_ = 0;
  std::int64_t expanding_ = 0;
  std::int64_t value_ = 0;
  vector::ColumnView view_;
};

/// Passes values on and hands out `kept` more after the last one, from `first` on, one a batch.
class KeepingOperator final : public Operator {
 public:
  KeepingOperator(std::int64_t first, int kept) : next_(first), kept_(kept) {}
  OperatorState process(const Batch& in, Batch& out) override {
    out = in;
    return OperatorState::kNeedInput;
  }
  OperatorState flush(Batch& out) override {
    if (kept_ == 0) {
      out = Batch();
      return OperatorState::kNeedInput;
    }
    value_ = next_++;
    view_ = {vector::PhysicalType::kInt64, false, &value_, nullptr};
    out = Batch({&view_, 1}, 1);
    return --kept_ == 0 ? OperatorState::kNeedInput : OperatorState::kHaveMore;
  }

 private:
  std::int64_t next_;
  int kept_;
  std::int64_t value_ = 0;
  vector::ColumnView view_;
};

class RecordingSink final : public Sink {
 public:
  explicit RecordingSink(std::string& log) : log_(log) {}
  SinkState consume(const Batch& batch) override {
    const std::int64_t value = batch.column(0).as<std::int64_t>()[batch.row(0)];
    if (refuse_) {
      EXPECT_TRUE(refused_ == 0 || refused_ == value) << "another batch after a refusal";
      refused_ = value;
      return SinkState::kBlocked;
    }
    EXPECT_TRUE(refused_ == 0 || refused_ == value) << "another batch after a refusal";
    refused_ = 0;
    log_ += std::to_string(value) + ";";
    return closes_at == value ? SinkState::kClosed : SinkState::kAccepted;
  }
  SinkState finish() override {
    if (refuse_) {
      return SinkState::kBlocked;
    }
    log_ += "finished;";
    return SinkState::kAccepted;
  }
  void refuse(bool refuse) { refuse_ = refuse; }
  std::int64_t closes_at = 0;

 private:
  std::string& log_;
  bool refuse_ = false;
  std::int64_t refused_ = 0;
};

class PipelineTest : public ::testing::Test {
 protected:
  std::string log_;
  RecordingSink sink_{log_};
  NodeCounters counters_;
  std::vector<std::unique_ptr<Operator>> operators_;

  Pipeline make(int batches, int blocked_every = 0) {
    return Pipeline(std::make_unique<CountingSource>(batches, log_, blocked_every), &counters_,
                    std::move(operators_), sink_);
  }
  static void run(Pipeline& pipeline) {
    while (pipeline.step(3) != PipelineState::kFinished) {
      ASSERT_TRUE(pipeline.invariants());
    }
  }
};

TEST_F(PipelineTest, RowsGoThroughAndTheSourceIsClosedBeforeTheSinkFinishes) {
  Pipeline pipeline = make(3);
  run(pipeline);
  EXPECT_EQ(log_, "1;2;3;source closed;finished;");
  EXPECT_EQ(counters_.rows, 3U);
  EXPECT_EQ(counters_.batches, 3U);
  EXPECT_EQ(pipeline.step(1), PipelineState::kFinished);
}

TEST_F(PipelineTest, AnOperatorWithMoreIsAskedAgainBeforeTheSourceIs) {
  operators_.push_back(std::make_unique<RepeatOperator>(2));
  operators_.push_back(std::make_unique<RepeatOperator>(2));
  Pipeline pipeline = make(2);
  run(pipeline);
  EXPECT_EQ(log_, "1;1;1;1;2;2;2;2;source closed;finished;");
}

TEST_F(PipelineTest, ARefusedBatchStaysAndNothingElseMoves) {
  Pipeline pipeline = make(3);
  sink_.refuse(true);
  EXPECT_EQ(pipeline.step(10), PipelineState::kProgress);  // the first batch has left the source
  EXPECT_EQ(pipeline.step(10), PipelineState::kBlocked);
  EXPECT_EQ(pipeline.step(10), PipelineState::kBlocked);
  EXPECT_EQ(counters_.rows, 1U);
  sink_.refuse(false);
  run(pipeline);
  EXPECT_EQ(log_, "1;2;3;source closed;finished;");
}

TEST_F(PipelineTest, ASinkThatFinishesLateIsAskedAgain) {
  Pipeline pipeline = make(0);
  sink_.refuse(true);
  EXPECT_EQ(pipeline.step(10), PipelineState::kProgress);
  EXPECT_EQ(pipeline.step(10), PipelineState::kBlocked);
  sink_.refuse(false);
  run(pipeline);
  EXPECT_EQ(log_, "source closed;finished;");
}

TEST_F(PipelineTest, AnOperatorThatIsDoneEndsTheSourceButNotWhatIsAboveIt) {
  operators_.push_back(std::make_unique<RepeatOperator>(1, 2));
  operators_.push_back(std::make_unique<RepeatOperator>(3));
  Pipeline pipeline = make(100);
  run(pipeline);
  EXPECT_EQ(log_, "1;1;1;2;2;2;source closed;finished;");
  EXPECT_EQ(counters_.rows, 2U);
}

TEST_F(PipelineTest, AClosedSinkEndsEverything) {
  operators_.push_back(std::make_unique<RepeatOperator>(3));
  sink_.closes_at = 2;
  Pipeline pipeline = make(100);
  run(pipeline);
  EXPECT_EQ(log_, "1;1;1;2;source closed;finished;");
}

TEST_F(PipelineTest, ABlockedSourceBlocksOnlyAnIdlePipeline) {
  Pipeline pipeline = make(2, 2);
  EXPECT_EQ(pipeline.step(10), PipelineState::kProgress);
  EXPECT_EQ(log_, "1;");
  run(pipeline);
  EXPECT_EQ(log_, "1;2;source closed;finished;");
}

TEST_F(PipelineTest, WithoutASourceTheSinkOnlyFinishes) {
  Pipeline pipeline(nullptr, &counters_, {}, sink_);
  run(pipeline);
  EXPECT_EQ(log_, "finished;");
}

TEST_F(PipelineTest, ClosingTwiceClosesTheSourceOnce) {
  Pipeline pipeline = make(5);
  (void)pipeline.step(1);
  pipeline.close();
  pipeline.close();
  EXPECT_EQ(log_, "1;source closed;");
}

TEST_F(PipelineTest, AnyRefusalsAndStopsGiveTheSameRows) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    log_.clear();
    const int batches = static_cast<int>(random() % 6);
    int times = 1;
    for (unsigned i = random() % 3; i > 0; --i) {
      const int factor = static_cast<int>(random() % 4);
      operators_.push_back(std::make_unique<RepeatOperator>(factor));
      times *= factor;
    }
    Pipeline pipeline = make(batches, 2 + static_cast<int>(random() % 3));
    PipelineState state = PipelineState::kProgress;
    while (state != PipelineState::kFinished) {
      sink_.refuse(random() % 3 == 0);
      state = pipeline.step(1 + random() % 4);
      ASSERT_TRUE(pipeline.invariants());
    }
    sink_.refuse(false);
    std::string expected;
    for (int i = 1; i <= batches; ++i) {
      for (int j = 0; j < times; ++j) {
        expected += std::to_string(i) + ";";
      }
    }
    ASSERT_EQ(log_, expected + "source closed;finished;") << "seed " << seed;
    operators_.clear();
  }
}

TEST_F(PipelineTest, WhatOperatorsKeepFollowsTheInputInTheirOrder) {
  operators_.push_back(std::make_unique<KeepingOperator>(10, 2));
  operators_.push_back(std::make_unique<RepeatOperator>(2));
  operators_.push_back(std::make_unique<KeepingOperator>(20, 1));
  Pipeline pipeline = make(1);
  run(pipeline);
  EXPECT_EQ(log_, "1;1;source closed;10;10;11;11;20;finished;");
}

TEST_F(PipelineTest, KeptRowsComeWithoutASource) {
  operators_.push_back(std::make_unique<KeepingOperator>(10, 2));
  Pipeline pipeline(nullptr, &counters_, std::move(operators_), sink_);
  run(pipeline);
  EXPECT_EQ(log_, "10;11;finished;");
}

TEST_F(PipelineTest, NothingKeptComesOutBelowAnOperatorThatWantsNoMore) {
  operators_.push_back(std::make_unique<KeepingOperator>(10, 2));
  operators_.push_back(std::make_unique<RepeatOperator>(1, 1));
  operators_.push_back(std::make_unique<KeepingOperator>(20, 1));
  Pipeline pipeline = make(3);
  run(pipeline);
  EXPECT_EQ(log_, "1;source closed;20;finished;");
}

TEST_F(PipelineTest, NothingKeptComesOutOnceTheSinkHasClosed) {
  operators_.push_back(std::make_unique<KeepingOperator>(10, 3));
  sink_.closes_at = 11;
  Pipeline pipeline = make(1);
  run(pipeline);
  EXPECT_EQ(log_, "1;source closed;10;11;finished;");
}

}  // namespace
}  // namespace sluice::engine
