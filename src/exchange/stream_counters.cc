#include "exchange/stream_counters.h"

namespace sluice::exchange {

StreamCounters read_counters(const PhysicalStream& stream) noexcept {
  // Pairs with the relaxed stores in count(): each value is whole, together they are no snapshot.
  auto load = [](const SharedWord& word) { return word.load(std::memory_order_relaxed); };
  StreamCounters counters;
  counters.records = load(stream.producer.records);
  counters.rows = load(stream.producer.rows);
  counters.bytes = load(stream.producer.bytes);
  counters.stalls = load(stream.producer.stalls);
  counters.wakes = load(stream.producer.wakes) + load(stream.consumer.wakes);
  counters.starts = static_cast<std::uint32_t>(load(stream.producer.starts));
  return counters;
}

}  // namespace sluice::exchange
