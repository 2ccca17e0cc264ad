// Whole queries with a thread a seat, each with its own Mesh over one region: what ThreadSanitizer
// looks at.
#include <gtest/gtest.h>
#include <thread>

#include "exchange/test_mesh.h"
#include "exchange/test_seat.h"

namespace sluice::exchange {
namespace {

// Runs `leader` here and a serving seat in a thread for every other seat.
void run_seats(TestMesh& mesh, std::uint16_t seats, const TestQuery& query,
               const std::function<void(TestSeat&)>& leader) {
  std::vector<std::thread> threads;
  for (std::uint16_t i = 1; i < seats; ++i) {
    threads.emplace_back([&mesh, &query, i] {
      TestSeat seat(mesh[i], query);
      ASSERT_TRUE(mesh[i].join());
      seat.serve();
    });
  }
  mesh[0].seal(first_seats(seats));
  {
    TestSeat seat(mesh[0], query);
    leader(seat);
  }
  mesh[0].close_query();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

struct Shape {
  std::uint16_t seats;
  std::uint32_t rows;
  std::size_t record_bytes;
  std::uint32_t ring_bytes = kRingBytesMin;
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.seats << " seats, " << shape.rows << " rows in records of " << shape.record_bytes
       << " bytes, rings of " << shape.ring_bytes;
}

class SeatThreadsTest : public ::testing::TestWithParam<Shape> {};

TEST_P(SeatThreadsTest, EveryRowArrivesOnceInEveryEpoch) {
  const Shape shape = GetParam();
  TestMesh mesh(mesh_config(shape.seats, TestSeat::streams(), shape.ring_bytes), false);
  TestQuery query;
  query.rows = shape.rows;
  query.record_bytes = shape.record_bytes;
  run_seats(mesh, shape.seats, query, [&](TestSeat& leader) {
    for (int i = 0; i < 5; ++i) {
      const Epoch epoch = mesh[0].epoch();
      EXPECT_EQ(leader.pull(1000), TestSeat::expected(shape.seats, query, epoch));
      leader.restart();
    }
  });
  std::uint64_t rows = 0;
  for (std::uint16_t from = 0; from < shape.seats; ++from) {
    for (std::uint16_t to = 0; to < shape.seats; ++to) {
      const StreamCounters counters =
          mesh[0].counters(TestSeat::kNumbers, SeatIndex(from), SeatIndex(to));
      EXPECT_EQ(counters.starts, 5U);
      rows += counters.rows;
    }
  }
  EXPECT_EQ(rows, std::uint64_t{5} * shape.seats * shape.rows);
}

TEST_P(SeatThreadsTest, CancelAtAnyMomentLeavesTheNextEpochWhole) {
  const Shape shape = GetParam();
  TestMesh mesh(mesh_config(shape.seats, TestSeat::streams(), shape.ring_bytes), false);
  TestQuery query;
  query.rows = shape.rows;
  query.record_bytes = shape.record_bytes;
  run_seats(mesh, shape.seats, query, [&](TestSeat& leader) {
    for (int i = 0; i < 10; ++i) {
      (void)leader.pull(i % 2 == 0 ? 0 : 1);
      leader.restart();
      const Epoch epoch = mesh[0].epoch();
      EXPECT_EQ(leader.pull(1000), TestSeat::expected(shape.seats, query, epoch));
      leader.restart();
    }
  });
}

// One seat alone; small records that fill the ring; exactly a quarter of a ring; chunks; rings of
// one record, which a row fills or does not fit; many more seats than cores.
INSTANTIATE_TEST_SUITE_P(Shapes, SeatThreadsTest,
                         ::testing::Values(Shape{1, 500, 64}, Shape{2, 2000, 16},
                                           Shape{4, 1000, 64}, Shape{3, 500, 992},
                                           Shape{3, 100, 10000}, Shape{3, 500, 32, kRingBytesLeast},
                                           Shape{2, 200, 200, kRingBytesLeast},
                                           Shape{24, 240, 32, 256}),
                         [](const auto& shape) {
                           return std::to_string(shape.param.seats) + "Seats" +
                                  std::to_string(shape.param.record_bytes) + "BytesRing" +
                                  std::to_string(shape.param.ring_bytes);
                         });

TEST(SeatThreads, DeathOfASeatEndsTheQueryOfTheOthers) {
  for (const std::uint32_t row : {0U, 1U, 500U}) {
    TestMesh mesh(mesh_config(3, TestSeat::streams()), false);
    std::vector<std::thread> threads;
    std::atomic<int> failed{0};
    for (std::uint16_t i = 1; i < 3; ++i) {
      threads.emplace_back([&mesh, &failed, row, i] {
        TestQuery query;
        if (i == 2) {
          query.before_row = [row](std::uint32_t now) {
            if (now == row) {
              throw base::Error(base::ErrorKind::kQuery, "22012", "division by zero");
            }
          };
        }
        TestSeat seat(mesh[i], query);
        ASSERT_TRUE(mesh[i].join());
        try {
          seat.serve();
        } catch (const base::Error& error) {
          ++failed;
          mesh[i].fail(error.kind(), error.what());
        }
        mesh[i].mark_dead(SeatIndex(i));
      });
    }
    mesh[0].seal(first_seats(3));
    {
      TestSeat leader(mesh[0], TestQuery());
      EXPECT_THROW((void)leader.pull(1000), base::Error);
    }
    mesh[0].close_query();
    for (std::thread& thread : threads) {
      thread.join();
    }
    EXPECT_GE(failed, 1);
    EXPECT_EQ(mesh[0].first_error().message, "division by zero");
    EXPECT_EQ(mesh[0].first_error().seat, SeatIndex(2));
  }
}

}  // namespace
}  // namespace sluice::exchange
