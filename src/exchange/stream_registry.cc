#include "exchange/stream_registry.h"

#include <utility>

#include "base/check.h"

namespace sluice::exchange {

void StreamRegistry::add(StreamId stream, StreamProcedure& procedure) {
  if (entries_.size() <= stream.index()) {
    entries_.resize(stream.index() + 1);
  }
  Entry& entry = entries_[stream.index()];
  SLUICE_CHECK(entry.procedure == nullptr, "a stream has two procedures");
  entry.procedure = &procedure;
}

void StreamRegistry::link(StreamId stream, StreamLinks links) {
  SLUICE_CHECK(contains(stream), "a stream without a procedure is linked");
  Entry& entry = entries_[stream.index()];
  entry.links = std::move(links);
  entry.linked = true;
}

StreamProcedure& StreamRegistry::find(StreamId stream) const {
  SLUICE_CHECK(contains(stream), "a stream has no procedure");
  return *entries_[stream.index()].procedure;
}

bool StreamRegistry::contains(StreamId stream) const noexcept {
  return stream.index() < entries_.size() && entries_[stream.index()].procedure != nullptr;
}

const StreamLinks* StreamRegistry::links(StreamId stream) const noexcept {
  return contains(stream) && entries_[stream.index()].linked ? &entries_[stream.index()].links
                                                             : nullptr;
}

}  // namespace sluice::exchange
