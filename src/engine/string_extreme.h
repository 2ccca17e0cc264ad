// min and max of text and bpchar. Single-threaded.
#pragma once

#include <cstdint>

#include "base/arena.h"
#include "engine/aggregate_state.h"
#include "vector/string_ref.h"

namespace sluice::engine {

/// Order by bytes; for bpchar without the trailing blanks, where of equal values the first one
/// stays.
/// Owns:   a buffer for each group's long string, which is reused while new strings fit and at
///         least doubles otherwise, so that what is thrown away stays in proportion.
/// Source: PostgreSQL, text_larger, bpchar_larger.
class StringExtreme final : public AggregateState {
 public:
  StringExtreme(bool max, bool blank_padded, bool grouped, base::MemoryBudget& budget);
  void grow(std::uint32_t groups) override;

 protected:
  void fold_run(const vector::ColumnView& column, const GroupRun& run) override;
  void fold_rows(const vector::ColumnView& column, const RowsByGroup& rows) override;
  [[nodiscard]] vector::ColumnView values(std::uint32_t first) noexcept override;
  void clear_states() noexcept override;

 private:
  struct Buffer {
    char* bytes = nullptr;
    std::uint32_t capacity_bytes = 0;
    bool has_value = false;
  };
  [[nodiscard]] bool better(const vector::StringRef& left,
                            const vector::StringRef& right) const noexcept;
  void offer(std::uint32_t group, const vector::StringRef& text);

  const bool max_;
  const bool blank_padded_;
  BudgetedArray<vector::StringRef> values_;
  BudgetedArray<Buffer> buffers_;
  base::Arena arena_;
};

}  // namespace sluice::engine
