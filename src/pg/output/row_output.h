// A row of the root's batch as Datums.
#pragma once

#include <cstdint>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/sluice_plan.h"
#include "pg/port/types.h"
#include "plan/data_type.h"
#include "vector/batch.h"

namespace sluice::pg {

/// Converts one row at a time; a column's converter is chosen once.
class RowOutput {
 public:
  /// Shape:  `root` has the types of the root's output columns.
  /// Errors: kInternal for a column that its PostgreSQL type cannot hold.
  RowOutput(const std::vector<OutputColumn>& outputs, const std::vector<plan::DataType>& root);

  [[nodiscard]] std::size_t column_count() const noexcept { return columns_.size(); }

  /// Shape:  `row` is a physical row number; `values` and `nulls` have column_count() elements.
  /// Errors: ereport() by longjmp: outside of guard() and under no C++ frame with a destructor.
  /// Owns:   nothing; Datums by reference are allocated in CurrentMemoryContext.
  void convert(const vector::Batch& batch, std::uint32_t row, Datum* values, bool* nulls) const;

 private:
  struct Column {
    /// Sets `value`, or returns false for NULL.
    bool (*convert)(const Column& column, const vector::Batch& batch, std::uint32_t row,
                    Datum& value);
    std::uint32_t column;
    std::uint32_t count_column;
    int scale;
    StoredForm form;  // of opaque values
  };
  friend struct ColumnConverters;

  std::vector<Column> columns_;
};

}  // namespace sluice::pg
