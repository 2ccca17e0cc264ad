#include "plan/placed.h"

#include <algorithm>
#include <utility>

namespace sluice::plan {

namespace {

// A column that is shown often must not multiply the distributions without end.
constexpr std::size_t kDeliveredMax = 16;

// What a row costs beside its values: hash, selection, length of the record.
constexpr double kRowBytes = 8;
// Its 16-byte view and a guess at the bytes behind it.
constexpr double kStringBytes = 32;

double width_of(const DataType& type) noexcept {
  switch (type.kind) {
    case TypeKind::kBool:
      return 1;
    case TypeKind::kInt16:
      return 2;
    case TypeKind::kInt32:
    case TypeKind::kDate:
    case TypeKind::kHandle:
      return 4;
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kTime:
    case TypeKind::kFloat64:
      return 8;
    case TypeKind::kDecimal:
      return type.is_decimal64() ? 8 : 16;
    case TypeKind::kUuid:
      return 16;
    case TypeKind::kText:
    case TypeKind::kBpchar:
    case TypeKind::kBytea:
    case TypeKind::kOpaque:
      return kStringBytes;
  }
  return kStringBytes;
}

/// Every way to name the keys in the output, added to `found`.
void rename_keys(const std::vector<std::uint32_t>& keys, const ColumnPositions& positions,
                 std::vector<std::uint32_t>& renamed_keys, std::vector<Distribution>& found) {
  if (found.size() == kDeliveredMax) {
    return;
  }
  if (renamed_keys.size() == keys.size()) {
    Distribution hashed{DistributionKind::kHashed, renamed_keys};
    if (std::find(found.begin(), found.end(), hashed) == found.end()) {
      found.push_back(std::move(hashed));
    }
    return;
  }
  for (const std::uint32_t position : positions[keys[renamed_keys.size()]]) {
    renamed_keys.push_back(position);
    rename_keys(keys, positions, renamed_keys, found);
    renamed_keys.pop_back();
  }
}

PlanNode make_exchange(ExchangeKind kind, std::vector<std::uint32_t> keys, PlanNode input,
                       double rows) {
  ExchangeSpec spec;
  spec.kind = kind;
  spec.keys = std::move(keys);
  return make_node(std::move(spec), std::move(input), rows);
}

}  // namespace

bool Placed::is_single() const noexcept {
  return std::any_of(delivered.begin(), delivered.end(), [](const Distribution& distribution) {
    return distribution.kind == DistributionKind::kSingle;
  });
}

bool Placed::co_locates(const std::vector<std::uint32_t>& columns) const {
  return std::any_of(delivered.begin(), delivered.end(),
                     [&columns](const Distribution& distribution) {
                       return plan::co_locates(distribution, columns);
                     });
}

ColumnPositions positions_of(const std::vector<std::optional<std::uint32_t>>& shown,
                             std::size_t input_columns) {
  ColumnPositions positions(input_columns);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (shown[i].has_value()) {
      positions[*shown[i]].push_back(static_cast<std::uint32_t>(i));
    }
  }
  return positions;
}

ColumnPositions positions_of(const std::vector<std::uint32_t>& shown, std::size_t input_columns) {
  return positions_of(std::vector<std::optional<std::uint32_t>>(shown.begin(), shown.end()),
                      input_columns);
}

std::vector<Distribution> renamed(const std::vector<Distribution>& delivered,
                                  const ColumnPositions& positions) {
  std::vector<Distribution> found;
  for (const Distribution& distribution : delivered) {
    if (distribution.kind == DistributionKind::kHashed) {
      std::vector<std::uint32_t> keys;
      rename_keys(distribution.keys, positions, keys, found);
    } else {
      found.push_back(distribution);
    }
  }
  return found;
}

double bytes_of(const PlanNode& node) {
  double row_bytes = kRowBytes;
  for (const DataType& type : node.output) {
    row_bytes += width_of(type);
  }
  return std::max(node.rows_estimated, 1.0) * row_bytes;
}

PlanNode make_node(NodeSpec spec, PlanNode input, double rows_estimated) {
  PlanNode node;
  node.spec = std::move(spec);
  node.inputs.push_back(std::move(input));
  node.output = derive_output(node);
  node.rows_estimated = rows_estimated;
  return node;
}

Placed gathered(Placed input) {
  const double rows = input.node.rows_estimated;
  return {make_exchange(ExchangeKind::kGather, {}, std::move(input.node), rows),
          {{DistributionKind::kSingle, {}}}};
}

Placed redistributed(Placed input, std::vector<std::uint32_t> keys) {
  const double rows = input.node.rows_estimated;
  Distribution hashed{DistributionKind::kHashed, keys};
  return {make_exchange(ExchangeKind::kRedistribute, std::move(keys), std::move(input.node), rows),
          {std::move(hashed)}};
}

Placed broadcast(Placed input, std::uint32_t computing_seats) {
  const double rows = input.node.rows_estimated * computing_seats;
  return {make_exchange(ExchangeKind::kBroadcast, {}, std::move(input.node), rows),
          {{DistributionKind::kReplicated, {}}}};
}

}  // namespace sluice::plan
