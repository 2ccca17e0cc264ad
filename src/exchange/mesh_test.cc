#include "exchange/mesh.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>

#include "exchange/mesh_state.h"
#include "exchange/stream_input.h"
#include "exchange/stream_output.h"
#include "exchange/test_mesh.h"

namespace sluice::exchange {
namespace {

constexpr auto kLeader = StreamAudience::kLeader;
constexpr auto kSeats = StreamAudience::kSeats;

TEST(Mesh, EveryPhysicalStreamHasAPlaceAndARingOfItsOwn) {
  TestMesh mesh(mesh_config(3, {kLeader, kSeats, kSeats, kLeader}, 8192));
  MeshState& state = mesh[1].state();
  ASSERT_EQ(state.physicals().size(), 3U + 9U + 9U + 3U);
  std::vector<std::pair<const std::byte*, const std::byte*>> pieces;
  for (std::uint16_t stream = 0; stream < 4; ++stream) {
    for (std::uint16_t producer = 0; producer < 3; ++producer) {
      state.consumers(StreamId(stream)).for_each([&](SeatIndex consumer) {
        PhysicalStream& physical = state.physical(StreamId(stream), SeatIndex(producer), consumer);
        ASSERT_TRUE(state.provide_ring(physical));
        const auto ring = state.ring_of(physical);
        ASSERT_TRUE(ring.has_value());
        ASSERT_EQ(ring->bytes.size(), 8192U);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(ring->bytes.data()) % kLineBytes, 0U);
        const auto* begin = reinterpret_cast<const std::byte*>(&physical);
        pieces.emplace_back(begin, begin + sizeof(physical));
        pieces.emplace_back(ring->bytes.data(), ring->bytes.data() + 8192);
      });
    }
  }
  std::sort(pieces.begin(), pieces.end());
  EXPECT_GE(pieces.front().first, mesh.memory().data());
  EXPECT_LE(pieces.back().second, mesh.memory().data() + mesh.memory().size());
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i - 1].second, pieces[i].first);
  }
}

TEST(Mesh, StreamIsSettledOnceItsProducerSaysSoOrRunsNoMore) {
  TestMesh mesh(mesh_config(3, {kSeats}));
  const StreamId stream(0);
  const SeatIndex producer(1);
  const SeatSet consumers(0b110);
  base::MemoryBudget budget(1 << 20);
  const auto inputs = [&](Epoch epoch) {
    std::vector<std::unique_ptr<StreamInput>> made;
    for (const std::uint16_t seat : {1, 2}) {
      made.push_back(std::make_unique<StreamInput>(mesh[seat], stream, consumers, epoch, budget));
    }
    return made;
  };
  EXPECT_FALSE(mesh[0].settled(stream, producer, consumers));
  {
    const auto ends = inputs(Epoch(1));
    StreamOutput output(mesh[1], stream, consumers, Epoch(1));
    EXPECT_FALSE(mesh[0].settled(stream, producer, consumers));
    ends[0]->close();
    mesh[1].state().answer_closed(mesh[1].state().physical(stream, producer, SeatIndex(1)),
                                  Epoch(1));
    EXPECT_FALSE(mesh[0].settled(stream, producer, consumers)) << "seat 2 still reads";
    (void)mesh[0].take_bells();
    output.settle();
    EXPECT_TRUE(mesh[0].take_bells());
    EXPECT_TRUE(mesh[0].settled(stream, producer, consumers));
    EXPECT_FALSE(mesh[0].settled(stream, SeatIndex(2), consumers));
    output.finish();
  }
  mesh[0].advance_epoch();
  EXPECT_FALSE(mesh[0].settled(stream, producer, consumers)) << "that was the last epoch's";
  const auto ends = inputs(Epoch(2));
  StreamOutput output(mesh[1], stream, consumers, Epoch(2));
  output.finish();
  EXPECT_TRUE(mesh[0].settled(stream, producer, consumers)) << "it has ended";
}

TEST(Mesh, SeatThatFailedAndIsGoneHasSettledNothing) {
  TestMesh mesh(mesh_config(2, {StreamAudience::kLeader}));
  const SeatSet leader = SeatSet::of(kLeaderSeat);
  mesh[1].fail(base::ErrorKind::kAbandon, "out of memory");
  EXPECT_FALSE(mesh[0].settled(StreamId(0), SeatIndex(1), leader));
  mesh[1].mark_dead(SeatIndex(1));
  EXPECT_FALSE(mesh[0].settled(StreamId(0), SeatIndex(1), leader));
}

