// What the runs of one Custom Scan did, for EXPLAIN ANALYZE.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/node_counters.h"
#include "exchange/mesh.h"

namespace sluice::pg {

/// Sums over the seats and over the runs (a rescan may start a new one).
struct RunReport {
  bool ran = false;
  unsigned workers_launched = 0;                  // by the last run
  std::vector<engine::NodeCounters> nodes;        // by NodeId
  std::vector<exchange::StreamCounters> streams;  // by StreamId

  void add_seat(std::span<const engine::NodeCounters> seat);
  void add_streams(const exchange::Mesh& mesh, std::uint16_t stream_count);
};

}  // namespace sluice::pg
