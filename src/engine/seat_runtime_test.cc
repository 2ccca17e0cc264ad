#include "engine/seat_runtime.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>

#include "base/error.h"
#include "engine/seat_crew.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/plan_builder.h"
#include "plan/plan_simulator.h"
#include "plan/print.h"
#include "plan/random_plan.h"

namespace sluice::engine::testing {
namespace {

using plan::kInt4;
using plan::kInt8;
using plan::kText;
using plan::PlanNode;
using plan::PlanSpec;

PlanSpec distribute(PlanSpec plan, std::uint32_t seats, bool streams = false,
                    std::uint64_t broadcast_bytes_max = std::uint64_t{64} << 20) {
  plan::ShuffleOptions options;
  options.seats = seats;
  options.root_streams = streams;
  options.broadcast_bytes_max = broadcast_bytes_max;
  return plan::enforce_dsm_shuffle(std::move(plan), options);
}

Rows rows_of(const plan::SimulatedRows& simulated) {
  Rows rows;
  for (const plan::SimulatedRow& from : simulated) {
    Row& row = rows.emplace_back();
    for (const plan::SimulatedValue& value : from) {
      row.push_back(value.has_value() ? of(*value) : null_value());
    }
  }
  return rows;
}

/// The simulator's own tables; relations 0..3 have four columns each.
void add_simulated_tables(Tables& tables) {
  for (std::uint32_t relation = 0; relation < 4; ++relation) {
    PlanNode scan =
        plan::build_scan("t", {{"a", kInt4}, {"b", kInt4}, {"c", kInt4}, {"d", kInt4}}, 60);
    scan.as<plan::ScanSpec>()->relation = relation;
    tables.add(relation, rows_of(plan::PlanSimulator(plan::build_plan(std::move(scan)), 1).run()));
  }
}

void expect_random_plan_is_right(std::uint64_t seed) {
  plan::RandomPlan random(seed);
  PlanSpec plan = random.make();
  const bool limited = plan.root.as<plan::LimitSpec>() != nullptr;
  const PlanNode& full = limited ? plan.root.inputs[0] : plan.root;
  const std::vector<plan::DataType> types = plan.root.output;
  const auto expected =
      sorted_texts(types, rows_of(plan::PlanSimulator(plan::build_plan(full), 1).run()));
  const std::size_t count =
      limited ? std::min<std::size_t>(expected.size(), plan.root.as<plan::LimitSpec>()->limit)
              : expected.size();
  CrewShape shape;
  shape.planned = static_cast<std::uint16_t>(1 + random.below(5));
  shape.came = static_cast<std::uint16_t>(1 + random.below(shape.planned));
  shape.ring_bytes = seed % 2 == 0 ? exchange::kRingBytesMin : exchange::kRingBytesLeast;
  plan = distribute(std::move(plan), shape.planned, random.below(2) == 0,
                    std::uint64_t{1} << (8 * random.below(4)));
  SCOPED_TRACE("seed " + std::to_string(seed) + ", seats " + std::to_string(shape.came) + " of " +
               std::to_string(shape.planned) + "\n" + plan::to_string(plan));
  Tables tables(1 + random.below(20));
  add_simulated_tables(tables);
  SeatCrew crew(plan, tables, shape);
  for (std::uint32_t run = random.below(3);; --run) {
    if (run != 0 && random.below(2) == 0) {
      (void)crew.leader().pull();
    } else {
      const auto result = sorted_texts(types, crew.drain());
      EXPECT_EQ(result.size(), count);
      EXPECT_TRUE(std::includes(expected.begin(), expected.end(), result.begin(), result.end()));
    }
    if (run == 0) {
      break;
    }
    crew.leader().restart();
    tables.rewind();
  }
  crew.finish();
  EXPECT_TRUE(crew.errors().empty());
  EXPECT_EQ(crew.peer_errors(), 0U);
}

TEST(SeatRuntime, RandomPlansGiveTheirRowsWithAnyNumberOfSeats) {
  for (std::uint64_t seed = 0; seed < 300 && !::testing::Test::HasFailure(); ++seed) {
    expect_random_plan_is_right(seed);
  }
}

// ---- larger tables: many batches, full rings, strings ----

constexpr std::uint32_t kOrders = 1;
constexpr std::uint32_t kLines = 2;
constexpr std::uint32_t kParts = 3;

/// lines(order, part, amount, note), orders(id, customer), parts(id, name).
struct Shop {
  Rows lines;
  Rows orders;
  Rows parts;
};

std::string note_of(std::int64_t number) {
  // Now and then longer than a record of the smallest ring.
  const std::size_t length = number % 400 == 0 ? 9000 : static_cast<std::size_t>(number % 40);
  return std::string(length, static_cast<char>('a' + number % 26));
}

Shop make_shop(std::int64_t lines) {
  Shop shop;
  for (std::int64_t i = 0; i < lines; ++i) {
    shop.lines.push_back({i % 97 == 0 ? null_value() : of(i % (lines / 3)), of(i % 50),
                          of(i % 1000), of_text(note_of(i))});
  }
  for (std::int64_t i = 0; i < lines / 4; ++i) {
    shop.orders.push_back({of(i), of(i % 7)});
  }
  for (std::int64_t i = 0; i < 40; ++i) {
    shop.parts.push_back({of(i), of_text("part " + std::to_string(i))});
  }
  return shop;
}

void add_shop(Tables& tables, const Shop& shop) {
  tables.add(kLines, shop.lines);
  tables.add(kOrders, shop.orders);
  tables.add(kParts, shop.parts);
}

PlanNode table(std::uint32_t relation, const std::vector<plan::NamedType>& columns, double rows) {
  PlanNode scan = plan::build_scan("t", columns, rows);
  scan.as<plan::ScanSpec>()->relation = relation;
  return scan;
}
PlanNode lines_scan(double rows) {
  return table(kLines, {{"order", kInt4}, {"part", kInt4}, {"amount", kInt8}, {"note", kText}},
               rows);
}
PlanNode orders_scan(double rows) { return table(kOrders, {{"id", kInt4}, {"c", kInt4}}, rows); }
PlanNode parts_scan(double rows) { return table(kParts, {{"id", kInt4}, {"name", kText}}, rows); }

/// lines join orders join parts: customer, amount, note, part name.
PlanNode three_way(double lines) {
  PlanNode joined =
      plan::build_join(lines_scan(lines), orders_scan(lines / 4), {{0}, {0}}, {1, 2, 3, 5}, lines);
  return plan::build_join(std::move(joined), parts_scan(40), {{0}, {0}}, {3, 1, 2, 5}, lines);
}

Rows three_way_rows(const Shop& shop) {
  Rows rows;
  for (const Row& line : shop.lines) {
    const bool has_order =
        !line[0].null && line[0].integer < static_cast<std::int64_t>(shop.orders.size());
    if (has_order && line[1].integer < 40) {
      const Row& order = shop.orders[static_cast<std::size_t>(line[0].integer)];
      rows.push_back(
          {order[1], line[2], line[3], shop.parts[static_cast<std::size_t>(line[1].integer)][1]});
    }
  }
  return rows;
}

struct Shape {
  std::uint16_t planned;
  std::uint16_t came;
  std::uint32_t ring_bytes;
  std::uint64_t broadcast_bytes_max;
  bool streams;
};

void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.came << " of " << shape.planned << " seats, rings of " << shape.ring_bytes
       << " bytes, broadcasts up to " << shape.broadcast_bytes_max
       << (shape.streams ? ", streaming" : "");
}

class SeatRuntimeShapes : public ::testing::TestWithParam<Shape> {
 protected:
  void expect_rows(PlanNode root, const Shop& shop, const Rows& expected) {
    const Shape& shape = GetParam();
    const Types types = root.output;
    Tables tables(700);
    add_shop(tables, shop);
    SeatCrew crew(distribute(plan::build_plan(std::move(root)), shape.planned, shape.streams,
                             shape.broadcast_bytes_max),
                  tables, {shape.planned, shape.came, shape.ring_bytes});
    EXPECT_EQ(sorted_texts(types, crew.drain()), sorted_texts(types, expected));
    EXPECT_EQ(crew.leader().pull(), nullptr);
    crew.finish();
    EXPECT_TRUE(crew.errors().empty());
    EXPECT_EQ(crew.peer_errors(), 0U);
  }
};

TEST_P(SeatRuntimeShapes, ScanGathersEveryRowOnce) {
  const Shop shop = make_shop(6000);
  expect_rows(lines_scan(6000), shop, shop.lines);
}

TEST_P(SeatRuntimeShapes, ThreeWayJoinFindsItsRows) {
  const Shop shop = make_shop(6000);
  expect_rows(three_way(6000), shop, three_way_rows(shop));
}

TEST_P(SeatRuntimeShapes, AggregateAboveAJoinSumsEveryRowOnce) {
  const Shop shop = make_shop(6000);
  std::map<std::string, std::pair<std::int64_t, base::Int128>> groups;
  for (const Row& row : three_way_rows(shop)) {
    auto& [count, sum] = groups[row[3].text];
    ++count;
    sum += row[1].integer;
  }
  Rows expected;
  for (const auto& [name, group] : groups) {
    expected.push_back({of_text(name), of(group.first), {false, group.second, 0, {}}});
  }
  expect_rows(
      plan::build_aggregate(three_way(6000), {3},
                            {{plan::AggregateFunction::kCountStar, 0, kInt8},
                             {plan::AggregateFunction::kSum, 1, plan::DataType::decimal(38, 0)}},
                            static_cast<double>(groups.size())),
      shop, expected);
}

TEST_P(SeatRuntimeShapes, CountOfAJoinWithoutColumnsCountsItsRows) {
  const Shop shop = make_shop(6000);
  PlanNode joined = plan::build_join(lines_scan(6000), orders_scan(1500), {{0}, {0}}, {}, 6000);
  std::int64_t count = 0;
  for (const Row& line : shop.lines) {
    count += !line[0].null && line[0].integer < 1500 ? 1 : 0;
  }
  expect_rows(plan::build_aggregate(std::move(joined), {},
                                    {{plan::AggregateFunction::kCountStar, 0, kInt8}}, 1),
              shop, {{of(count)}});
}

TEST_P(SeatRuntimeShapes, TopKComesInOrder) {
  const Shop shop = make_shop(3000);
  Rows rows = shop.orders;
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a[0].integer > b[0].integer; });
  rows.resize(100);
  const Shape& shape = GetParam();
  Tables tables(50);
  add_shop(tables, shop);
  PlanNode root = plan::build_top_k(orders_scan(750), {{0, true, false}}, 100);
  const Types types = root.output;
  SeatCrew crew(distribute(plan::build_plan(std::move(root)), shape.planned, shape.streams), tables,
                {shape.planned, shape.came, shape.ring_bytes});
  const Rows result = crew.drain();
  ASSERT_EQ(result.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(text_of(types, result[i]), text_of(types, rows[i]));
  }
}