TEST(Mesh, RingSizeIsTheLargestThatFits) {
  const MeshConfig config = mesh_config(5, {kLeader, kSeats, kSeats});
  for (std::uint32_t ring_bytes = kRingBytesMin; ring_bytes <= kRingBytesMax; ring_bytes *= 2) {
    MeshConfig sized = config;
    sized.ring_bytes = ring_bytes;
    const std::size_t bytes = mesh_bytes(sized);
    EXPECT_EQ(ring_bytes_for(config, bytes), ring_bytes);
    EXPECT_EQ(ring_bytes_for(config, bytes - 1), ring_bytes == kRingBytesMin ? 0 : ring_bytes / 2);
  }
  EXPECT_EQ(ring_bytes_for(config, ~std::size_t{0}), kRingBytesMax);
}

TEST(Mesh, ImpossibleConfigurationIsRefused) {
  std::vector<std::byte> memory(1 << 20);
  EXPECT_THROW(Mesh::format(memory, mesh_config(0, {})), base::Error);
  EXPECT_THROW(Mesh::format(memory, mesh_config(65, {})), base::Error);
  EXPECT_THROW(Mesh::format(memory, mesh_config(2, {kLeader}, 32)), base::Error);
  EXPECT_THROW(Mesh::format(memory, mesh_config(2, {kLeader}, 5000)), base::Error);
  EXPECT_THROW(Mesh::format(memory, mesh_config(64, {kSeats})), base::Error);
  const MeshConfig config = mesh_config(2, {kLeader});
  EXPECT_THROW(Mesh::format(std::span(memory).first(mesh_bytes(config) - 1), config), base::Error);
}

TEST(Mesh, RegionMayBeginAnywhere) {
  const MeshConfig config = mesh_config(2, {kSeats});
  LatchBoard board(2);
  LatchWaker waker(board, SeatIndex(1));
  std::vector<std::byte> memory(mesh_bytes(config) + kLineBytes);
  for (std::size_t skip = 0; skip < kLineBytes; skip += 8) {
    const std::span<std::byte> region = std::span(memory).subspan(skip, mesh_bytes(config));
    Mesh::format(region, config);
    Mesh mesh(region, SeatIndex(1), waker);
    EXPECT_EQ(mesh.seats(), 2);
    EXPECT_EQ(mesh.epoch(), Epoch(1));
  }
}

TEST(Mesh, ForeignOrDamagedRegionIsCorrupt) {
  const MeshConfig config = mesh_config(3, {kLeader, kSeats});
  LatchBoard board(3);
  LatchWaker waker(board, SeatIndex(0));
  const auto attach_damaged = [&](const std::function<void(RegionHeader&)>& damage) {
    std::vector<std::byte> memory(mesh_bytes(config));
    Mesh::format(memory, config);
    const std::span<std::byte> region = aligned_region(memory);
    damage(*reinterpret_cast<RegionHeader*>(region.data()));
    try {
      const Mesh mesh(memory, SeatIndex(0), waker);
      ADD_FAILURE() << "the damage went unnoticed";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
    }
  };
  attach_damaged([](RegionHeader& header) { header.magic = 0; });
  attach_damaged([](RegionHeader& header) { ++header.version; });
  attach_damaged([](RegionHeader& header) { header.seats = 0; });
  attach_damaged([](RegionHeader& header) { header.seats = 2; });
  attach_damaged([](RegionHeader& header) { header.seats = 999; });
  attach_damaged([](RegionHeader& header) { header.ring_bytes *= 2; });
  attach_damaged([](RegionHeader& header) { header.ring_bytes = 0; });
  attach_damaged([](RegionHeader& header) { ++header.stream_count; });
  attach_damaged([](RegionHeader& header) { header.stream_count = 0xFFFF; });
  attach_damaged([](RegionHeader& header) { ++header.physical_count; });
  attach_damaged([](RegionHeader& header) { header.region_bytes *= 2; });
  attach_damaged([](RegionHeader& header) { header.bells_offset += kLineBytes; });
  attach_damaged([](RegionHeader& header) { header.physical_offset = ~std::uint64_t{0}; });
  attach_damaged([](RegionHeader& header) { header.audiences_offset = ~std::uint64_t{0}; });
  attach_damaged([](RegionHeader& header) { header.rings_offset = 0; });
  attach_damaged([](RegionHeader& header) {
    reinterpret_cast<std::byte*>(&header)[header.audiences_offset] = std::byte{9};
  });
}

