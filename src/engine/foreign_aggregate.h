// Aggregates that somebody else computes: what the engine has no kernel for. The engine knows
// neither their text nor who it is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/expr_node.h"
#include "plan/plan_spec.h"

namespace sluice::engine {

/// The states of one call of one operator, one a group. Single-threaded.
/// Errors: of all methods: whatever the aggregate raises; kAbandon where that, or a result, is not
///         for the engine to say.
class ForeignAggregate {
 public:
  ForeignAggregate() = default;
  ForeignAggregate(const ForeignAggregate&) = delete;
  ForeignAggregate& operator=(const ForeignAggregate&) = delete;
  /// Frees nothing that close() has left.
  virtual ~ForeignAggregate() = default;

  /// There are groups 0..groups-1 now; the new ones have seen no row.
  virtual void grow(std::uint32_t groups) = 0;
  /// Takes row rows[i] of the arguments into group groups[i], for i = 0..count-1, in this order.
  virtual void add(std::span<const vector::ColumnView> args, const vector::RowIndex* rows,
                   const std::uint32_t* groups, std::uint32_t count) = 0;
  /// Writes the results of `count` groups from `first` on to rows 0..count-1 of `result`. Once a
  /// group.
  /// Shape: a string of `result` is valid until the next call.
  virtual void finish(std::uint32_t first, std::uint32_t count, const ValueBuffer& result) = 0;
  /// Forgets all groups and their rows.
  virtual void reset() = 0;
  /// Units: bytes that the states hold now.
  [[nodiscard]] virtual std::size_t memory_bytes() const noexcept = 0;
  /// Gives back whatever it holds. The last call; what no one closed dies with the query.
  virtual void close() = 0;
};

/// `call` is a kForeign one, `args` are the types of its arguments.
using ForeignAggregateMaker = std::unique_ptr<ForeignAggregate> (*)(
    const plan::AggregateCall& call, std::span<const plan::DataType> args);

/// Sets who makes them in this process. Set once, before queries run.
void set_foreign_aggregate_maker(ForeignAggregateMaker maker) noexcept;

/// Errors: those of the maker; kInternal where there is none.
[[nodiscard]] std::unique_ptr<ForeignAggregate> make_foreign_aggregate(
    const plan::AggregateCall& call, std::span<const plan::DataType> args);

}  // namespace sluice::engine
