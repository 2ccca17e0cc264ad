#include "plan/join_distribution.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::plan {

namespace {

using Columns = std::vector<std::uint32_t>;

// A moved byte is written in one seat and read in another; a built one goes to memory in no order.
constexpr double kMoveCost = 2;
constexpr double kBuildCost = 2;

/// Where the rows of both sides meet. A side with keys is moved by their hash, one without stays.
struct Meeting {
  std::optional<Columns> probe_keys;
  std::optional<Columns> build_keys;
  bool broadcast_build = false;
  double cost = 0;
};

/// The keys of the other side that `keys` are compared with; nothing where one is no join key.
std::optional<Columns> partners(const Columns& keys, const Columns& side, const Columns& other) {
  Columns found;
  for (const std::uint32_t key : keys) {
    const auto at = std::find(side.begin(), side.end(), key);
    if (at == side.end()) {
      return std::nullopt;
    }
    found.push_back(other[static_cast<std::size_t>(at - side.begin())]);
  }
  return found;
}

bool is_hashed_by(const Placed& side, const Columns& keys) {
  const Distribution wanted{DistributionKind::kHashed, keys};
  return std::find(side.delivered.begin(), side.delivered.end(), wanted) != side.delivered.end();
}

class MeetingChoice {
 public:
  MeetingChoice(const HashJoinSpec& join, const Placed& probe, const Placed& build,
                const JoinCosts& costs)
      : join_(join),
        probe_(probe),
        build_(build),
        costs_(costs),
        probe_bytes_(bytes_of(probe.node)),
        build_bytes_(bytes_of(build.node)) {}

  [[nodiscard]] Meeting choose() {
    best_.probe_keys = join_.probe_keys;
    best_.build_keys = join_.build_keys;
    best_.cost = kMoveCost * (probe_bytes_ + build_bytes_) + kBuildCost * build_bytes_;
    if (!keeps_build(join_.type)) {
      consider_broadcast();
    }
    consider_where_probe_is();
    consider_where_build_is();
    return best_;
  }

 private:
  void consider(Meeting meeting) {
    if (meeting.cost < best_.cost) {
      best_ = std::move(meeting);
    }
  }

  void consider_broadcast() {
    if (build_bytes_ > static_cast<double>(costs_.broadcast_bytes_max)) {
      return;
    }
    Meeting meeting;
    meeting.broadcast_build = true;
    meeting.cost = (kMoveCost + kBuildCost) * build_bytes_ * costs_.computing_seats;
    consider(std::move(meeting));
  }

  void consider_where_probe_is() {
    for (const Distribution& hashed : probe_.delivered) {
      auto keys = partners(hashed.keys, join_.probe_keys, join_.build_keys);
      if (hashed.kind != DistributionKind::kHashed || !keys.has_value()) {
        continue;
      }
      Meeting meeting;
      meeting.cost = kBuildCost * build_bytes_;
      if (!is_hashed_by(build_, *keys)) {
        meeting.cost += kMoveCost * build_bytes_;
        meeting.build_keys = std::move(keys);
      }
      consider(std::move(meeting));
    }
  }

  void consider_where_build_is() {
    for (const Distribution& hashed : build_.delivered) {
      auto keys = partners(hashed.keys, join_.build_keys, join_.probe_keys);
      if (hashed.kind != DistributionKind::kHashed || !keys.has_value()) {
        continue;
      }
      Meeting meeting;
      meeting.cost = kBuildCost * build_bytes_ + kMoveCost * probe_bytes_;
      meeting.probe_keys = std::move(keys);
      consider(std::move(meeting));
    }
  }

  const HashJoinSpec& join_;
  const Placed& probe_;
  const Placed& build_;
  const JoinCosts& costs_;
  double probe_bytes_;
  double build_bytes_;
  Meeting best_;
};

/// Where the join shows the columns of its sides. Where all rows that come out are pairs, a key is
/// shown wherever its partner is, for they are equal and hash alike.
ColumnPositions joined_positions(const HashJoinSpec& join, std::size_t probe_columns,
                                 std::size_t build_columns) {
  ColumnPositions positions = positions_of(join.outputs, probe_columns + build_columns);
  if (join.type != JoinType::kInner) {
    return positions;
  }
  for (std::size_t k = 0; k < join.probe_keys.size(); ++k) {
    Columns& probe = positions[join.probe_keys[k]];
    Columns& build = positions[probe_columns + join.build_keys[k]];
    Columns both = probe;
    both.insert(both.end(), build.begin(), build.end());
    std::sort(both.begin(), both.end());
    both.erase(std::unique(both.begin(), both.end()), both.end());
    probe = both;
    build = std::move(both);
  }
  return positions;
}

}  // namespace

Placed place_join(PlanNode join, Placed probe, Placed build, const JoinCosts& costs) {
  const HashJoinSpec& spec = *join.as<HashJoinSpec>();
  Meeting meeting = MeetingChoice(spec, probe, build, costs).choose();
  if (meeting.probe_keys.has_value()) {
    probe = redistributed(std::move(probe), std::move(*meeting.probe_keys));
  }
  if (meeting.build_keys.has_value()) {
    build = redistributed(std::move(build), std::move(*meeting.build_keys));
  }
  if (meeting.broadcast_build) {
    build = broadcast(std::move(build), costs.computing_seats);
  }
  const std::size_t probe_columns = probe.node.output.size();
  const ColumnPositions positions = joined_positions(spec, probe_columns, build.node.output.size());
  // A joined row is where its probe row was, and where its build row was if that was one seat. The
  // NULLs of a row without a match tell nothing.
  std::vector<Distribution> met;
  if (!extends_build(spec.type)) {
    met = std::move(probe.delivered);
  }
  for (Distribution& hashed : build.delivered) {
    if (hashed.kind == DistributionKind::kHashed && !extends_probe(spec.type)) {
      for (std::uint32_t& key : hashed.keys) {
        key += static_cast<std::uint32_t>(probe_columns);
      }
      met.push_back(std::move(hashed));
    }
  }
  std::vector<Distribution> delivered = renamed(met, positions);
  join.inputs.push_back(std::move(probe.node));
  join.inputs.push_back(std::move(build.node));
  return {std::move(join), std::move(delivered)};
}

}  // namespace sluice::plan
