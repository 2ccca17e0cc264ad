#include "pg/source/heap_source.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "base/check.h"
#include "engine/expr_program.h"
#include "engine/physical.h"
#include "pg/border/call.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/detoast.h"
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

/// What of a scan's columns is decoded, and when. Where nothing is filtered, all are wanted at
/// once.
struct DecodedColumns {
  std::vector<ColumnTarget> targets;
  std::vector<std::uint16_t> decoded;  // by scan column: index into `targets`, or kNotDecoded
};

/// How many of the first conjuncts read nothing but the columns of the very first one. They are
/// evaluated for every row; what the others read is decoded for the rows that are left.
std::size_t leading_conjuncts(const plan::ScanSpec& scan) {
  std::vector<bool> leading(scan.columns.size(), false);
  std::size_t count = 0;
  for (const plan::Expr& filter : scan.filters) {
    std::vector<bool> read(scan.columns.size(), false);
    plan::collect_columns(filter, count == 0 ? leading : read);
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (read[i] && !leading[i]) {
        return count;
      }
    }
    ++count;
  }
  return count;
}

/// When each scan column is wanted first; nothing where it never is.
std::vector<std::optional<ColumnUse>> column_uses(const plan::ScanSpec& scan) {
  std::vector<std::optional<ColumnUse>> uses(scan.columns.size());
  for (const std::uint32_t output : scan.outputs) {
    SLUICE_CHECK(output < scan.columns.size(), "a scan hands out a column it does not have");
    uses[output] = scan.filters.empty() ? ColumnUse::kFilter : ColumnUse::kOutput;
  }
  const std::size_t leading = leading_conjuncts(scan);
  for (std::size_t conjunct = scan.filters.size(); conjunct-- > 0;) {
    std::vector<bool> read(scan.columns.size(), false);
    plan::collect_columns(scan.filters[conjunct], read);
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (read[i]) {
        uses[i] = conjunct < leading ? ColumnUse::kFilter : ColumnUse::kLateFilter;
      }
    }
  }
  return uses;
}

DecodedColumns choose_columns(Relation relation, const plan::ScanSpec& scan) {
  const std::vector<std::optional<ColumnUse>> uses = column_uses(scan);
  DecodedColumns result;
  result.decoded.assign(scan.columns.size(), kNotDecoded);
  for (const ColumnUse use : {ColumnUse::kFilter, ColumnUse::kLateFilter, ColumnUse::kOutput}) {
    for (std::size_t i = 0; i < scan.columns.size(); ++i) {
      if (uses[i] != use) {
        continue;
      }
      const auto same = std::ranges::find(result.targets, scan.columns[i].attribute - 1,
                                          [](const ColumnTarget& t) { return int{t.attribute}; });
      if (same == result.targets.end()) {
        result.targets.push_back(column_target(relation, scan.columns[i], use));
        result.decoded[i] = static_cast<std::uint16_t>(result.targets.size() - 1);
      } else {
        result.decoded[i] = static_cast<std::uint16_t>(same - result.targets.begin());
      }
    }
  }
  return result;
}

std::vector<plan::Expr> conjuncts_between(const plan::ScanSpec& scan, std::size_t first,
                                          std::size_t end) {
  return {scan.filters.begin() + static_cast<std::ptrdiff_t>(first),
          scan.filters.begin() + static_cast<std::ptrdiff_t>(end)};
}

/// One seat's part of one scan.
/// Invariant: rows [0, first_row_) of the group in the reader have been handed out.
class HeapSource final : public engine::Source {
 public:
  /// Takes over `relation` once the constructor has returned.
  HeapSource(const plan::ScanSpec& scan, Relation relation, ParallelBlockTableScanDesc share,
             Snapshot snapshot, base::MemoryBudget& budget);
  [[nodiscard]] engine::SourceState next(vector::Batch& out) override;
  void close() override;

 private:
  void read_group();
  void refresh_views();
  [[nodiscard]] std::uint32_t filter_rows(std::uint32_t end);
  void run_predicate(engine::Predicate& predicate);
  [[nodiscard]] std::uint32_t filter_late(std::uint32_t end);
  [[nodiscard]] std::uint32_t decode_outputs(std::uint32_t end);
  [[nodiscard]] std::uint32_t unpack_passed(std::uint32_t end);

  Relation relation_;
  bool begun_ = false;
  std::unique_ptr<PageGroupReader> reader_;
  std::vector<std::uint32_t> outputs_;
  std::vector<std::uint16_t> decoded_;
  std::unique_ptr<PageDecoder> decoder_;  // null where rows are only counted
  engine::Predicate predicate_;           // the leading conjuncts
  engine::Predicate late_predicate_;      // the others
  Detoaster detoaster_;
  std::vector<vector::ColumnView> scan_views_;    // by scan column, for the filters
  std::vector<vector::ColumnView> output_views_;  // by output
  std::vector<ToastedValue> filter_toasted_;      // of the group's rows
  std::uint32_t first_row_ = 0;
  std::uint32_t passed_count_ = 0;
  std::array<vector::RowIndex, vector::kBatchRowsMax> passed_{};
};

