#include "codec/node_codec.h"

#include <utility>

#include "codec/expr_codec.h"
#include "codec/plan_format.h"
#include "plan/limits.h"

namespace sluice::codec {

using plan::AggregateSpec;
using plan::ExchangeSpec;
using plan::FilterSpec;
using plan::HashJoinSpec;
using plan::LimitSpec;
using plan::NodeSpec;
using plan::PlanInputSpec;
using plan::PlanNode;
using plan::ProjectSpec;
using plan::ScanSpec;
using plan::TopKSpec;

namespace {

constexpr std::size_t kScanColumnBytesMin = 9;  // attribute, type, empty name
constexpr std::size_t kCallBytes = 8;
constexpr std::size_t kSortKeyBytes = 6;

template <typename Enum>
void encode_enum(Enum value, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(value));
}

class SpecEncoder {
 public:
  explicit SpecEncoder(ByteWriter& out) noexcept : out_(out) {}

  void operator()(const ScanSpec& scan) const {
    encode_enum(NodeTag::kScan, out_);
    out_.u32(scan.relation);
    out_.u32(scan.range_index);
    out_.string(scan.name);
    encode_columns(scan.columns);
    encode_exprs(scan.filters, out_);
    out_.columns(scan.outputs);
  }
  void operator()(const PlanInputSpec& input) const {
    encode_enum(NodeTag::kPlanInput, out_);
    out_.u32(input.number);
    out_.string(input.name);
    encode_columns(input.columns);
  }
  void operator()(const FilterSpec& filter) const {
    encode_enum(NodeTag::kFilter, out_);
    encode_exprs(filter.conjuncts, out_);
  }
  void operator()(const ProjectSpec& project) const {
    encode_enum(NodeTag::kProject, out_);
    encode_exprs(project.exprs, out_);
  }
  void operator()(const HashJoinSpec& join) const {
    encode_enum(NodeTag::kHashJoin, out_);
    encode_enum(join.type, out_);
    out_.columns(join.probe_keys);
    out_.columns(join.build_keys);
    encode_exprs(join.residual, out_);
    out_.columns(join.outputs);
  }
  void operator()(const AggregateSpec& aggregate) const {
    encode_enum(NodeTag::kAggregate, out_);
    encode_enum(aggregate.phase, out_);
    out_.columns(aggregate.group_keys);
    out_.count(aggregate.calls.size());
    for (const plan::AggregateCall& call : aggregate.calls) {
      encode_enum(call.function, out_);
      out_.u32(call.column);
      encode_type(call.result, out_);
      if (plan::is_foreign(call)) {
        encode_foreign(call.foreign);
      }
    }
  }
  void operator()(const TopKSpec& top_k) const {
    encode_enum(NodeTag::kTopK, out_);
    out_.count(top_k.keys.size());
    for (const plan::SortKey& key : top_k.keys) {
      out_.u32(key.column);
      out_.flag(key.descending);
      out_.flag(key.nulls_first);
    }
    out_.u64(top_k.limit);
  }
  void operator()(const LimitSpec& limit) const {
    encode_enum(NodeTag::kLimit, out_);
    out_.u64(limit.limit);
  }
  void operator()(const ExchangeSpec& exchange) const {
    encode_enum(NodeTag::kExchange, out_);
    out_.u16(exchange.stream.value());
    encode_enum(exchange.kind, out_);
    out_.columns(exchange.keys);
  }

 private:
  void encode_foreign(const plan::ForeignAggregateSpec& foreign) const {
    out_.string(foreign.definition);
    out_.columns(foreign.arguments);
    out_.flag(foreign.filter.has_value());
    if (foreign.filter.has_value()) {
      out_.u32(*foreign.filter);
    }
    encode_enum(foreign.order, out_);
    out_.flag(foreign.keeps_rows);
    out_.flag(foreign.errors_abandon);
  }
  void encode_columns(const std::vector<plan::ScanColumn>& columns) const {
    out_.count(columns.size());
    for (const plan::ScanColumn& column : columns) {
      out_.u16(static_cast<std::uint16_t>(column.attribute));
      encode_type(column.type, out_);
      out_.string(column.name);
    }
  }

