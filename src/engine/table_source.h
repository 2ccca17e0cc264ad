// Tables of plain rows as scans and plan inputs, for tests. The seats of a plan share a scan's rows
// through one cursor, and every opening leaves its mark.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/expr_program.h"
#include "engine/source.h"
#include "engine/test_foreign_total.h"
#include "engine/test_rows.h"
#include "exchange/seat_set.h"
#include "plan/plan_builder.h"

namespace sluice::engine::testing {

/// What all seats know of one scan node.
struct ScanShare {
  const Rows* rows = nullptr;
  std::atomic<std::size_t> next_row = 0;
  std::atomic<unsigned> opened = 0;  // so often, by any seat
  std::atomic<int> open_now = 0;
  std::atomic<bool> fails = false;  // every seat but the leader, with its first row
  std::atomic<bool> fails_leader = false;
  std::function<void(base::SeatIndex)> before_rows;  // in each seat, whenever it asks for rows
};

/// The tables of one plan, by relation. A plan input has the rows of one of the first of them.
class Tables {
 public:
  explicit Tables(std::size_t claim_rows = 100) : claim_rows_(claim_rows) {
    set_foreign_aggregate_maker(make_foreign_total);  // of random plans
  }

  void add(std::uint32_t relation, Rows rows) { rows_[relation] = std::move(rows); }
  /// Once the plan has its node ids and before any seat runs.
  void share(const plan::PlanNode& node) {
    if (const auto* scan = node.as<plan::ScanSpec>()) {
      shares_[node.id].rows = &rows_.at(scan->relation);
    } else if (const auto* input = node.as<plan::PlanInputSpec>()) {
      shares_[node.id].rows = &rows_.at(input->number % plan::kMadeUpTables);
    }
    for (const plan::PlanNode& input : node.inputs) {
      share(input);
    }
  }
  /// As the leader does between two runs: nobody may be reading, but a seat that has failed and
  /// not yet unwound, whose error ends the next run.
  void rewind(bool one_has_failed = false) {
    for (auto& [node, share] : shares_) {
      EXPECT_TRUE(one_has_failed || share.open_now == 0) << "a scan is open between two runs";
      share.next_row = 0;
    }
  }
  [[nodiscard]] ScanShare& of(base::NodeId node) { return shares_.at(node); }
  [[nodiscard]] unsigned opened() const {
    unsigned sum = 0;
    for (const auto& [node, share] : shares_) {
      sum += share.opened;
    }
    return sum;
  }
  [[nodiscard]] int open_now() const {
    int sum = 0;
    for (const auto& [node, share] : shares_) {
      sum += share.open_now;
    }
    return sum;
  }
  [[nodiscard]] std::size_t claim_rows() const { return claim_rows_; }

 private:
  std::size_t claim_rows_;
  std::map<std::uint32_t, Rows> rows_;
  std::map<base::NodeId, ScanShare> shares_;
};

class TableSource final : public Source {
 public:
  TableSource(plan::ScanSpec scan, std::vector<ScanFilter> filters, ScanShare& share,
              std::size_t claim_rows, base::SeatIndex seat, base::MemoryBudget& budget)
      : scan_(std::move(scan)),
        filters_(std::move(filters)),
        share_(share),
        claim_rows_(claim_rows),
        seat_(seat) {
    for (const plan::ScanColumn& column : scan_.columns) {
      types_.push_back(column.type);
    }
    predicate_.emplace(scan_.filters, types_, budget);
    ++share_.opened;
    ++share_.open_now;
  }
  ~TableSource() override { close(); }

  SourceState next(vector::Batch& out) override {
    if (share_.before_rows) {
      share_.before_rows(seat_);
    }
    if (seat_ == base::kLeaderSeat ? share_.fails_leader : share_.fails) {
      throw base::Error(base::ErrorKind::kQuery, "22012", "division by zero");
    }
    const std::size_t begin = share_.next_row.fetch_add(claim_rows_);
    if (begin >= share_.rows->size()) {
      return SourceState::kEnd;
    }
    const std::size_t count = std::min(claim_rows_, share_.rows->size() - begin);
    Rows rows;
    for (std::size_t i = begin; i < begin + count; ++i) {
      Row& row = rows.emplace_back();
      for (const plan::ScanColumn& column : scan_.columns) {
        row.push_back((*share_.rows)[i].at(static_cast<std::size_t>(column.attribute - 1)));
      }
    }
    const bool spread = count <= vector::kBatchRowsMax / 2 && begin / claim_rows_ % 2 == 1;
    batch_.emplace(types_, rows, spread);
    passed_.resize(vector::kBatchRowsMax);
    std::uint32_t passed = predicate_->filter(batch_->get(), passed_.data());
    for (ScanFilter& filter : filters_) {
      passed = filter.keep(batch_->get().column(filter.column()), passed_.data(), passed);
    }
    views_.clear();
    for (const std::uint32_t output : scan_.outputs) {
      views_.push_back(batch_->get().column(output));
    }
    out = vector::Batch(views_, batch_->get().rows(), passed_.data(), passed);
    return SourceState::kBatch;
  }

  void close() override {
    if (std::exchange(open_, false)) {
      batch_.reset();
      --share_.open_now;
    }
  }

 private:
  const plan::ScanSpec scan_;
  std::vector<ScanFilter> filters_;
  ScanShare& share_;
  const std::size_t claim_rows_;
  const base::SeatIndex seat_;
  bool open_ = true;
  Types types_;
  std::optional<Predicate> predicate_;
  std::optional<OwnedBatch> batch_;
  std::vector<vector::RowIndex> passed_;
  std::vector<vector::ColumnView> views_;
};

class EmptySource final : public Source {
 public:
  SourceState next(vector::Batch& /*out*/) override { return SourceState::kEnd; }
  void close() override {}
};

/// One seat's way to the tables.
class TableSources final : public SourceFactory {
 public:
  TableSources(Tables& tables, base::SeatIndex seat) : tables_(tables), seat_(seat) {}
  std::unique_ptr<Source> open_scan(const plan::PlanNode& scan, std::vector<ScanFilter> filters,
                                    base::MemoryBudget& budget) override {
    ScanShare& share = tables_.of(scan.id);
    return std::make_unique<TableSource>(*scan.as<plan::ScanSpec>(), std::move(filters), share,
                                         tables_.claim_rows(), seat_, budget);
  }
  std::unique_ptr<Source> open_plan_input(const plan::PlanNode& input,
                                          base::MemoryBudget& budget) override {
    const auto& spec = *input.as<plan::PlanInputSpec>();
    if (seat_ != base::kLeaderSeat) {
      return std::make_unique<EmptySource>();
    }
    plan::ScanSpec scan;
    scan.columns = spec.columns;
    scan.outputs.resize(spec.columns.size());
    std::iota(scan.outputs.begin(), scan.outputs.end(), 0U);
    return std::make_unique<TableSource>(std::move(scan), std::vector<ScanFilter>(),
                                         tables_.of(input.id), tables_.claim_rows(), seat_, budget);
  }

 private:
  Tables& tables_;
  base::SeatIndex seat_;
};

}  // namespace sluice::engine::testing