TEST(Mesh, SeatBeyondTheRegionAndCutRegionAreCorrupt) {
  const MeshConfig config = mesh_config(2, {kLeader});
  std::vector<std::byte> memory(mesh_bytes(config));
  Mesh::format(memory, config);
  LatchBoard board(3);
  LatchWaker waker(board, SeatIndex(0));
  EXPECT_THROW(Mesh(memory, SeatIndex(2), waker), base::Error);
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{100}, memory.size() / 2}) {
    EXPECT_THROW(Mesh(std::span(memory).first(bytes), SeatIndex(0), waker), base::Error);
  }
}

TEST(Mesh, JoinerRingsNobodyAndTheSealRingsTheJoiners) {
  TestMesh mesh(mesh_config(4, {}), false);
  EXPECT_TRUE(mesh[0].members().empty());
  EXPECT_TRUE(mesh[2].join());
  EXPECT_FALSE(mesh[0].take_bells());
  EXPECT_EQ(mesh[0].joined(), SeatSet(1 | 4));
  EXPECT_FALSE(mesh[2].take_bells());
  EXPECT_EQ(mesh[0].seal(SeatSet(8)), SeatSet(1 | 4 | 8));
  EXPECT_TRUE(mesh[2].take_bells());
  EXPECT_TRUE(mesh[2].sealed());
  EXPECT_EQ(mesh[2].members(), SeatSet(1 | 4 | 8));
  EXPECT_FALSE(mesh[1].join());
  EXPECT_TRUE(mesh[3].join());
  EXPECT_FALSE(mesh[0].take_bells());
}

TEST(Mesh, MemberThatHasNotComeOwesWhatItIsAskedForUntilItIsDead) {
  TestMesh mesh(mesh_config(2, {kLeader}), false);
  const SeatSet members = mesh[0].seal(SeatSet(2));
  base::MemoryBudget budget(1 << 20);
  {
    StreamInput input(mesh[0], StreamId(0), SeatSet::of(SeatIndex(1)), Epoch(1), budget);
    EXPECT_TRUE(mesh[0].quiescent());
    input.start();
    EXPECT_FALSE(mesh[0].quiescent());
    EXPECT_FALSE(mesh[0].settled(StreamId(0), SeatIndex(1), SeatSet::of(kLeaderSeat)));
  }
  EXPECT_FALSE(mesh[0].quiescent()) << "closed, and not answered";
  (void)mesh[0].take_bells();
  mesh[0].mark_dead(SeatIndex(1));
  EXPECT_TRUE(mesh[0].take_bells());
  EXPECT_TRUE(mesh[0].quiescent());
  EXPECT_FALSE(mesh[0].settled(StreamId(0), SeatIndex(1), SeatSet::of(kLeaderSeat)));
  EXPECT_FALSE(mesh[1].join());
  EXPECT_EQ(mesh[0].members(), members);
}

TEST(Mesh, FailureOfAPeerLeavesTheSlotToItsCause) {
  TestMesh mesh(mesh_config(3, {kSeats}));
  EXPECT_FALSE(mesh[2].fail(base::ErrorKind::kPeer, "saw it fail"));
  EXPECT_FALSE(mesh[0].first_error().set);
  EXPECT_TRUE(mesh[0].take_bells());
  EXPECT_TRUE(mesh[1].fail(base::ErrorKind::kAbandon, "out of memory"));
  EXPECT_EQ(mesh[0].first_error().kind, base::ErrorKind::kAbandon);
}

TEST(Mesh, FailureIsRecordedOnceAndRingsEveryBell) {
  TestMesh mesh(mesh_config(3, {kSeats}));
  for (std::size_t seat = 0; seat < 3; ++seat) {
    (void)mesh[seat].take_bells();
  }
  EXPECT_TRUE(mesh[1].fail(base::ErrorKind::kQuery, "division by zero"));
  EXPECT_FALSE(mesh[2].fail(base::ErrorKind::kPeer, "saw it fail"));
  for (std::size_t seat = 0; seat < 3; ++seat) {
    EXPECT_TRUE(mesh[seat].take_bells());
    EXPECT_EQ(mesh[seat].first_error().message, "division by zero");
  }
  for (std::uint16_t consumer = 0; consumer < 3; ++consumer) {
    const PhysicalStream& physical =
        mesh[0].state().physical(StreamId(0), SeatIndex(1), SeatIndex(consumer));
    EXPECT_EQ(have_in(physical.producer_control.have, Epoch(7)), HaveState::kError);
  }
}