  ByteWriter& out_;
};

std::vector<plan::ScanColumn> decode_scan_columns(ByteReader& in) {
  const std::size_t count = in.count(kScanColumnBytesMin);
  SLUICE_CHECK_BYTES(count <= plan::kColumnsMax, "encoded plan: too many columns");
  std::vector<plan::ScanColumn> columns;
  for (std::size_t i = 0; i < count; ++i) {
    plan::ScanColumn column;
    column.attribute = static_cast<std::int16_t>(in.u16());
    column.type = decode_type(in);
    column.name = in.string();
    columns.push_back(std::move(column));
  }
  return columns;
}

PlanInputSpec decode_plan_input(ByteReader& in) {
  PlanInputSpec input;
  input.number = in.u32();
  input.name = in.string();
  input.columns = decode_scan_columns(in);
  return input;
}

ScanSpec decode_scan(ByteReader& in) {
  ScanSpec scan;
  scan.relation = in.u32();
  scan.range_index = in.u32();
  scan.name = in.string();
  scan.columns = decode_scan_columns(in);
  scan.filters = decode_exprs(in);
  scan.outputs = in.columns();
  return scan;
}

HashJoinSpec decode_join(ByteReader& in) {
  HashJoinSpec join;
  join.type = in.enumerator(plan::JoinType::kRightAnti);
  join.probe_keys = in.columns();
  join.build_keys = in.columns();
  join.residual = decode_exprs(in);
  join.outputs = in.columns();
  return join;
}

plan::ForeignAggregateSpec decode_foreign(ByteReader& in) {
  plan::ForeignAggregateSpec foreign;
  foreign.definition = in.string();
  foreign.arguments = in.columns();
  if (in.flag()) {
    foreign.filter = in.u32();
  }
  foreign.order = in.enumerator(plan::RowOrder::kScan);
  foreign.keeps_rows = in.flag();
  foreign.errors_abandon = in.flag();
  return foreign;
}

AggregateSpec decode_aggregate(ByteReader& in) {
  AggregateSpec aggregate;
  aggregate.phase = in.enumerator(plan::AggregatePhase::kFinal);
  aggregate.group_keys = in.columns();
  const std::size_t calls = in.count(kCallBytes);
  for (std::size_t i = 0; i < calls; ++i) {
    plan::AggregateCall call;
    call.function = in.enumerator(plan::AggregateFunction::kForeign);
    call.column = in.u32();
    call.result = decode_type(in);
    if (plan::is_foreign(call)) {
      call.foreign = decode_foreign(in);
    }
    aggregate.calls.push_back(std::move(call));
  }
  return aggregate;
}

TopKSpec decode_top_k(ByteReader& in) {
  TopKSpec top_k;
  const std::size_t keys = in.count(kSortKeyBytes);
  for (std::size_t i = 0; i < keys; ++i) {
    plan::SortKey key;
    key.column = in.u32();
    key.descending = in.flag();
    key.nulls_first = in.flag();
    top_k.keys.push_back(key);
  }
  top_k.limit = in.u64();
  return top_k;
}

ExchangeSpec decode_exchange(ByteReader& in) {
  ExchangeSpec exchange;
  exchange.stream = plan::StreamId(in.u16());
  exchange.kind = in.enumerator(plan::ExchangeKind::kBroadcast);
  exchange.keys = in.columns();
  return exchange;
}

/// A spec, and how many inputs follow it.
struct DecodedSpec {
  NodeSpec spec;
  std::size_t inputs = 1;
};

DecodedSpec decode_spec(ByteReader& in) {
  switch (static_cast<NodeTag>(in.u8())) {
    case NodeTag::kScan:
      return {decode_scan(in), 0};
    case NodeTag::kFilter:
      return {FilterSpec{decode_exprs(in)}};
    case NodeTag::kProject:
      return {ProjectSpec{decode_exprs(in)}};
    case NodeTag::kHashJoin:
      return {decode_join(in), 2};
    case NodeTag::kAggregate:
      return {decode_aggregate(in)};
    case NodeTag::kTopK:
      return {decode_top_k(in)};
    case NodeTag::kLimit:
      return {LimitSpec{in.u64()}};
    case NodeTag::kExchange:
      return {decode_exchange(in)};
    case NodeTag::kPlanInput:
      return {decode_plan_input(in), 0};
  }
  base::throw_corrupt("encoded plan: unknown node");
}

class NodeDecoder {
 public:
  explicit NodeDecoder(ByteReader& in) noexcept : in_(in) {}

  PlanNode decode(std::size_t depth) {
    SLUICE_CHECK_BYTES(depth <= plan::kPlanDepthMax, "encoded plan: nested too deeply");
    SLUICE_CHECK_BYTES(nodes_ < plan::kPlanNodesMax, "encoded plan: too many nodes");
    ++nodes_;
    PlanNode node;
    node.rows_estimated = in_.f64();
    DecodedSpec decoded = decode_spec(in_);
    node.spec = std::move(decoded.spec);
    for (std::size_t i = 0; i < decoded.inputs; ++i) {
      node.inputs.push_back(decode(depth + 1));
    }
    node.output = plan::derive_output(node);
    return node;
  }

 private:
  ByteReader& in_;
  std::size_t nodes_ = 0;
};

}  // namespace

void encode_node(const PlanNode& node, ByteWriter& out) {
  out.f64(node.rows_estimated);
  std::visit(SpecEncoder(out), node.spec);
  for (const PlanNode& input : node.inputs) {
    encode_node(input, out);
  }
}

PlanNode decode_node(ByteReader& in) { return NodeDecoder(in).decode(1); }

}  // namespace sluice::codec
