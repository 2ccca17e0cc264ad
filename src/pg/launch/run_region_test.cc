#include "pg/launch/run_region.h"

#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "base/error.h"

namespace sluice::pg {
namespace {

RunSizes some_sizes() {
  RunSizes sizes;
  sizes.seats = 3;
  sizes.nodes = 5;
  sizes.plan_bytes = 77;
  sizes.query_bytes = 9;
  sizes.share_bytes = 130;
  sizes.key_set_bytes = 260;
  sizes.mesh_bytes = 4096;
  sizes.operator_memory_bytes = 123456;
  return sizes;
}

/// Memory that starts off every alignment and shows what was written behind its end.
struct Memory {
  explicit Memory(std::size_t bytes) : storage(bytes + 8, std::byte{0xA5}), bytes_(bytes) {}
  void* start() { return storage.data() + 1; }
  bool end_is_intact() const { return storage[1 + bytes_] == std::byte{0xA5}; }

  std::vector<std::byte> storage;
  std::size_t bytes_;
};

TEST(RunRegion, AttachSeesWhatFormatLaidOut) {
  const RunSizes sizes = some_sizes();
  Memory memory(RunRegion::bytes_for(sizes));
  const RunRegion leader = RunRegion::format(memory.start(), sizes);
  leader.counters(base::SeatIndex(2))[4].rows = 42;
  leader.plan()[76] = std::byte{7};
  const RunRegion worker = RunRegion::attach(memory.start());
  EXPECT_EQ(worker.seats(), 3);
  EXPECT_EQ(worker.operator_memory_bytes(), 123456U);
  EXPECT_EQ(worker.counters(base::SeatIndex(2))[4].rows, 42U);
  EXPECT_EQ(worker.counters(base::SeatIndex(1))[4].rows, 0U);
  EXPECT_EQ(worker.plan().size(), 77U);
  EXPECT_EQ(worker.plan()[76], std::byte{7});
  EXPECT_EQ(worker.processes()[1].load(), kNoProcess);
  EXPECT_TRUE(memory.end_is_intact());
}

TEST(RunRegion, WhoeverIsFirstSaysWhoseTheErrorsAre) {
  RunSizes sizes = some_sizes();
  sizes.errors_abandon = true;
  Memory memory(RunRegion::bytes_for(sizes));
  const RunRegion leader = RunRegion::format(memory.start(), sizes);
  const RunRegion worker = RunRegion::attach(memory.start());
  EXPECT_TRUE(worker.errors_abandon());
  EXPECT_TRUE(worker.give_up());
  EXPECT_TRUE(leader.give_up());  // both met an error
  EXPECT_FALSE(leader.let_rows_out());
  leader.reopen();
  EXPECT_TRUE(leader.let_rows_out());
  EXPECT_TRUE(leader.let_rows_out());
  EXPECT_FALSE(worker.give_up());
}

TEST(RunRegion, ErrorsAreTheQuerysWhereTheyDoNotAbandon) {
  const RunSizes sizes = some_sizes();
  Memory memory(RunRegion::bytes_for(sizes));
  const RunRegion region = RunRegion::format(memory.start(), sizes);
  EXPECT_FALSE(region.give_up());
  EXPECT_TRUE(region.let_rows_out());
}

TEST(RunRegion, PartsNeitherOverlapNorLeaveTheMemory) {
  const RunSizes sizes = some_sizes();
  Memory memory(RunRegion::bytes_for(sizes));
  const RunRegion region = RunRegion::format(memory.start(), sizes);
  std::memset(region.mesh().data(), 1, region.mesh().size());
  std::memset(region.share().data(), 2, region.share().size());
  std::memset(region.plan().data(), 3, region.plan().size());
  std::memset(region.key_sets().data(), 4, region.key_sets().size());
  std::memcpy(region.query(), "select 1", 9);
  for (std::uint16_t seat = 0; seat < sizes.seats; ++seat) {
    for (engine::NodeCounters& node : region.counters(base::SeatIndex(seat))) {
      node.rows = seat;
    }
    region.processes()[seat].store(seat);
    region.usage(base::SeatIndex(seat)).wal.wal_bytes = seat;
  }
  EXPECT_EQ(region.mesh().front(), std::byte{1});
  EXPECT_EQ(region.mesh().back(), std::byte{1});
  EXPECT_EQ(region.share().front(), std::byte{2});
  EXPECT_EQ(region.share().back(), std::byte{2});
  EXPECT_EQ(region.key_sets().size(), 260U);
  EXPECT_EQ(region.key_sets().front(), std::byte{4});
  EXPECT_EQ(region.key_sets().back(), std::byte{4});
  EXPECT_EQ(region.plan().front(), std::byte{3});
  EXPECT_EQ(region.plan().back(), std::byte{3});
  EXPECT_STREQ(region.query(), "select 1");
  EXPECT_EQ(region.counters(base::SeatIndex(1)).back().rows, 1U);
  EXPECT_EQ(region.usage(base::SeatIndex(2)).wal.wal_bytes, 2U);
  EXPECT_EQ(RunRegion::attach(memory.start()).seats(), 3);
  EXPECT_TRUE(memory.end_is_intact());
}

TEST(RunRegion, MeshAndSeatsCountersStartOnTheirOwnLines) {
  const RunSizes sizes = some_sizes();
  Memory memory(RunRegion::bytes_for(sizes));
  const RunRegion region = RunRegion::format(memory.start(), sizes);
  const auto is_aligned = [](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % RunRegion::kAlignment == 0;
  };
  EXPECT_TRUE(is_aligned(region.mesh().data()));
  EXPECT_TRUE(is_aligned(region.share().data()));
  EXPECT_TRUE(is_aligned(region.key_sets().data()));
  EXPECT_TRUE(is_aligned(region.counters(base::SeatIndex(1)).data()));
}

TEST(RunRegion, ForeignMemoryIsRefused) {
  std::vector<std::byte> memory(4096);
  try {
    (void)RunRegion::attach(memory.data());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt);
  }
}

}  // namespace
}  // namespace sluice::pg
