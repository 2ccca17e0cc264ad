// Where rows come from: heap pages in PostgreSQL, vectors in tests, a stream's records.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/memory_budget.h"
#include "engine/runtime_filter.h"
#include "plan/plan_spec.h"
#include "vector/batch.h"

namespace sluice::engine {

enum class SourceState : std::uint8_t {
  kBatch,    // `out` has rows (count() may be 0)
  kBlocked,  // nothing now; a bell will ring
  kEnd,
};

/// One running input of a pipeline in one seat.
/// Owns: the memory behind the batch, until the next call of next() or close().
class Source {
 public:
  virtual ~Source() = default;
  /// Errors: any; the query ends.
  [[nodiscard]] virtual SourceState next(vector::Batch& out) = 0;
  /// No more rows are wanted. Idempotent. Must be called before the destructor wherever the source
  /// holds what an exception may not release (buffer pins).
  virtual void close() = 0;
};

/// Opens scans and plan inputs; implemented by who has the tables.
class SourceFactory {
 public:
  virtual ~SourceFactory() = default;
  /// `scan` holds a ScanSpec; the source yields its `outputs`, filtered by its `filters`, in
  /// physical types as physical_type_of() says. Seats that open the same node share its rows among
  /// them. Rows that one of `filters` removes need not be yielded; what they refer to outlives the
  /// source.
  [[nodiscard]] virtual std::unique_ptr<Source> open_scan(const plan::PlanNode& scan,
                                                          std::vector<ScanFilter> filters,
                                                          base::MemoryBudget& budget) = 0;
  /// `input` holds a PlanInputSpec; the source yields its columns. The leader alone has rows.
  [[nodiscard]] virtual std::unique_ptr<Source> open_plan_input(const plan::PlanNode& input,
                                                                base::MemoryBudget& budget) = 0;
};

}  // namespace sluice::engine
