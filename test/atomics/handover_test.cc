// The exchange's own ring, doorbell and control words under Relacy, a checker of the C++ memory
// model: two seats hand over a few records through a ring of one. Its threads read stale values
// wherever their memory orders allow it, in random schedules.
//
// Found are: data races on what a record holds, lost or doubled records, lost wake-ups (all threads
// blocked). Every order that the code asks for is weakened once, and must then be found wanting.
#include <array>
#include <gtest/gtest.h>
#include <string>

#include "exchange/control_words.h"
#include "exchange/doorbell.h"
#include "exchange/ring.h"
// clang-format off
#include "atomics/checker.h"  // last, for the checker makes macros of words of the language
// clang-format on

namespace sluice::atomics {
namespace {

constexpr std::uint64_t kRecords = 3;
constexpr std::uint64_t kExecutions = 200000;
constexpr base::Epoch kEpoch{1};

// Words in the order of their construction: a PhysicalStream, then two BellLines.
enum Word : std::uint32_t {
  kWant,
  kRingOffset,
  kHave,
  kWakeAt,
  kSettled,
  kReadPosition,
  kConsumerWakes,
  kWritePosition,
  kRecordCount,
  kRowCount,
  kByteCount,
  kStalls,
  kProducerWakes,
  kStarts,
  kProducerBells,
  kProducerState,
  kConsumerBells,
  kConsumerState,
};

/// A latch a seat: a futex word, as in test/process.
class ModelWaker final : public exchange::Waker {
 public:
  ModelWaker(std::array<rl::atomic<int>, 2>& latches, std::size_t self) noexcept
      : latches_(latches), self_(self) {}
  void wake(exchange::SeatIndex peer) noexcept override {
    rl::atomic<int>& latch = latches_[peer.index()];
    if (latch.exchange(1, rl::mo_seq_cst, $) == 0) {
      rl::rl_futex(&latch, FUTEX_WAKE, 1, nullptr, nullptr, 0, $);
    }
  }
  void reset() override { latches_[self_].store(0, rl::mo_seq_cst, $); }
  void wait() override {
    while (latches_[self_].load(rl::mo_seq_cst, $) == 0) {
      rl::rl_futex(&latches_[self_], FUTEX_WAIT, 0, nullptr, nullptr, 0, $);
    }
  }

 private:
  std::array<rl::atomic<int>, 2>& latches_;
  std::size_t self_;
};

/// Seat 0 produces, seat 1 consumes: START, records, end of stream, as StreamInput and StreamOutput
/// go about it.
struct Handover : rl::test_suite<Handover, 2> {
  // The model's words come first: what follows is made of them.
  Words model;
  exchange::PhysicalStream stream{};
  std::array<exchange::BellLine, 2> bells{};
  std::array<rl::atomic<int>, 2> latches;
  alignas(exchange::kRecordAlignment) std::array<std::byte, exchange::kRecordAlignment> bytes{};
  rl::var<std::uint64_t> record;   // what the one record holds: the ring must order its accesses
  rl::var<std::uint64_t> request;  // what START makes visible, as the ring's offset

  void before() {
    for (rl::atomic<int>& latch : latches) {
      latch.store(0, rl::mo_relaxed, $);
    }
  }
  void thread(unsigned seat) {
    ModelWaker waker(latches, seat);
    exchange::Doorbell bell(bells, exchange::SeatIndex(static_cast<std::uint16_t>(seat)), waker);
    seat == 0 ? produce(bell) : consume(bell);
  }

 private:
  static constexpr exchange::SeatIndex kProducer{0};
  static constexpr exchange::SeatIndex kConsumer{1};

  static void sleep(exchange::Doorbell& bell) {
    if (!bell.take()) {
      bell.park();
    }
  }

  void produce(exchange::Doorbell& bell) {
    while (exchange::want_in(stream.consumer_control.want.load(std::memory_order_acquire),
                             kEpoch) == exchange::WantState::kNone) {
      sleep(bell);
    }
    RL_ASSERT(request($).load() == 7);
    exchange::RingWriter writer({&stream, bytes}, kEpoch);
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      std::byte* payload = nullptr;
      while (writer.reserve(0, payload) != exchange::RingSpace::kGranted) {
        sleep(bell);
      }
      record($).store(i);
      writer.commit({exchange::RecordKind::kWhole, 1, 0, 0});
      bell.ring(kConsumer);
    }
    exchange::raise_word(stream.producer_control.have,
                         exchange::have_word(kEpoch, exchange::HaveState::kEos));
    bell.ring(kConsumer);
  }

