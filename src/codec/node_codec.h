// Plan nodes as bytes, a node before its inputs. What follows from a node is not written: its id is
// its place, its output types are derived, the number of its inputs is its kind's.
#pragma once

#include "codec/byte_reader.h"
#include "codec/byte_writer.h"
#include "plan/plan_spec.h"

namespace sluice::codec {

void encode_node(const plan::PlanNode& node, ByteWriter& out);

/// Shape:  outputs are derived, expressions not validated yet, ids not assigned.
/// Errors: kCorrupt, also beyond the bounds of plan/limits.h.
[[nodiscard]] plan::PlanNode decode_node(ByteReader& in);

}  // namespace sluice::codec
