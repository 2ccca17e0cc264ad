// A random query with random tables, the shape of its crew, and the rows it must give.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/seat_crew.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/plan_builder.h"
#include "plan/print.h"
#include "plan/random_plan.h"

namespace sluice::storm {

using engine::testing::CrewShape;
using engine::testing::Row;
using engine::testing::Rows;
using engine::testing::SeatCrew;
using engine::testing::Tables;
using plan::ExchangeKind;
using plan::PlanNode;

/// The same seed gives the same query.
class StormQuery {
 public:
  explicit StormQuery(std::uint64_t seed) : random_(seed) {
    const bool strings = random_.below(4) == 0;
    plan::PlanSpec local = strings ? plan::build_plan(string_plan()) : random_.make();
    shape_.planned = static_cast<std::uint16_t>(1 + random_.below(16));
    shape_.came = random_.below(4) == 0
                      ? static_cast<std::uint16_t>(1 + random_.below(shape_.planned))
                      : shape_.planned;
    shape_.ring_bytes = std::uint32_t{64} << random_.below(11);
    if (strings) {
      make_string_tables();
    } else {
      make_integer_tables(local.root);
    }
    limited_ = local.root.as<plan::LimitSpec>() != nullptr;
    types_ = local.root.output;
    expect(limited_ ? local.root.inputs[0] : local.root);
    count_ = limited_
                 ? std::min<std::size_t>(expected_.size(), local.root.as<plan::LimitSpec>()->limit)
                 : expected_.size();
    plan::ShuffleOptions options;
    options.seats = shape_.planned;
    options.root_streams = random_.below(2) == 0;
    options.broadcast_bytes_max = std::uint64_t{1} << (8 * random_.below(4));
    plan_ = plan::enforce_dsm_shuffle(std::move(local), options);
    if (!plan_.distributed) {
      shape_.planned = shape_.came = 1;
    }
  }

  [[nodiscard]] const plan::PlanSpec& plan() const { return plan_; }
  [[nodiscard]] const CrewShape& shape() const { return shape_; }
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) { return random_.below(bound); }
  void fill(Tables& tables) const {
    for (const auto& [relation, rows] : rows_) {
      tables.add(relation, rows);
    }
  }
  /// Whether `rows` are a right result.
  [[nodiscard]] bool right(const Rows& rows) const {
    const auto texts = engine::testing::sorted_texts(types_, rows);
    return texts.size() == count_ &&
           std::includes(expected_.begin(), expected_.end(), texts.begin(), texts.end());
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string describe() const {
    return std::to_string(shape_.came) + " of " + std::to_string(shape_.planned) +
           " seats, rings of " + std::to_string(shape_.ring_bytes) + " bytes, " +
           std::to_string(count_) + " rows\n" + plan::to_string(plan_);
  }

 private:
  static int joins_in(const PlanNode& node) {
    int count = node.as<plan::HashJoinSpec>() != nullptr ? 1 : 0;
    for (const PlanNode& input : node.inputs) {
      count += joins_in(input);
    }
    return count;
  }

  // ---- integers ----
  // No rows, no value but NULL, one key for all, or keys so many that joins keep their size.
  void make_integer_tables(const PlanNode& root) {
    const double joins = joins_in(root);
    const auto skewed =
        static_cast<std::uint32_t>(std::min(200.0, std::pow(5000, 1 / (joins + 1))));
    const std::uint32_t most = shape_.ring_bytes < 1024 ? 200 : 3000;
    for (std::uint32_t relation = 0; relation < 4; ++relation) {
      switch (random_.below(8)) {
        case 0:
          rows_[relation] = {};
          break;
        case 1:
          rows_[relation] = integers(random_.below(most), 0);
          break;
        case 2:
          rows_[relation] = integers(1 + random_.below(skewed), 1);
          break;
        default:
          const std::uint32_t count = 1 + random_.below(most);
          rows_[relation] = integers(count, count);
          break;
      }
    }
  }
  Rows integers(std::uint32_t count, std::uint32_t distinct) {
    Rows rows(count);
    for (Row& row : rows) {
      for (int column = 0; column < 4; ++column) {
        const bool null = distinct == 0 || random_.below(9) == 0;
        row.push_back(null ? engine::testing::null_value()
                           : engine::testing::of(random_.below(distinct)));
      }
    }
    return rows;
  }

  // ---- strings: two tables of a number and a text ----
  static constexpr std::uint32_t kLeft = 0;
  static constexpr std::uint32_t kRight = 1;

  PlanNode string_scan(std::uint32_t relation) {
    PlanNode scan = plan::build_scan("s", {{"k", plan::kInt4}, {"t", plan::kText}},
                                     std::exp2(random_.below(24)));
    scan.as<plan::ScanSpec>()->relation = relation;
    return scan;
  }
  PlanNode string_plan() {
    if (random_.below(3) == 0) {
      return string_scan(kLeft);
    }
    PlanNode joined = plan::build_join(string_scan(kLeft), string_scan(kRight), {{0}, {0}},
                                       {1, 3, 0}, std::exp2(random_.below(24)));
    if (random_.below(2) == 0) {
      return joined;
    }
    return plan::build_aggregate(std::move(joined), {0},
                                 {{plan::AggregateFunction::kCountStar, 0, plan::kInt8}},
                                 std::exp2(random_.below(24)));
  }
  void make_string_tables() {
    const std::uint32_t most = shape_.ring_bytes < 1024 ? 100 : 800;
    for (const std::uint32_t relation : {kLeft, kRight}) {
      const std::uint32_t count = random_.below(most);
      Rows rows(count);
      for (Row& row : rows) {
        row.push_back(engine::testing::of(random_.below(count)));
        row.push_back(text());
      }
      rows_[relation] = std::move(rows);
    }
  }
  engine::testing::Value text() {
    if (random_.below(9) == 0) {
      return engine::testing::null_value();
    }
    const std::size_t length = random_.below(60) == 0 ? random_.below(20000) : random_.below(30);
    return engine::testing::of_text(
        std::string(length, static_cast<char>('a' + random_.below(26))));
  }

  /// One seat alone, undisturbed, without streams.
  void expect(const PlanNode& full) {
    Tables tables;
    fill(tables);
    SeatCrew alone(plan::build_plan(full), tables, {1, 1});
    expected_ = engine::testing::sorted_texts(types_, alone.drain());
  }

  plan::RandomPlan random_;
  plan::PlanSpec plan_;
  CrewShape shape_;
  std::map<std::uint32_t, Rows> rows_;
  engine::testing::Types types_;
  bool limited_ = false;
  std::vector<std::string> expected_;
  std::size_t count_ = 0;
};

}  // namespace sluice::storm
