#include "plan/distribution.h"

#include <algorithm>

namespace sluice::plan {

bool co_locates(const Distribution& distribution, const std::vector<std::uint32_t>& columns) {
  switch (distribution.kind) {
    case DistributionKind::kSingle:
    case DistributionKind::kReplicated:
      return true;
    case DistributionKind::kHashed:
      return std::all_of(distribution.keys.begin(), distribution.keys.end(),
                         [&columns](std::uint32_t key) {
                           return std::find(columns.begin(), columns.end(), key) != columns.end();
                         });
    case DistributionKind::kRandom:
      return false;
  }
  return false;
}

std::string to_string(const Distribution& distribution) {
  switch (distribution.kind) {
    case DistributionKind::kSingle:
      return "single";
    case DistributionKind::kReplicated:
      return "replicated";
    case DistributionKind::kRandom:
      return "random";
    case DistributionKind::kHashed:
      break;
  }
  std::string text = "hashed(";
  for (std::size_t i = 0; i < distribution.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(distribution.keys[i]);
  }
  return text + ")";
}

}  // namespace sluice::plan
