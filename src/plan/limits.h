// Bounds that every plan keeps, so that walking, printing and decoding one costs a bounded stack
// and memory.
#pragma once

#include <cstddef>

namespace sluice::plan {

/// Levels of nodes, and of calls in one expression; a lone leaf has one level.
inline constexpr std::size_t kPlanDepthMax = 200;
inline constexpr std::size_t kExprDepthMax = 400;
/// Nodes of a plan, its exchanges included.
inline constexpr std::size_t kPlanNodesMax = 1000;
/// Output columns of a node, and columns that a scan reads.
inline constexpr std::size_t kColumnsMax = 4096;

}  // namespace sluice::plan
