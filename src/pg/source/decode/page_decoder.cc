#include "pg/source/decode/page_decoder.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::pg {
namespace {

/// Rows whose pages, places and values stay in the first-level cache from one attribute to the
/// next.
constexpr std::uint32_t kBlockRows = 256;

void sort_by_attribute(std::vector<std::uint16_t>& order,
                       const std::vector<ColumnTarget>& targets) {
  std::ranges::sort(order, {}, [&targets](std::uint16_t i) { return targets[i].attribute; });
}

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
  for (std::uint16_t i = 0; i < targets_.size(); ++i) {
    const ColumnTarget& target = targets_[i];
    SLUICE_CHECK(target.attribute < attributes_.size() && !used[target.attribute],
                 "a scan column has no attribute of its own");
    used[target.attribute] = true;
    columns_.emplace_back(target, attributes_[target.attribute], i);
    if (target.use == ColumnUse::kFilter) {
      filter_order_.push_back(i);
    } else {
      later_order_.push_back(i);
    }
  }
  sort_by_attribute(filter_order_, targets_);
  sort_by_attribute(later_order_, targets_);
  marks_.resize(later_order_.size());
}

const std::uint8_t** PageDecoder::places(std::size_t index) {
  while (places_.size() <= index) {
    places_.push_back(std::make_unique<const std::uint8_t*[]>(vector::kBatchRowsMax));
  }
  return places_[index].get();
}

void PageDecoder::load(std::span<const TupleBytes> tuples) {
  group_.load(tuples);
  toasted_.clear();
}

void PageDecoder::decode_filter_columns() {
  toasted_.clear();
  for (const std::uint16_t column : filter_order_) {
    columns_[column].begin(group_, toasted_);
  }
  for (std::uint32_t first = 0; first < group_.rows(); first += kBlockRows) {
    walk_filter_columns({nullptr, first, std::min(kBlockRows, group_.rows() - first)});
  }
}

void PageDecoder::walk_filter_columns(const RowSet& rows) {
  std::size_t place_index = 1;  // 0 is scratch for the walk of the output columns
  const std::uint8_t** out = places(place_index);
  Cursor cursor = walk_.start();
  std::uint32_t attribute = 0;
  std::size_t output = 0;
  const auto mark_outputs = [&](std::uint32_t to) {
    for (; output < later_order_.size(); ++output) {
      const std::uint32_t wanted = targets_[later_order_[output]].attribute;
      if (wanted > to) {
        return;
      }
      walk_.advance(cursor, attribute, wanted, rows, out);
      attribute = wanted;
      marks_[output] = {cursor, wanted};
      if (cursor.at == out) {
        out = places(++place_index);  // what a mark refers to is not written again
      }
    }
  };
  for (const std::uint16_t column : filter_order_) {
    const std::uint32_t wanted = targets_[column].attribute;
    mark_outputs(wanted);
    walk_.advance(cursor, attribute, wanted, rows, out);
    columns_[column].decode(cursor, rows, out);
    attribute = wanted + 1;
  }
  for (; output < later_order_.size(); ++output) {
    marks_[output] = {cursor, attribute};
  }
}

void PageDecoder::decode_later(ColumnUse use, const vector::RowIndex* selection,
                               std::uint32_t count) {
  toasted_.clear();
  for (const std::uint16_t column : later_order_) {
    if (targets_[column].use == use) {
      columns_[column].begin(group_, toasted_);
    }
  }
  if (selection == nullptr || count == group_.rows()) {
    for (std::uint32_t first = 0; first < group_.rows(); first += kBlockRows) {
      walk_later_columns(use, {nullptr, first, std::min(kBlockRows, group_.rows() - first)});
    }
    return;
  }
  for (std::uint32_t first = 0; first < count; first += kBlockRows) {
    walk_later_columns(use, {selection + first, 0, std::min(kBlockRows, count - first)});
  }
}

void PageDecoder::walk_later_columns(ColumnUse use, const RowSet& rows) {
  const std::uint8_t** out = places(0);
  Mark tail;  // behind the last column decoded, once the marks have all been passed
  for (std::size_t later = 0; later < later_order_.size(); ++later) {
    if (targets_[later_order_[later]].use != use) {
      continue;
    }
    const std::uint32_t wanted = targets_[later_order_[later]].attribute;
    Mark from = marks_[later];
    if (tail.attribute > from.attribute) {
      from = tail;
    }
    walk_.advance(from.cursor, from.attribute, wanted, rows, out);
    columns_[later_order_[later]].decode(from.cursor, rows, out);
    tail = {from.cursor, wanted + 1};
  }
}

}  // namespace sluice::pg
