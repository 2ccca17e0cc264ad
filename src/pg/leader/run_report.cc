#include "pg/leader/run_report.h"

#include <algorithm>

namespace sluice::pg {

void RunReport::add_seat(std::span<const engine::NodeCounters> seat) {
  nodes.resize(std::max(nodes.size(), seat.size()));
  for (std::size_t i = 0; i < seat.size(); ++i) {
    nodes[i].rows += seat[i].rows;
    nodes[i].batches += seat[i].batches;
    nodes[i].rows_removed += seat[i].rows_removed;
    nodes[i].memory_bytes_peak = std::max(nodes[i].memory_bytes_peak, seat[i].memory_bytes_peak);
    nodes[i].groups += seat[i].groups;
    nodes[i].starts += seat[i].starts;
    nodes[i].rows_removed_at_run_time += seat[i].rows_removed_at_run_time;
  }
}

void RunReport::add_streams(const exchange::Mesh& mesh, std::uint16_t stream_count) {
  streams.resize(std::max<std::size_t>(streams.size(), stream_count));
  const auto seat = [](std::uint16_t index) { return exchange::SeatIndex(index); };
  for (std::uint16_t stream = 0; stream < stream_count; ++stream) {
    const exchange::StreamId id(stream);
    const bool to_leader = mesh.audience(id) == exchange::StreamAudience::kLeader;
    const std::uint16_t consumers = to_leader ? std::uint16_t{1} : mesh.seats();
    for (std::uint16_t producer = 0; producer < mesh.seats(); ++producer) {
      for (std::uint16_t consumer = 0; consumer < consumers; ++consumer) {
        const exchange::StreamCounters one = mesh.counters(id, seat(producer), seat(consumer));
        exchange::StreamCounters& sum = streams[stream];
        sum.records += one.records;
        sum.rows += one.rows;
        sum.bytes += one.bytes;
        sum.stalls += one.stalls;
        sum.wakes += one.wakes;
        sum.starts += one.starts;
      }
    }
  }
}

}  // namespace sluice::pg
