#include "pg/source/heap_source.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "base/check.h"
#include "base/fault_point.h"
#include "engine/expr_program.h"
#include "engine/physical.h"
#include "pg/border/call.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/detoast.h"
#include "pg/source/filter_stages.h"
#include "pg/source/page_group.h"
#include "pg/source/scan_share.h"
#include "pg/source/scanned_relation.h"

namespace sluice::pg {
namespace {

constexpr std::uint16_t kNotDecoded = UINT16_MAX;

std::vector<plan::DataType> column_types(const plan::ScanSpec& scan) {
  std::vector<plan::DataType> types;
  for (const plan::ScanColumn& column : scan.columns) {
    types.push_back(column.type);
  }
  return types;
}

using Stages = std::vector<std::optional<Stage>>;  // by scan column; nothing where it is not read

/// What is decoded, and when.
struct DecodeOrder {
  std::vector<ColumnTarget> targets;
  std::vector<std::uint16_t> decoded;  // by scan column: index into `targets`, or kNotDecoded
  std::unique_ptr<PageDecoder> decoder;
};

/// What is only handed out is decoded after the last condition; without conditions that is stage 0.
void add_outputs(const plan::ScanSpec& scan, Stages& stages, Stage output_stage) {
  for (const std::uint32_t output : scan.outputs) {
    SLUICE_CHECK(output < scan.columns.size(), "a scan hands out a column it does not have");
    stages[output] = stages[output].value_or(output_stage);
  }
}

/// Moves to an earlier stage the short values that it passes on its way to another column.
void decode_in_passing(Relation relation, const plan::ScanSpec& scan, Stages& stages,
                       Stage output_stage) {
  for (Stage stage = 0; stage < output_stage; ++stage) {
    int last = 0;
    for (std::size_t i = 0; i < stages.size(); ++i) {
      last = stages[i] == stage ? std::max<int>(last, scan.columns[i].attribute) : last;
    }
    for (std::size_t i = 0; i < stages.size(); ++i) {
      if (stages[i] > stage && scan.columns[i].attribute < last &&
          is_short(relation, scan.columns[i])) {
        stages[i] = stage;
      }
    }
  }
}

DecodeOrder decode_order(Relation relation, const plan::ScanSpec& scan, const Stages& stages,
                         Stage output_stage) {
  DecodeOrder order;
  order.decoded.assign(scan.columns.size(), kNotDecoded);
  for (Stage stage = 0; stage <= output_stage; ++stage) {
    for (std::size_t i = 0; i < scan.columns.size(); ++i) {
      if (stages[i] != stage) {
        continue;
      }
      const auto same = std::ranges::find(order.targets, scan.columns[i].attribute - 1,
                                          [](const ColumnTarget& t) { return int{t.attribute}; });
      if (same == order.targets.end()) {
        order.targets.push_back(column_target(relation, scan.columns[i], stage));
        order.decoded[i] = static_cast<std::uint16_t>(order.targets.size() - 1);
      } else {
        order.decoded[i] = static_cast<std::uint16_t>(same - order.targets.begin());
      }
    }
  }
  return order;
}

/// What rows must pass at the end of a stage.
struct Conditions {
  engine::Predicate predicate;
  std::vector<engine::ScanFilter> runtime_filters;
};

/// One seat's part of one scan.
/// Invariant: rows [0, first_row_) of the group in the reader have been handed out.
class HeapSource final : public engine::Source {
 public:
  /// Takes over `relation` once the constructor has returned.
  HeapSource(const plan::ScanSpec& scan, std::vector<engine::ScanFilter> filters, Relation relation,
             ParallelBlockTableScanDesc share, Snapshot snapshot, base::MemoryBudget& budget);
  [[nodiscard]] engine::SourceState next(vector::Batch& out) override;
  void close() override;

 private:
  void read_group();
  void choose_order();
  void refresh_views();
  [[nodiscard]] std::uint32_t decode_all(std::uint32_t end);
  [[nodiscard]] std::uint32_t decode_passed(Stage stage, std::uint32_t end);
  void run_conditions(Conditions& conditions);

