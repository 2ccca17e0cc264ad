// Random operations on all ends of two streams between three seats, against queues of strings.
#include <algorithm>
#include <array>
#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <random>

#include "exchange/control_service.h"
#include "exchange/ring.h"
#include "exchange/stream_input.h"
#include "exchange/stream_output.h"
#include "exchange/test_mesh.h"

namespace sluice::exchange {
namespace {

constexpr std::uint16_t kSeatCount = 3;
constexpr std::uint16_t kStreamCount = 2;  // 0: everybody reads; 1: the leader reads
constexpr SeatSet kAll{7};

class StreamModel final : public StreamProcedure {
 public:
  StreamModel(unsigned seed, std::uint32_t ring_bytes, unsigned epoch_steps)
      : mesh_(
            mesh_config(kSeatCount, {StreamAudience::kSeats, StreamAudience::kLeader}, ring_bytes)),
        record_bytes_max_(ring_record_bytes_max(ring_bytes)),
        random_(seed),
        epoch_steps_(epoch_steps) {
    for (std::uint16_t seat = 0; seat < kSeatCount; ++seat) {
      registries_[seat].add(StreamId(0), *this);
      registries_[seat].add(StreamId(1), *this);
      services_[seat] = std::make_unique<ControlService>(mesh_[seat], registries_[seat]);
    }
    begin_epoch();
  }

  void start(StreamId stream, Epoch epoch) override {
    ASSERT_EQ(epoch, mesh_[0].epoch());
    End& end = ends_[stream.index()][polled_];
    ASSERT_FALSE(end.ran) << "run twice in an epoch";
    ASSERT_TRUE(end.asked) << "run without being asked";
    end.ran = true;
    end.output =
        std::make_unique<StreamOutput>(mesh_[polled_], stream, consumers(stream.index()), epoch);
  }

  void step() {
    const std::size_t stream = random_() % kStreamCount;
    const std::uint16_t seat = random_() % kSeatCount;
    const std::uint16_t reader = stream == 1 ? 0 : random_() % kSeatCount;
    switch (random_() % 16) {
      case 0:
        start_input(stream, reader);
        break;
      case 1:
      case 2:
        poll(seat);
        break;
      case 3:
        if (random_() % 16 == 0) {
          close_input(stream, reader);
        }
        break;
      case 4:
        if (random_() % 16 == 0) {
          finish(stream, seat);
        }
        break;
      case 5:
        if (random_() % epoch_steps_ == 0) {
          end_epoch();
          begin_epoch();
        }
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        push(stream, seat, reader);
        break;
      default:
        read(stream, reader);
    }
  }
  [[nodiscard]] std::size_t delivered() const { return delivered_; }
  [[nodiscard]] std::size_t ends_seen() const { return ends_seen_; }

 private:
  // What goes from one seat to one seat.
  struct Lane {
    std::deque<std::string> sent;
    std::string pending;  // a message of which only some chunks are sent
    bool has_pending = false;
  };
  // One seat's two ends of one stream.
  struct End {
    std::unique_ptr<StreamInput> input;
    std::unique_ptr<StreamOutput> output;
    std::array<Lane, kSeatCount> lanes;  // by consumer
    bool asked = false;                  // some consumer has started
    bool ran = false;
    bool finished = false;
    bool closed = false;  // as consumer
  };

  static SeatSet consumers(std::size_t stream) {
    return stream == 1 ? SeatSet::of(kLeaderSeat) : kAll;
  }

  void begin_epoch() {
    for (std::size_t stream = 0; stream < kStreamCount; ++stream) {
      for (std::uint16_t seat = 0; seat < kSeatCount; ++seat) {
        End& end = ends_[stream][seat];
        end.input.reset();
        end.output.reset();
        end = End();
        if (consumers(stream).contains(SeatIndex(seat))) {
          end.input = std::make_unique<StreamInput>(mesh_[seat],
                                                    StreamId(static_cast<std::uint16_t>(stream)),
                                                    kAll, mesh_[seat].epoch(), budget_);
        }
      }
    }
  }

  void end_epoch() {
    for (auto& stream : ends_) {
      for (End& end : stream) {
        end.input.reset();
      }
    }
    // Nothing of this epoch is over before its outputs are.
    for (std::uint16_t seat = 0; seat < kSeatCount; ++seat) {
      poll(seat);
    }
    for (auto& stream : ends_) {
      for (End& end : stream) {
        if (end.output && !end.finished) {
          ASSERT_FALSE(mesh_[0].quiescent());
          ASSERT_TRUE(end.output->all_closed());
        }
        end.output.reset();
      }
    }
    for (std::uint16_t seat = 0; seat < kSeatCount; ++seat) {
      poll(seat);
    }
    ASSERT_TRUE(mesh_[0].quiescent());
    ASSERT_EQ(budget_.used_bytes(), 0U);
    mesh_[0].advance_epoch();
  }

  void poll(std::uint16_t seat) {
    polled_ = seat;
    (void)services_[seat]->poll();
  }

  void start_input(std::size_t stream, std::uint16_t reader) {
    End& end = ends_[stream][reader];
    end.input->start();
    for (End& producer : ends_[stream]) {
      producer.asked = producer.asked || !end.closed;
    }
  }

