#include "engine/foreign_aggregate.h"

#include "base/error.h"

namespace sluice::engine {

namespace {

ForeignAggregateMaker aggregate_maker = nullptr;

}  // namespace

void set_foreign_aggregate_maker(ForeignAggregateMaker maker) noexcept { aggregate_maker = maker; }

std::unique_ptr<ForeignAggregate> make_foreign_aggregate(const plan::AggregateCall& call,
                                                         std::span<const plan::DataType> args) {
  if (aggregate_maker == nullptr) {
    base::throw_internal("nobody computes foreign aggregates here");
  }
  return aggregate_maker(call, args);
}

}  // namespace sluice::engine