  Relation relation_;
  bool begun_ = false;
  std::unique_ptr<PageGroupReader> reader_;
  std::vector<std::uint32_t> outputs_;
  std::vector<AttributeLayout> layouts_;
  DecodeOrder when_wanted_;             // a value once its row has passed what comes before it
  DecodeOrder in_passing_;              // whenever it is passed on the way; empty: the same.
                                        // Its decoder is made when first used
  DecodeOrder* order_ = &when_wanted_;  // of the current group
  std::vector<Conditions> conditions_;  // by stage
  Detoaster detoaster_;
  std::vector<vector::ColumnView> scan_views_;    // by scan column, for the filters
  std::vector<vector::ColumnView> output_views_;  // by output
  std::vector<ToastedValue> first_toasted_;       // of the group's rows, in stage 0
  std::uint32_t first_row_ = 0;
  std::uint32_t rows_wanted_ = vector::kBatchRowsMax;  // to begin the next batch with
  std::uint32_t passed_count_ = 0;
  std::uint32_t group_passed_ = 0;  // of the rows before first_row_
  std::array<vector::RowIndex, vector::kBatchRowsMax> passed_{};
  std::array<vector::RowIndex, vector::kBatchRowsMax> asked_{};
};

HeapSource::HeapSource(const plan::ScanSpec& scan, std::vector<engine::ScanFilter> filters,
                       Relation relation, ParallelBlockTableScanDesc share, Snapshot snapshot,
                       base::MemoryBudget& budget)
    : relation_(relation),
      reader_(std::make_unique<PageGroupReader>()),
      outputs_(scan.outputs),
      detoaster_(budget),
      output_views_(scan.outputs.size()) {
  reader_->relation = relation;
  reader_->snapshot = snapshot;
  reader_->share = share;
  FilterStages filters_by_stage(scan, std::move(filters));
  Stages stages = filters_by_stage.first_stages();
  std::vector<FilterStage> conditions = std::move(filters_by_stage).take();
  const auto output_stage = static_cast<Stage>(conditions.size());
  add_outputs(scan, stages, output_stage);
  for (FilterStage& stage : conditions) {
    conditions_.push_back({engine::Predicate(stage.conjuncts, column_types(scan), budget),
                           std::move(stage.runtime_filters)});
  }
  for (const plan::ScanColumn& column : scan.columns) {
    scan_views_.push_back({engine::physical_type_of(column.type), false, nullptr, nullptr});
  }
  when_wanted_ = decode_order(relation, scan, stages, output_stage);
  if (when_wanted_.targets.empty() && conditions_.empty()) {
    reader_->count_only = true;
    return;
  }
  layouts_ = attribute_layouts(relation, scan);
  when_wanted_.decoder = std::make_unique<PageDecoder>(layouts_, when_wanted_.targets);
  const Stages when_wanted = stages;
  decode_in_passing(relation, scan, stages, output_stage);
  if (stages != when_wanted) {
    in_passing_ = decode_order(relation, scan, stages, output_stage);
  }
}

void HeapSource::close() {
  if (relation_ == nullptr) {
    return;
  }
  Relation relation = relation_;
  relation_ = nullptr;
  detoaster_.clear();
  call([reader = reader_.get()] { end_page_groups(*reader); });
  close_scanned_relation(relation);
}

void HeapSource::read_group() {
  SLUICE_FAULT_POINT(kScanPage);
  call([reader = reader_.get(), is_first = !begun_] {
    if (is_first) {
      begin_page_groups(*reader);
    }
    read_page_group(*reader);
  });
  begun_ = true;
  if (!reader_->count_only) {
    choose_order();
    PageDecoder& decoder = *order_->decoder;
    decoder.load({reader_->tuples.data(), reader_->tuple_count}, &reader_->ahead);
    decoder.decode_stage(0, nullptr, decoder.rows());
    first_toasted_.assign(decoder.toasted().begin(), decoder.toasted().end());
  }
  first_row_ = 0;
  group_passed_ = 0;
}

/// To walk over a value and come back for it costs more than to decode it at once, unless many rows
/// are left out. The last group's rows tell.
void HeapSource::choose_order() {
  constexpr std::uint32_t kRowsPerDroppedMin = 4;
  const std::uint32_t dropped = first_row_ - group_passed_;
  const bool most_pass = first_row_ > 0 && dropped <= first_row_ / kRowsPerDroppedMin;
  order_ = most_pass && !in_passing_.targets.empty() ? &in_passing_ : &when_wanted_;
  if (order_->decoder == nullptr) {
    order_->decoder = std::make_unique<PageDecoder>(layouts_, order_->targets);
  }
}

void HeapSource::refresh_views() {
  for (std::size_t i = 0; i < scan_views_.size(); ++i) {
    if (order_->decoded[i] != kNotDecoded) {
      scan_views_[i] = order_->decoder->view(order_->decoded[i]);
    }
  }
}

/// Leaves in passed_ what of it passes `conditions`.
void HeapSource::run_conditions(Conditions& conditions) {
  const std::uint32_t rows = reader_->tuple_count;
  if (!conditions.predicate.empty() && passed_count_ == rows) {
    passed_count_ = conditions.predicate.filter(vector::Batch(scan_views_, rows), passed_.data());
  } else if (!conditions.predicate.empty()) {
    std::copy_n(passed_.begin(), passed_count_, asked_.begin());
    passed_count_ = conditions.predicate.filter(
        vector::Batch(scan_views_, rows, asked_.data(), passed_count_), passed_.data());
  }
  for (engine::ScanFilter& filter : conditions.runtime_filters) {
    passed_count_ = filter.keep(scan_views_[filter.column()], passed_.data(), passed_count_);
  }
}

/// Puts rows [first_row_, end) or fewer into passed_, with the values of stage 0 readable. Returns
/// the end of those rows.
std::uint32_t HeapSource::decode_all(std::uint32_t end) {
  if (!first_toasted_.empty()) {
    std::erase_if(first_toasted_, [this](const ToastedValue& v) { return v.row < first_row_; });
    end = detoaster_.rows_within(first_toasted_, end);
    detoaster_.unpack(first_toasted_, first_row_, end, *order_->decoder);
  }
  refresh_views();
  passed_count_ = end - first_row_;
  std::iota(passed_.begin(), passed_.begin() + passed_count_,
            static_cast<vector::RowIndex>(first_row_));
  return end;
}

/// Decodes a later stage for the rows in passed_. Where the unpacked values would be too large, it
/// drops the last of these rows. Returns the end of the rows that are left.
std::uint32_t HeapSource::decode_passed(Stage stage, std::uint32_t end) {
  order_->decoder->decode_stage(stage, passed_.data(), passed_count_);
  const std::span<const ToastedValue> toasted = order_->decoder->toasted();
  if (!toasted.empty()) {
    end = detoaster_.rows_within(toasted, end);
    const auto* behind = std::lower_bound(passed_.data(), passed_.data() + passed_count_, end);
    passed_count_ = static_cast<std::uint32_t>(behind - passed_.data());
    detoaster_.unpack(toasted, first_row_, end, *order_->decoder);
  }
  refresh_views();
  return end;
}

engine::SourceState HeapSource::next(vector::Batch& out) {
  SLUICE_CHECK(relation_ != nullptr, "a closed scan was asked for rows");
  detoaster_.clear();
  if (first_row_ == reader_->tuple_count) {
    if (reader_->ended) {
      return engine::SourceState::kEnd;
    }
    read_group();
  }
  const std::uint32_t rows = reader_->tuple_count;
  if (reader_->count_only) {
    out = vector::Batch({}, rows);
    first_row_ = rows;
    return engine::SourceState::kBatch;
  }
  const std::uint32_t wanted_end = std::min(rows, first_row_ + rows_wanted_);
  std::uint32_t end = decode_all(wanted_end);
  for (Stage stage = 0; stage < conditions_.size() && passed_count_ > 0; ++stage) {
    run_conditions(conditions_[stage]);
    end = decode_passed(static_cast<Stage>(stage + 1), end);
  }
  // What a later stage has no room for was unpacked in vain by those before it.
  rows_wanted_ = end < wanted_end ? std::max((wanted_end - first_row_) / 2, 1U)
                                  : std::min(2 * rows_wanted_, vector::kBatchRowsMax);
  first_row_ = end;
  group_passed_ += passed_count_;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    output_views_[i] = scan_views_[outputs_[i]];
  }
  out = passed_count_ == rows ? vector::Batch(output_views_, rows)
                              : vector::Batch(output_views_, rows, passed_.data(), passed_count_);
  return engine::SourceState::kBatch;
}

}  // namespace