  void close_input(std::size_t stream, std::uint16_t reader) {
    ends_[stream][reader].input->close();
    ends_[stream][reader].closed = true;
  }

  std::string random_message() {
    const std::size_t limit = record_bytes_max_;
    const std::array<std::size_t, 7> sizes{0,         1,         limit,         limit + 1,
                                           2 * limit, 5 * limit, 6 * limit + 17};
    const std::size_t bytes =
        random_() % 2 == 0 ? sizes[random_() % sizes.size()] : random_() % 300;
    std::string text(bytes, '\0');
    for (char& c : text) {
      c = static_cast<char>(random_());
    }
    return text;
  }

  void push(std::size_t stream, std::uint16_t seat, std::uint16_t reader) {
    End& end = ends_[stream][seat];
    if (!end.output || end.finished) {
      return;
    }
    Lane& lane = end.lanes[reader];
    if (!lane.has_pending) {
      lane.pending = random_message();
      lane.has_pending = true;
    }
    const auto rows = static_cast<std::uint32_t>(lane.pending.size());
    const bool closed = ends_[stream][reader].closed;
    switch (end.output->push(SeatIndex(reader), bytes_of(lane.pending), rows)) {
      case PushResult::kDone:
        ASSERT_FALSE(closed);
        ASSERT_TRUE(ends_[stream][reader].input->started());
        lane.sent.push_back(lane.pending);
        lane.has_pending = false;
        break;
      case PushResult::kFull:
        ASSERT_FALSE(closed);
        break;
      case PushResult::kClosed:
        ASSERT_TRUE(closed);
        lane.has_pending = false;
        break;
    }
  }

  void finish(std::size_t stream, std::uint16_t seat) {
    End& end = ends_[stream][seat];
    if (!end.output || end.finished) {
      return;
    }
    for (std::uint16_t reader = 0; reader < kSeatCount; ++reader) {
      // A message once begun is pushed to its end; one that was only tried is not missed.
      if (end.lanes[reader].has_pending && !ends_[stream][reader].closed) {
        return;
      }
    }
    end.output->finish();
    end.finished = true;
    if (random_() % 2 == 0) {
      end.output.reset();
    }
  }

  /// Whether some producer has sent a part of a message to `reader`.
  bool awaits_rest(std::size_t stream, std::uint16_t reader) const {
    return std::any_of(ends_[stream].begin(), ends_[stream].end(), [&](const End& end) {
      const Lane& lane = end.lanes[reader];
      return lane.has_pending && lane.pending.size() > record_bytes_max_;
    });
  }

  void read(std::size_t stream, std::uint16_t reader) {
    End& end = ends_[stream][reader];
    if (!end.input->started()) {
      return;
    }
    RecordView record;
    switch (end.input->next(record)) {
      case InputState::kRecord: {
        Lane& lane = ends_[stream][record.producer.index()].lanes[reader];
        ASSERT_FALSE(lane.sent.empty());
        ASSERT_EQ(text_of(record.payload), lane.sent.front());
        ASSERT_EQ(record.rows, lane.sent.front().size());
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(record.payload.data()) % 16, 0U);
        lane.sent.pop_front();
        end.input->release();
        ++delivered_;
        break;
      }
      case InputState::kEmpty:
        // Nobody has sent a whole message, unless the large one of another is awaited.
        ASSERT_TRUE(awaits_rest(stream, reader) ||
                    std::all_of(ends_[stream].begin(), ends_[stream].end(),
                                [&](const End& each) { return each.lanes[reader].sent.empty(); }));
        break;
      case InputState::kEnd:
        if (!end.closed) {
          ++ends_seen_;
          for (const End& producer : ends_[stream]) {
            ASSERT_TRUE(producer.finished && producer.lanes[reader].sent.empty());
          }
        }
        break;
    }
  }

  TestMesh mesh_;
  std::size_t record_bytes_max_;
  std::mt19937 random_;
  unsigned epoch_steps_;  // a sixteenth of an epoch's length on average
  base::MemoryBudget budget_{1 << 20};
  std::array<StreamRegistry, kSeatCount> registries_;
  std::array<std::unique_ptr<ControlService>, kSeatCount> services_;
  std::array<std::array<End, kSeatCount>, kStreamCount> ends_;
  std::uint16_t polled_ = 0;
  std::size_t delivered_ = 0;
  std::size_t ends_seen_ = 0;
};

void expect_behaves(std::uint32_t ring_bytes, unsigned epoch_steps, int steps,
                    std::size_t delivered_min, std::size_t ends_min) {
  std::size_t ends_seen = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    StreamModel model(seed, ring_bytes, epoch_steps);
    for (int i = 0; i < steps; ++i) {
      model.step();
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed << ", step " << i;
    }
    EXPECT_GT(model.delivered(), delivered_min);
    ends_seen += model.ends_seen();
  }
  EXPECT_GT(ends_seen, ends_min);
}

TEST(Stream, BehavesAsQueuesOfStringsForRandomOperations) {
  expect_behaves(kRingBytesMin, 64, 10000, 200, 100);
}

TEST(Stream, BehavesAsQueuesOfStringsThroughRingsOfOneRecord) {
  expect_behaves(kRingBytesLeast, 128, 40000, 100, 30);
}

}  // namespace
}  // namespace sluice::exchange
