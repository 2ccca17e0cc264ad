// Heap tuples to columns, attribute by attribute across all tuples of a page group. Pure: bytes in,
// columns out; no server. The bytes are not trusted: nothing outside a tuple is interpreted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "pg/source/decode/attribute_layout.h"
#include "pg/source/decode/attribute_walk.h"
#include "pg/source/decode/column_decode.h"
#include "pg/source/decode/tuple_group.h"
#include "vector/batch.h"

namespace sluice::pg {

/// Decodes the filter's columns of a group, then the others for the rows that are left.
///
///   load -> decode_filter_columns -> (decode_late_filter_columns)*
///        -> (decode_output_columns)* -> load ...
///
/// While the filter's columns are decoded, the places of the other columns between them are kept,
/// so that the later walks start where they are.
/// Invariant: a row's values are at its physical row number in every column.
/// Source:    DESIGN.md section 9.
class PageDecoder {
 public:
  /// Errors: kInternal for columns that do not fit their attributes, kAbandon for a missing value
  ///         that does not fit its declaration.
  PageDecoder(std::vector<AttributeLayout> attributes, std::vector<ColumnTarget> columns);
  PageDecoder(const PageDecoder&) = delete;
  PageDecoder& operator=(const PageDecoder&) = delete;

  /// Takes the next group. The pages stay pinned while strings are read.
  /// Shape, errors: as TupleGroup::load().
  void load(std::span<const TupleBytes> tuples);
  /// Errors: kCorrupt, kAbandon (see ColumnDecoder::decode).
  void decode_filter_columns();
  /// Shape: `selection` names `count` rows in ascending order; null: all rows.
  /// Pre:   decode_filter_columns() ran for this group; may be called again with other rows, whose
  ///        values then replace those of the call before.
  void decode_late_filter_columns(const vector::RowIndex* selection, std::uint32_t count) {
    decode_later(ColumnUse::kLateFilter, selection, count);
  }
  void decode_output_columns(const vector::RowIndex* selection, std::uint32_t count) {
    decode_later(ColumnUse::kOutput, selection, count);
  }

  [[nodiscard]] std::uint32_t rows() const noexcept { return group_.rows(); }
  [[nodiscard]] vector::ColumnView view(std::size_t column) const noexcept {
    return columns_[column].view();
  }
  /// The values that the last decode_*_columns() could not read, and which must be stored before
  /// use.
  [[nodiscard]] std::span<const ToastedValue> toasted() const noexcept { return toasted_; }
  /// Shape: `payload` is the unpacked varlena without its header.
  void store_payload(const ToastedValue& value, std::span<const std::uint8_t> payload) {
    columns_[value.column].store_payload(value.row, payload);
  }

 private:
  struct Mark {  // where a later column starts
    Cursor cursor;
    std::uint32_t attribute = 0;
  };
  using Places = std::unique_ptr<const std::uint8_t*[]>;

  void walk_filter_columns(const RowSet& rows);
  void decode_later(ColumnUse use, const vector::RowIndex* selection, std::uint32_t count);
  void walk_later_columns(ColumnUse use, const RowSet& rows);
  [[nodiscard]] const std::uint8_t** places(std::size_t index);

  std::vector<AttributeLayout> attributes_;
  std::vector<ColumnTarget> targets_;
  std::vector<ColumnDecoder> columns_;
  std::vector<std::uint16_t> filter_order_;  // columns in attribute order
  std::vector<std::uint16_t> later_order_;   // those of the other uses
  TupleGroup group_;
  AttributeWalk walk_;
  std::vector<Mark> marks_;  // one an element of later_order_
  std::vector<Places> places_;
  std::vector<ToastedValue> toasted_;
};

}  // namespace sluice::pg
