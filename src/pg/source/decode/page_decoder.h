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

/// Decodes the columns of a group in stages: those that the first condition reads for every row,
/// those of the next for the rows that are left, and so on.
///
///   load -> decode_stage(0) -> (decode_stage(1) -> ... -> decode_stage(last))* -> load ...
///
/// While a stage walks over the tuples, it keeps the places of later columns that it passes; the
/// later stages start from there.
/// Invariant: a row's values are at its physical row number in every column.
/// Source:    docs/decisions/0034, 0036.
class PageDecoder {
 public:
  /// Errors: kInternal for columns that do not fit their attributes, kAbandon for a missing value
  ///         that does not fit its declaration.
  PageDecoder(std::vector<AttributeLayout> attributes, std::vector<ColumnTarget> columns);
  PageDecoder(const PageDecoder&) = delete;
  PageDecoder& operator=(const PageDecoder&) = delete;

  /// Takes the next group. The pages stay pinned while strings are read. `ahead` knows the pages of
  /// the group after it, and stays while this one is decoded.
  /// Shape, errors: as TupleGroup::load().
  void load(std::span<const TupleBytes> tuples, ReadAhead* ahead = nullptr);
  /// Shape: `selection` names `count` rows in ascending order, all among those of the last
  ///        decode_stage(stage - 1); null: all rows. A stage may come again with other rows, whose
  ///        values then replace those of the call before.
  /// Errors: kCorrupt, kAbandon (see ColumnDecoder::decode).
  void decode_stage(Stage stage, const vector::RowIndex* selection, std::uint32_t count);

  [[nodiscard]] std::uint32_t rows() const noexcept { return group_.rows(); }
  [[nodiscard]] vector::ColumnView view(std::size_t column) const noexcept {
    return columns_[column].view();
  }
  /// The values that the last decode_stage() could not read, and which must be stored before
  /// use.
  [[nodiscard]] std::span<const ToastedValue> toasted() const noexcept { return toasted_; }
  /// Shape: `payload` is the unpacked varlena without its header.
  void store_payload(const ToastedValue& value, std::span<const std::uint8_t> payload) {
    columns_[value.column].store_payload(value.row, payload);
  }

 private:
  struct Mark {  // a place in every row of a stage: where `attribute` is
    Cursor cursor;
    std::uint32_t attribute = 0;
  };
  using Places = std::unique_ptr<const std::uint8_t*[]>;

  /// What a stage knows when it begins: for every element of order_, how far the walks have come.
  struct StageState {
    std::vector<Mark> marks;
    std::size_t first_place = 0;  // the arrays below are referred to by the marks
  };

  void walk(Stage stage, const RowSet& rows);
  [[nodiscard]] std::uint32_t last_attribute(Stage stage) const;
  [[nodiscard]] const std::uint8_t** places(std::size_t index);

  std::vector<AttributeLayout> attributes_;
  std::vector<ColumnTarget> targets_;
  std::vector<ColumnDecoder> columns_;
  std::vector<std::uint16_t> order_;  // columns in attribute order
  TupleGroup group_;
  AttributeWalk walk_;
  std::vector<StageState> stages_;  // one more than there are stages: the last has no use
  std::vector<Places> places_;
  std::vector<ToastedValue> toasted_;
};

}  // namespace sluice::pg
