// One aggregate of PostgreSQL's as nodeAgg.c runs it, without its node: transition function, sort
// for ORDER BY and DISTINCT, final function, and the AggState that the functions look at. All of it
// lives in one memory context below the current one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <executor/nodeAgg.h>
#include <nodes/execnodes.h>
#include <nodes/primnodes.h>
#include <utils/tuplesort.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// All functions below: Runs in: call(), but where it is said otherwise.
/// Shape:  one with ORDER BY or DISTINCT has one group at a time.
/// Owns:   nothing by C++'s means; dismantle_aggregate() or the end of the context frees it.
/// Source: PostgreSQL 15, src/backend/executor/nodeAgg.c
struct AggregateMachinery {
  EState* estate = nullptr;
  AggState* state = nullptr;
  AggStatePerTransData* transition = nullptr;
  AggStatePerAggData* final = nullptr;
  NullableDatum* inputs = nullptr;       // of the row at hand: the arguments, then the sort columns
  NullableDatum* direct_args = nullptr;  // of an ordered-set aggregate
  int direct_arg_count = 0;
  Tuplesortstate* sort = nullptr;  // of the one group
  bool looks_for_ties = false;     // equal values that differ, where one of them comes out
  bool has_ties = false;           // in a group that was finished
  FmgrInfo* extreme_equal =
      nullptr;                   // of a min or max that looks for ties: whether values are equal
  bool* extreme_ties = nullptr;  // of it, by group: whether its value so far has some
  AggStatePerGroupData* groups = nullptr;
  std::uint32_t group_count = 0;
  std::uint32_t group_capacity = 0;
};

/// Shape: the direct arguments are constants; whatever the other arguments are, the caller puts
///        their values into `inputs`.
[[nodiscard]] AggregateMachinery assemble_aggregate(Aggref* aggref, bool looks_for_ties);
/// There are groups 0..groups-1 now; the new ones have seen no row.
void grow_aggregate(AggregateMachinery& machinery, std::uint32_t groups);
/// The memory context for values of one row, empty again.
[[nodiscard]] MemoryContext row_context(AggregateMachinery& machinery);
/// Takes `inputs` into a group.
void advance_aggregate(AggregateMachinery& machinery, std::uint32_t group);
/// A group's result, valid until the next one is asked for. Once a group.
[[nodiscard]] NullableDatum finish_aggregate(AggregateMachinery& machinery, std::uint32_t group);
/// Forgets all groups.
void reset_aggregate(AggregateMachinery& machinery);
/// Units: bytes of the groups' states; a sort's, which spills, do not count. Raises nothing.
[[nodiscard]] std::size_t aggregate_bytes(const AggregateMachinery& machinery) noexcept;
void dismantle_aggregate(AggregateMachinery& machinery);

}  // namespace sluice::pg
