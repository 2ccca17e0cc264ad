#include "pg/source/decode/page_decoder.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::pg {
namespace {

/// Rows whose pages, places and values stay in the first-level cache from one attribute to the
/// next.
constexpr std::uint32_t kBlockRows = 256;

}  // namespace

PageDecoder::PageDecoder(std::vector<AttributeLayout> attributes, std::vector<ColumnTarget> columns)
    : attributes_(std::move(attributes)), targets_(std::move(columns)), walk_(attributes_, group_) {
  std::vector<bool> used(attributes_.size(), false);
  for (const AttributeLayout& attribute : attributes_) {
    const int alignment = attribute.alignment;
    SLUICE_CHECK(attribute.length >= kCStringLength && attribute.length != 0 &&
                     (alignment == 1 || alignment == 2 || alignment == 4 || alignment == 8),
                 "an attribute has no possible layout");
  }
  columns_.reserve(targets_.size());
  std::size_t stage_count = 1;
  const auto column_count = static_cast<std::uint16_t>(targets_.size());
  SLUICE_CHECK(column_count == targets_.size(), "a scan has too many columns");
  for (std::uint16_t i = 0; i < column_count; ++i) {
    const ColumnTarget& target = targets_[i];
    SLUICE_CHECK(target.attribute < attributes_.size() && !used[target.attribute],
                 "a scan column has no attribute of its own");
    used[target.attribute] = true;
    columns_.emplace_back(target, attributes_[target.attribute], i);
    order_.push_back(i);
    stage_count = std::max<std::size_t>(stage_count, target.stage + 1U);
  }
  std::ranges::sort(order_, {}, [this](std::uint16_t i) { return targets_[i].attribute; });
  stages_.resize(stage_count + 1);
  for (StageState& state : stages_) {
    state.marks.resize(order_.size());
  }
}

const std::uint8_t** PageDecoder::places(std::size_t index) {
  while (places_.size() <= index) {
    places_.push_back(std::make_unique<const std::uint8_t*[]>(vector::kBatchRowsMax));
  }
  return places_[index].get();
}

void PageDecoder::load(std::span<const TupleBytes> tuples, ReadAhead* ahead) {
  group_.load(tuples, ahead);
  toasted_.clear();
}

void PageDecoder::decode_stage(Stage stage, const vector::RowIndex* selection,
                               std::uint32_t count) {
  toasted_.clear();
  for (const std::uint16_t column : order_) {
    if (targets_[column].stage == stage) {
      columns_[column].begin(group_, toasted_);
    }
  }
  if (stage + 1U >= stages_.size()) {
    return;  // no column is of this stage
  }
  const bool all = selection == nullptr || count == group_.rows();
  for (std::uint32_t first = 0; first < count; first += kBlockRows) {
    const std::uint32_t rows = std::min(kBlockRows, count - first);
    walk(stage, all ? RowSet{nullptr, first, rows} : RowSet{selection + first, 0, rows});
  }
}

/// The last attribute that the stage decodes, or 0.
std::uint32_t PageDecoder::last_attribute(Stage stage) const {
  std::uint32_t last = 0;
  for (const std::uint16_t column : order_) {
    if (targets_[column].stage == stage) {
      last = targets_[column].attribute;
    }
  }
  return last;
}

/// Decodes the stage's columns of `rows`, and leaves in the state of the next stage how far each
/// later column's way has been walked.
void PageDecoder::walk(Stage stage, const RowSet& rows) {
  const StageState& before = stages_[stage];
  StageState& after = stages_[stage + 1U];
  std::size_t place_index = before.first_place;
  const std::uint8_t** out = places(place_index);
  const std::uint32_t last = last_attribute(stage);
  Mark here = {walk_.start(), 0};
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const ColumnTarget& target = targets_[order_[i]];
    if (target.stage < stage) {
      continue;
    }
    Mark from = stage == 0 ? here : before.marks[i];
    if (here.attribute > from.attribute) {
      from = here;
    }
    if (target.stage > stage && target.attribute >= last) {
      after.marks[i] = from;
      continue;
    }
    walk_.advance(from.cursor, from.attribute, target.attribute, rows, out);
    if (target.stage == stage) {
      columns_[order_[i]].decode(from.cursor, rows, out);
      here = {from.cursor, target.attribute + 1U};
    } else {
      here = {from.cursor, target.attribute};
      after.marks[i] = here;
      if (here.cursor.at == out) {
        out = places(++place_index);  // what a mark refers to is not written again
      }
    }
  }
  after.first_place = place_index + 1;
}

}  // namespace sluice::pg
