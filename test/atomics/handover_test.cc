// The exchange's own ring, doorbell and control words under Relacy, a checker of the C++ memory
// model: two seats hand over a few records through a ring of one. Its threads read stale values
// wherever their memory orders allow it, in random schedules.
//
// Found are: data races on what a record holds, lost or doubled records, lost wake-ups (all threads
// blocked). Every order that the code asks for is weakened once, and must then be found wanting.
#include <array>
#include <gtest/gtest.h>
#include <iostream>
#include <string>

#include "atomics/model_atomic.h"
#include "exchange/control_words.h"
#include "exchange/doorbell.h"
#include "exchange/ring.h"
// clang-format off
#include <relacy/relacy.hpp>  // last, for it makes macros of words of the language
#undef delete
#undef new
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
// clang-format on

namespace sluice::atomics {
namespace {

constexpr std::uint32_t kWordsMax = 32;
constexpr std::uint64_t kRecords = 3;
constexpr std::uint64_t kExecutions = 200000;
constexpr base::Epoch kEpoch{1};

enum class Operation { kNone, kLoad, kStore, kReadModifyWrite };

/// One kind of access to one word, and the order that it gets in place of its own.
struct Mutation {
  const char* name;
  std::uint32_t word;
  Operation operation = Operation::kNone;
  std::memory_order asked = std::memory_order_relaxed;
  std::memory_order given = std::memory_order_relaxed;
};

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

struct Words {
  std::array<rl::atomic<std::uint64_t>, kWordsMax> values;
  std::uint32_t count = 0;
};
Words* words = nullptr;
Mutation mutation{"none", 0};

rl::memory_order order_of(std::uint32_t word, Operation operation, std::memory_order order) {
  if (word == mutation.word && operation == mutation.operation && order == mutation.asked) {
    order = mutation.given;
  }
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

}  // namespace

std::uint32_t make_word() noexcept {
  words->values[words->count].store(0, rl::mo_relaxed, $);
  return words->count++;
}
std::uint64_t load_word(std::uint32_t word, std::memory_order order) noexcept {
  return words->values[word].load(order_of(word, Operation::kLoad, order), $);
}
void store_word(std::uint32_t word, std::uint64_t value, std::memory_order order) noexcept {
  words->values[word].store(value, order_of(word, Operation::kStore, order), $);
}
std::uint64_t exchange_word(std::uint32_t word, std::uint64_t value,
                            std::memory_order order) noexcept {
  return words->values[word].exchange(value, order_of(word, Operation::kReadModifyWrite, order), $);
}
std::uint64_t or_word(std::uint32_t word, std::uint64_t bits, std::memory_order order) noexcept {
  return words->values[word].fetch_or(bits, order_of(word, Operation::kReadModifyWrite, order), $);
}
bool compare_exchange_word(std::uint32_t word, std::uint64_t& expected, std::uint64_t value,
                           std::memory_order order) noexcept {
  return words->values[word].compare_exchange_weak(
      expected, value, order_of(word, Operation::kReadModifyWrite, order), $, rl::mo_relaxed, $);
}

namespace {

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
  struct Claim {
    explicit Claim(Words& model) { words = &model; }
  } claim{model};
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

/// Whether every execution is without fault.
bool passes(const Mutation& changed) {
  mutation = changed;
  std::ostream nowhere(nullptr);  // the checker would allocate for it in its own memory
  rl::test_params parameters;
  parameters.iteration_count = kExecutions;
  parameters.search_type = rl::sched_random;
  parameters.execution_depth_limit = 4000;
  parameters.output_stream = &nowhere;
  parameters.progress_stream = &nowhere;
  const bool passed = rl::simulate<Handover>(parameters);
  mutation = {"none", 0};
  std::cout << changed.name << ": " << rl::test_result_str(parameters.test_result) << " after "
            << parameters.stop_iteration << " executions\n";
  return passed;
}

TEST(Handover, IsRightInRandomSchedules) { EXPECT_TRUE(passes({"unchanged", 0})); }

class WeakenedHandover : public ::testing::TestWithParam<Mutation> {};

TEST_P(WeakenedHandover, IsFoundOut) { EXPECT_FALSE(passes(GetParam())); }

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

void PrintTo(const Mutation& mutated, std::ostream* out) { *out << mutated.name; }

}  // namespace
}  // namespace sluice::atomics