TEST(Mesh, DeathEndsAllStreamsOfTheSeatAndRingsEveryBell) {
  TestMesh mesh(mesh_config(3, {kSeats, kLeader}));
  for (std::size_t seat = 0; seat < 3; ++seat) {
    (void)mesh[seat].take_bells();
  }
  mesh[0].mark_dead(SeatIndex(2));
  mesh[0].mark_dead(SeatIndex(2));
  mesh[0].mark_dead(SeatIndex(60));
  EXPECT_EQ(mesh[1].dead(), SeatSet(4));
  EXPECT_FALSE(mesh[1].query_closed());
  for (std::size_t seat = 0; seat < 3; ++seat) {
    EXPECT_TRUE(mesh[seat].take_bells());
  }
  MeshState& state = mesh[1].state();
  for (std::uint16_t other = 0; other < 3; ++other) {
    const auto& from = state.physical(StreamId(0), SeatIndex(2), SeatIndex(other));
    EXPECT_EQ(have_in(from.producer_control.have, Epoch(1)), HaveState::kClosed);
    const auto& to = state.physical(StreamId(0), SeatIndex(other), SeatIndex(2));
    EXPECT_EQ(want_in(to.consumer_control.want, Epoch(1)), WantState::kClose);
  }
  const auto& gathered = state.physical(StreamId(1), SeatIndex(2), SeatIndex(0));
  EXPECT_EQ(have_in(gathered.producer_control.have, Epoch(1)), HaveState::kClosed);
  const auto& bystander = state.physical(StreamId(0), SeatIndex(1), SeatIndex(0));
  EXPECT_EQ(bystander.consumer_control.want.load(), 0U);
  EXPECT_EQ(bystander.producer_control.have.load(), 0U);
}

TEST(Mesh, DeadLeaderClosesTheQuery) {
  TestMesh mesh(mesh_config(2, {}));
  mesh[0].mark_dead(SeatIndex(0));
  EXPECT_TRUE(mesh[1].query_closed());
  EXPECT_TRUE(mesh[1].take_bells());
}

TEST(Mesh, SeatThatDiedBeforeItJoinedIsNoMemberAndOwesNothing) {
  TestMesh mesh(mesh_config(2, {kSeats}), false);
  mesh[0].mark_dead(SeatIndex(1));
  EXPECT_FALSE(mesh[1].join());
  EXPECT_EQ(mesh[0].seal(SeatSet(2)), SeatSet(1));
  EXPECT_TRUE(mesh[0].quiescent());
}

TEST(Mesh, EpochsAdvanceAndStopBeforeForever) {
  TestMesh mesh(mesh_config(2, {}));
  mesh[0].advance_epoch();
  EXPECT_EQ(mesh[1].epoch(), Epoch(2));
  mesh[0].state().query().epoch.store(kEpochForever.value() - 1);
  mesh[0].advance_epoch();
  EXPECT_LT(mesh[1].epoch().value(), kEpochForever.value());
}

TEST(Mesh, ParkReturnsAtOnceAfterABellOfAnySeatItselfIncluded) {
  TestMesh mesh(mesh_config(2, {}));
  (void)mesh[0].take_bells();
  mesh[1].ring_all();
  mesh[0].park();
  EXPECT_TRUE(mesh[0].take_bells());
  mesh[0].state().doorbell().ring(SeatIndex(0));
  mesh[0].park();
  EXPECT_TRUE(mesh[0].take_bells());
}

TEST(Mesh, CountersOfAStreamThatIsNoneAreZero) {
  TestMesh mesh(mesh_config(2, {kLeader}));
  EXPECT_EQ(mesh[0].counters(StreamId(0), SeatIndex(1), SeatIndex(1)).starts, 0U);
  EXPECT_EQ(mesh[0].counters(StreamId(5), SeatIndex(0), SeatIndex(0)).starts, 0U);
}

}  // namespace
}  // namespace sluice::exchange
