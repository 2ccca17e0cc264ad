// The ids that more than one room speaks of.
#pragma once

#include <cstdint>

#include "base/strong_id.h"

namespace sluice::base {

/// One participating process of a query: 0 is the leader, 1..N are workers.
using SeatIndex = StrongId<struct SeatIndexTag, std::uint16_t>;
/// One logical stream: one DsmExchange of a plan, from 0.
using StreamId = StrongId<struct StreamIdTag, std::uint16_t>;
/// A plan node in preorder, from 0; indexes counters.
using NodeId = StrongId<struct NodeIdTag, std::uint16_t>;
/// The generation of a query's streams; the first is 1, a rescan starts the next.
using Epoch = StrongId<struct EpochTag, std::uint32_t>;

inline constexpr SeatIndex kLeaderSeat{0};
/// A set of seats is a 64-bit word.
inline constexpr std::uint16_t kSeatsMax = 64;

}  // namespace sluice::base
