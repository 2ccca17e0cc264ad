// Where the rows of a node are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::plan {

enum class DistributionKind : std::uint8_t {
  kSingle,      // all rows in one seat
  kReplicated,  // all rows in every seat
  kHashed,      // row r in the seat of hash(keys of r)
  kRandom,      // each row in some seat
};

/// Shape: `keys` are output columns, in the order in which they are hashed; kHashed only.
struct Distribution {
  DistributionKind kind = DistributionKind::kRandom;
  std::vector<std::uint32_t> keys;

  friend bool operator==(const Distribution&, const Distribution&) = default;
};

/// Whether rows that agree on `columns` (as a set) are sure to be in one seat.
[[nodiscard]] bool co_locates(const Distribution& distribution,
                              const std::vector<std::uint32_t>& columns);

[[nodiscard]] std::string to_string(const Distribution& distribution);

}  // namespace sluice::plan
