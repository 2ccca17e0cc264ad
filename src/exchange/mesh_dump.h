// The state of a query's exchange as text: what to look at when seats hang.
#pragma once

#include <string>

#include "exchange/mesh.h"

namespace sluice::exchange {

/// Membership, epoch, first error; bells and state of every seat; words, positions and counters of
/// every physical stream that was ever spoken of. Reads shared words only and changes nothing, so
/// any process may ask at any time; what is read is no snapshot.
/// Shape: a line a seat and a line a stream.
[[nodiscard]] std::string dump_mesh(Mesh& mesh);

}  // namespace sluice::exchange
