// A DsmExchange as consumer: it never runs its input, it requests the stream and reads it.
#pragma once

#include "engine/source.h"
#include "exchange/stream_input.h"
#include "plan/plan_spec.h"
#include "vector/page.h"

namespace sluice::engine {

/// Starts its stream with the first next() and reads each record in place under its lease.
/// Errors: kPeer when a producer failed; kCorrupt for a record that is no page of these types.
/// Owns:   nothing; `input` outlives it and is closed by close().
class ExchangeSource final : public Source {
 public:
  ExchangeSource(const plan::PlanNode& node, exchange::StreamInput& input);
  [[nodiscard]] SourceState next(vector::Batch& out) override;
  void close() override;

 private:
  exchange::StreamInput& input_;
  vector::PageReader reader_;
  bool leased_ = false;
};

}  // namespace sluice::engine