  void consume(exchange::Doorbell& bell) {
    request($).store(7);
    exchange::raise_word(stream.consumer_control.want,
                         exchange::want_word(kEpoch, exchange::WantState::kStart));
    bell.ring(kProducer);
    exchange::RingReader reader({&stream, bytes}, kEpoch);
    std::uint64_t received = 0;
    for (;;) {
      // The end is looked for before the ring: everything before it is then read.
      const bool ended =
          exchange::have_in(stream.producer_control.have.load(std::memory_order_acquire), kEpoch) ==
          exchange::HaveState::kEos;
      exchange::RingRecord lease;
      if (reader.lease(lease)) {
        RL_ASSERT(record($).load() == received);
        ++received;
        reader.release();
        if (reader.take_wake()) {
          bell.ring(kProducer);
        }
      } else if (ended) {
        break;
      } else {
        sleep(bell);
      }
    }
    RL_ASSERT(received == kRecords);
  }
};

TEST(Handover, IsRightInRandomSchedules) {
  EXPECT_TRUE(passes<Handover>({"unchanged", 0}, kExecutions));
}

class WeakenedHandover : public ::testing::TestWithParam<Mutation> {};

TEST_P(WeakenedHandover, IsFoundOut) { EXPECT_FALSE(passes<Handover>(GetParam(), kExecutions)); }

using enum Operation;
INSTANTIATE_TEST_SUITE_P(
    Orders, WeakenedHandover,
    ::testing::Values(Mutation{"CommitPublishesRelaxed", kWritePosition, kStore,
                               std::memory_order_release, std::memory_order_relaxed},
                      Mutation{"ReaderLoadsPositionRelaxed", kWritePosition, kLoad,
                               std::memory_order_acquire, std::memory_order_relaxed},
                      Mutation{"ReleaseFreesRelaxed", kReadPosition, kStore,
                               std::memory_order_seq_cst, std::memory_order_relaxed},
                      Mutation{"ReleaseFreesWithoutOneOrder", kReadPosition, kStore,
                               std::memory_order_seq_cst, std::memory_order_release},
                      Mutation{"WriterLoadsPositionRelaxed", kReadPosition, kLoad,
                               std::memory_order_acquire, std::memory_order_relaxed},
                      Mutation{"StalledWriterLooksAgainWithoutOneOrder", kReadPosition, kLoad,
                               std::memory_order_seq_cst, std::memory_order_acquire},
                      Mutation{"StallAnnouncedWithoutOneOrder", kWakeAt, kStore,
                               std::memory_order_seq_cst, std::memory_order_release},
                      Mutation{"WishReadWithoutOneOrder", kWakeAt, kLoad, std::memory_order_seq_cst,
                               std::memory_order_acquire},
                      Mutation{"BellRungWithoutOneOrder", kConsumerBells, kReadModifyWrite,
                               std::memory_order_seq_cst, std::memory_order_acq_rel},
                      Mutation{"ParkedStoredWithoutOneOrder", kConsumerState, kStore,
                               std::memory_order_seq_cst, std::memory_order_release},
                      Mutation{"ParkedReadWithoutOneOrder", kConsumerState, kLoad,
                               std::memory_order_seq_cst, std::memory_order_acquire},
                      Mutation{"BellReadBeforeSleepWithoutOneOrder", kConsumerBells, kLoad,
                               std::memory_order_seq_cst, std::memory_order_acquire},
                      Mutation{"StartRaisedRelaxed", kWant, kReadModifyWrite,
                               std::memory_order_release, std::memory_order_relaxed},
                      Mutation{"StartReadRelaxed", kWant, kLoad, std::memory_order_acquire,
                               std::memory_order_relaxed},
                      Mutation{"EndRaisedRelaxed", kHave, kReadModifyWrite,
                               std::memory_order_release, std::memory_order_relaxed},
                      Mutation{"EndReadRelaxed", kHave, kLoad, std::memory_order_acquire,
                               std::memory_order_relaxed}),
    [](const auto& mutated) { return std::string(mutated.param.name); });

}  // namespace
}  // namespace sluice::atomics
