#include "pg/source/plan_input.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/physical.h"
#include "pg/border/call.h"
#include "pg/port/column_datum.h"
#include "vector/batch_builder.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/executor.h>
#include <fmgr.h>
#include <miscadmin.h>
#include <utils/memutils.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

/// Rows of the first batch; each has twice as many as the one before.
constexpr std::uint32_t kFirstRows = 16;
/// Units: bytes of strings after which a batch has no further row.
constexpr std::size_t kStringBytesEnough = std::size_t{1} << 20;

/// Where an attribute goes. Plain, for the loop inside call().
struct Target {
  int attribute;  // from 0
  plan::DataType type;
  StoredForm form;
  vector::ColumnBuffer* column;
};

/// Says whether a decimal is NaN, so that whoever computes with the column looks for it.
bool is_nan(const Target& target, std::uint32_t row) noexcept {
  return target.type.is_decimal64()
             ? target.column->as<std::int64_t>()[row] == vector::kDecimalNan64
             : target.column->as<base::Int128>()[row] == vector::kDecimalNan128;
}

class PlanInputSource final : public engine::Source {
 public:
  PlanInputSource(const plan::PlanInputSpec& spec, PlanInput& input, base::MemoryBudget& budget);
  [[nodiscard]] engine::SourceState next(vector::Batch& out) override;
  void close() override;

 private:
  bool pull();
  bool store_row(TupleTableSlot* slot, std::uint32_t row);

  PlanInput& input_;
  vector::BatchBuilder builder_;
  std::vector<Target> targets_;
  int attributes_ = 0;  // of the node's that are read
  std::uint32_t rows_wanted_;
  bool ended_ = false;
  Strings strings_;
};

std::vector<vector::PhysicalType> physical_types(const plan::PlanInputSpec& spec) {
  std::vector<vector::PhysicalType> types;
  for (const plan::ScanColumn& column : spec.columns) {
    types.push_back(engine::physical_type_of(column.type));
  }
  return types;
}

/// From its first row on. Runs in: call().
void rewind(PlanInput& input) {
  if (input.changed != nullptr) {
    UpdateChangedParamSet(input.state, input.changed);
    bms_free(input.changed);
    input.changed = nullptr;
  }
  // A node with changed parameters is rescanned by its next ExecProcNode().
  if (input.opened && input.state->chgParam == nullptr) {
    ExecReScan(input.state);
  }
  input.opened = true;
}

PlanInputSource::PlanInputSource(const plan::PlanInputSpec& spec, PlanInput& input,
                                 base::MemoryBudget& budget)
    : input_(input), builder_(physical_types(spec), budget), rows_wanted_(kFirstRows) {
  const TupleDesc descriptor = ExecGetResultType(input.state);
  for (std::size_t i = 0; i < spec.columns.size(); ++i) {
    const plan::ScanColumn& column = spec.columns[i];
    SLUICE_CHECK(column.attribute <= descriptor->natts,
                 "a plan input has fewer columns than planned");
    const Oid type = TupleDescAttr(descriptor, column.attribute - 1)->atttypid;
    const StoredForm form = call([type] { return stored_form_of(type); });
    targets_.push_back({column.attribute - 1, column.type, form, &builder_.column(i)});
    attributes_ = std::max<int>(attributes_, column.attribute);
  }
  strings_.context = call([&input] {
    MemoryContext context =
        GenerationContextCreate(CurrentMemoryContext, "sluice plan input", ALLOCSET_DEFAULT_SIZES);
    rewind(input);
    return context;
  });
}

/// False where a value is not of its type. Runs in: call().
bool PlanInputSource::store_row(TupleTableSlot* slot, std::uint32_t row) {
  bool fits = true;
  strings_.bytes = 0;  // what a row may have it may have in every row
  for (const Target& target : targets_) {
    if (slot->tts_isnull[target.attribute]) {
      target.column->set_null(row);
      continue;
    }
    const Datum value = slot->tts_values[target.attribute];
    const bool is_decimal = target.type.kind == plan::TypeKind::kDecimal;
    fits = fits && store_datum(value, target.type, target.form, row, target.column->as<std::byte>(),
                               strings_);
    if (fits && is_decimal && is_nan(target, row)) {
      target.column->set_may_hold_nan();
    }
  }
  return fits;
}

/// Fills the builder; false where a value is not of its type. Runs in: call().
bool PlanInputSource::pull() {
  MemoryContextReset(strings_.context);
  std::size_t string_bytes = 0;
  bool fits = true;
  std::uint32_t row = 0;
  while (fits && row < rows_wanted_ && string_bytes < kStringBytesEnough) {
    CHECK_FOR_INTERRUPTS();
    TupleTableSlot* slot = ExecProcNode(input_.state);
    if (TupIsNull(slot)) {
      ended_ = true;
      break;
    }
    slot_getsomeattrs(slot, attributes_);
    MemoryContext outer = MemoryContextSwitchTo(strings_.context);
    fits = store_row(slot, row++);
    MemoryContextSwitchTo(outer);
    string_bytes += strings_.bytes;
  }
  builder_.set_rows(row);
  return fits;
}

engine::SourceState PlanInputSource::next(vector::Batch& out) {
  if (ended_) {
    return engine::SourceState::kEnd;
  }
  builder_.reset();
  if (!call([this] { return pull(); })) {
    base::throw_abandon("a numeric of a plan input does not fit the type planned for it");
  }
  rows_wanted_ = std::min(2 * rows_wanted_, vector::kBatchRowsMax);
  out = builder_.view();
  return engine::SourceState::kBatch;
}

void PlanInputSource::close() {
  if (MemoryContext context = std::exchange(strings_.context, nullptr)) {
    ended_ = true;
    call([context] { MemoryContextDelete(context); });
  }
}

/// What a seat has that is not the leader.
class NoRows final : public engine::Source {
 public:
  [[nodiscard]] engine::SourceState next(vector::Batch& /*out*/) override {
    return engine::SourceState::kEnd;
  }
  void close() override {}
};

}  // namespace

std::unique_ptr<engine::Source> open_plan_input(const plan::PlanInputSpec& spec, PlanInput* input,
                                                base::MemoryBudget& budget) {
  if (input == nullptr) {
    return std::make_unique<NoRows>();
  }
  return std::make_unique<PlanInputSource>(spec, *input, budget);
}

}  // namespace sluice::pg