// A third of the lines have an order, and the scan hands out few of the others.
TEST(SeatRuntime, RuntimeFiltersKeepRowsFromEveryJoinOfTheFragment) {
  const Shop shop = make_shop(6000);
  for (const std::uint16_t seats : {1, 3}) {
    Tables tables(700);
    add_shop(tables, shop);
    SeatCrew crew(distribute(plan::build_plan(three_way(6000)), seats), tables,
                  {seats, seats, exchange::kRingBytesMin});
    const Rows rows = crew.drain();
    crew.finish();
    const auto* lines = &crew.plan().root;
    while (lines->as<plan::ScanSpec>() == nullptr) {
      lines = &lines->inputs[0];
    }
    const NodeCounters counters = crew.counters(lines->id);
    EXPECT_EQ(counters.rows, rows.size());
    EXPECT_EQ(counters.rows_removed_at_run_time, shop.lines.size() - rows.size());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SeatRuntimeShapes,
    ::testing::Values(Shape{1, 1, 4096, 1 << 20, false}, Shape{1, 1, 4096, 1 << 20, true},
                      Shape{2, 2, 4096, 1 << 20, false}, Shape{2, 2, 4096, 0, true},
                      Shape{3, 3, 4096, 0, false}, Shape{3, 1, 4096, 0, true},
                      Shape{3, 2, 65536, 1 << 20, false}, Shape{5, 5, 4096, 0, false},
                      Shape{5, 5, 16384, 1 << 20, true}, Shape{5, 3, 4096, 1 << 20, false},
                      Shape{1, 1, 64, 0, false}, Shape{3, 3, 64, 0, true},
                      Shape{8, 2, 64, 1 << 20, false}),
    [](const auto& shape) {
      return std::to_string(shape.index) + "_" + std::to_string(shape.param.came) + "of" +
             std::to_string(shape.param.planned);
    });

}  // namespace
}  // namespace sluice::engine::testing
