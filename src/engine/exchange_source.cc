#include "engine/exchange_source.h"

#include "base/check.h"
#include "engine/physical.h"

namespace sluice::engine {

ExchangeSource::ExchangeSource(const plan::PlanNode& node, exchange::StreamInput& input)
    : input_(input), reader_(physical_types_of(node.output)) {}

SourceState ExchangeSource::next(vector::Batch& out) {
  input_.start();
  if (leased_) {
    leased_ = false;
    input_.release();
  }
  exchange::RecordView record;
  switch (input_.next(record)) {
    case exchange::InputState::kEmpty:
      return SourceState::kBlocked;
    case exchange::InputState::kEnd:
      return SourceState::kEnd;
    case exchange::InputState::kRecord:
      break;
  }
  leased_ = true;
  out = reader_.open(record.payload);
  SLUICE_CHECK_BYTES(out.count() == record.rows, "page and record differ in their rows");
  return SourceState::kBatch;
}

void ExchangeSource::close() {
  if (leased_) {
    leased_ = false;
    input_.release();
  }
  input_.close();
}

}  // namespace sluice::engine