HeapSource::HeapSource(const plan::ScanSpec& scan, Relation relation,
                       ParallelBlockTableScanDesc share, Snapshot snapshot,
                       base::MemoryBudget& budget)
    : relation_(relation),
      reader_(std::make_unique<PageGroupReader>()),
      outputs_(scan.outputs),
      predicate_(conjuncts_between(scan, 0, leading_conjuncts(scan)), column_types(scan), budget),
      late_predicate_(conjuncts_between(scan, leading_conjuncts(scan), scan.filters.size()),
                      column_types(scan), budget),
      detoaster_(budget),
      output_views_(scan.outputs.size()) {
  reader_->relation = relation;
  reader_->snapshot = snapshot;
  reader_->share = share;
  DecodedColumns columns = choose_columns(relation, scan);
  decoded_ = std::move(columns.decoded);
  for (const plan::ScanColumn& column : scan.columns) {
    scan_views_.push_back({engine::physical_type_of(column.type), false, nullptr, nullptr});
  }
  if (columns.targets.empty() && predicate_.empty()) {
    reader_->count_only = true;
  } else {
    decoder_ = std::make_unique<PageDecoder>(attribute_layouts(relation, scan),
                                             std::move(columns.targets));
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
  call([reader = reader_.get(), is_first = !begun_] {
    if (is_first) {
      begin_page_groups(*reader);
    }
    read_page_group(*reader);
  });
  begun_ = true;
  first_row_ = 0;
  if (decoder_ != nullptr) {
    decoder_->load({reader_->tuples.data(), reader_->tuple_count});
    decoder_->decode_filter_columns();
    filter_toasted_.assign(decoder_->toasted().begin(), decoder_->toasted().end());
  }
}

void HeapSource::refresh_views() {
  for (std::size_t i = 0; i < scan_views_.size(); ++i) {
    if (decoded_[i] != kNotDecoded) {
      scan_views_[i] = decoder_->view(decoded_[i]);
    }
  }
}

/// Leaves in passed_ what of it passes `predicate`.
void HeapSource::run_predicate(engine::Predicate& predicate) {
  if (predicate.empty() || passed_count_ == 0) {
    return;
  }
  const std::uint32_t rows = decoder_->rows();
  if (passed_count_ == rows) {
    passed_count_ = predicate.filter(vector::Batch(scan_views_, rows), passed_.data());
  } else {
    const std::vector<vector::RowIndex> window(passed_.begin(), passed_.begin() + passed_count_);
    passed_count_ = predicate.filter(vector::Batch(scan_views_, rows, window.data(), passed_count_),
                                     passed_.data());
  }
}

/// Filters rows [first_row_, end) or fewer by the leading conjuncts; returns the end of those it
/// did. The rows that passed are in passed_.
std::uint32_t HeapSource::filter_rows(std::uint32_t end) {
  if (!filter_toasted_.empty()) {
    std::erase_if(filter_toasted_, [this](const ToastedValue& v) { return v.row < first_row_; });
    end = detoaster_.rows_within(filter_toasted_, end);
    detoaster_.unpack(filter_toasted_, first_row_, end, *decoder_);
  }
  refresh_views();
  passed_count_ = end - first_row_;
  std::iota(passed_.begin(), passed_.begin() + passed_count_,
            static_cast<vector::RowIndex>(first_row_));
  run_predicate(predicate_);
  return end;
}

/// Unpacks what the last decode found toasted; where the values would be too large, it drops the
/// last rows of passed_. Returns the end of the rows that are left.
std::uint32_t HeapSource::unpack_passed(std::uint32_t end) {
  const std::span<const ToastedValue> toasted = decoder_->toasted();
  if (!toasted.empty()) {
    end = detoaster_.rows_within(toasted, end);
    const auto* behind = std::lower_bound(passed_.data(), passed_.data() + passed_count_, end);
    passed_count_ = static_cast<std::uint32_t>(behind - passed_.data());
    detoaster_.unpack(toasted, first_row_, end, *decoder_);
  }
  refresh_views();
  return end;
}

/// Filters the rows in passed_ by the other conjuncts. Returns the end of the rows that are done.
std::uint32_t HeapSource::filter_late(std::uint32_t end) {
  if (late_predicate_.empty() || passed_count_ == 0) {
    return end;
  }
  decoder_->decode_late_filter_columns(passed_.data(), passed_count_);
  end = unpack_passed(end);
  run_predicate(late_predicate_);
  return end;
}

/// Decodes the outputs of the rows in passed_. Returns the end of the rows that are done.
std::uint32_t HeapSource::decode_outputs(std::uint32_t end) {
  decoder_->decode_output_columns(passed_.data(), passed_count_);
  end = unpack_passed(end);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    output_views_[i] = scan_views_[outputs_[i]];
  }
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
  if (decoder_ == nullptr) {
    out = vector::Batch({}, rows);
    first_row_ = rows;
    return engine::SourceState::kBatch;
  }
  first_row_ = decode_outputs(filter_late(filter_rows(rows)));
  out = passed_count_ == rows ? vector::Batch(output_views_, rows)
                              : vector::Batch(output_views_, rows, passed_.data(), passed_count_);
  return engine::SourceState::kBatch;
}

}  // namespace

struct HeapSourceFactory::Impl {
  std::vector<const plan::PlanNode*> scans;
  std::span<std::byte> share;
  Snapshot snapshot;
};

HeapSourceFactory::HeapSourceFactory(const plan::PlanSpec& plan, std::span<std::byte> share,
                                     Snapshot snapshot)
    : impl_(std::make_unique<Impl>(Impl{collect_scans(plan), share, snapshot})) {
  SLUICE_CHECK(snapshot != nullptr && IsMVCCSnapshot(snapshot),
               "a heap scan needs an MVCC snapshot");
}

HeapSourceFactory::~HeapSourceFactory() = default;

std::unique_ptr<engine::Source> HeapSourceFactory::open_scan(const plan::PlanNode& scan,
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
    return std::make_unique<HeapSource>(*spec, relation, share, impl_->snapshot, budget);
  } catch (...) {
    close_scanned_relation(relation);  // the run may go on without us
    throw;
  }
}

}  // namespace sluice::pg