struct HeapSourceFactory::Impl {
  std::vector<const plan::PlanNode*> scans;
  std::span<std::byte> share;
  Snapshot snapshot;
  PlanInputs inputs;
};

HeapSourceFactory::HeapSourceFactory(const plan::PlanSpec& plan, std::span<std::byte> share,
                                     Snapshot snapshot, PlanInputs inputs)
    : impl_(std::make_unique<Impl>(Impl{collect_scans(plan), share, snapshot, std::move(inputs)})) {
  SLUICE_CHECK(snapshot != nullptr && IsMVCCSnapshot(snapshot),
               "a heap scan needs an MVCC snapshot");
}

HeapSourceFactory::~HeapSourceFactory() = default;

std::unique_ptr<engine::Source> HeapSourceFactory::open_scan(
    const plan::PlanNode& scan, std::vector<engine::ScanFilter> filters,
    base::MemoryBudget& budget) {
  const auto* spec = scan.as<plan::ScanSpec>();
  SLUICE_CHECK(spec != nullptr, "the source of a scan was asked for something else");
  const auto same = std::ranges::find(impl_->scans, scan.id, &plan::PlanNode::id);
  SLUICE_CHECK(same != impl_->scans.end(), "a scan is not part of the plan");
  ParallelBlockTableScanDesc share =
      scan_share_slot(impl_->share, static_cast<std::size_t>(same - impl_->scans.begin()));
  Relation relation = open_scanned_relation(*spec);
  try {
    SLUICE_CHECK(share->base.phs_relid == RelationGetRelid(relation),
                 "a scan's block allocator belongs to another table");
    return std::make_unique<HeapSource>(*spec, std::move(filters), relation, share, impl_->snapshot,
                                        budget);
  } catch (...) {
    close_scanned_relation(relation);  // the run may go on without us
    throw;
  }
}

std::unique_ptr<engine::Source> HeapSourceFactory::open_plan_input(const plan::PlanNode& input,
                                                                   base::MemoryBudget& budget) {
  const auto* spec = input.as<plan::PlanInputSpec>();
  SLUICE_CHECK(spec != nullptr, "a plan input was asked for something else");
  const bool leader = !impl_->inputs.empty();
  SLUICE_CHECK(!leader || spec->number < impl_->inputs.size(), "a plan input is not there");
  return pg::open_plan_input(*spec, leader ? impl_->inputs[spec->number] : nullptr, budget);
}

}  // namespace sluice::pg
