#include "plan/print.h"

#include <utility>

#include "base/cut_text.h"

namespace sluice::plan {

namespace {

using Names = std::vector<std::string>;
using Columns = std::vector<std::uint32_t>;
using Details = std::vector<PlanDetail>;

// Projections of projections would otherwise double a name at every level.
constexpr std::size_t kNameBytesMax = 200;

std::string shortened(std::string name) {
  if (name.size() > kNameBytesMax) {
    name.resize(base::cut_text(name, kNameBytesMax - 3).size());
    name += "...";
  }
  return name;
}

std::string name_at(const Names& names, std::size_t column) {
  return column < names.size() ? names[column] : "$" + std::to_string(column);
}

Names names_at(const Names& names, const Columns& columns) {
  Names picked;
  for (const std::uint32_t column : columns) {
    picked.push_back(name_at(names, column));
  }
  return picked;
}

std::string joined(const Names& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) {
    text += (text.empty() ? "" : separator) + part;
  }
  return text;
}

Names names_of(const std::vector<ScanColumn>& columns) {
  Names names;
  for (const ScanColumn& column : columns) {
    names.push_back(column.name);
  }
  return names;
}

/// Of all columns of the inputs, one after the other: what conditions and outputs of a node refer
/// to.
Names input_names(const PlanNode& node) {
  Names names;
  for (const PlanNode& input : node.inputs) {
    for (std::string& name : column_names(input)) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

std::string conditions_text(const std::vector<Expr>& conjuncts, const Names& names) {
  Names parts;
  for (const Expr& conjunct : conjuncts) {
    parts.push_back(to_string(conjunct, names));
  }
  return parts.size() == 1 ? parts.front() : "(" + joined(parts, " AND ") + ")";
}

void add_conditions(Details& details, const char* label, const std::vector<Expr>& conjuncts,
                    const Names& names) {
  if (!conjuncts.empty()) {
    details.push_back({label, conditions_text(conjuncts, names)});
  }
}

std::string join_condition(const PlanNode& node, const HashJoinSpec& join, const Names& names) {
  const std::size_t probe_columns = node.inputs[0].output.size();
  Names parts;
  for (std::size_t k = 0; k < join.probe_keys.size(); ++k) {
    parts.push_back("(" + name_at(names, join.probe_keys[k]) + " = " +
                    name_at(names, probe_columns + join.build_keys[k]) + ")");
  }
  return parts.size() == 1 ? parts.front() : "(" + joined(parts, " AND ") + ")";
}

std::string sort_text(const TopKSpec& top_k, const Names& names) {
  Names parts;
  for (const SortKey& key : top_k.keys) {
    std::string part = name_at(names, key.column) + (key.descending ? " DESC" : "");
    if (key.nulls_first != key.descending) {
      part += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
    }
    parts.push_back(std::move(part));
  }
  return joined(parts, ", ");
}

std::string foreign_name(const ForeignAggregateSpec& foreign, const Names& names) {
  std::string text = foreign.definition.substr(0, foreign.definition.find('\0'));
  text += text.ends_with(' ') ? "" : "(";  // or "count(DISTINCT "
  text += joined(names_at(names, foreign.arguments), ", ") + ")";
  if (foreign.filter.has_value()) {
    text += " FILTER (WHERE " + name_at(names, *foreign.filter) + ")";
  }
  return text;
}

std::string call_name(const AggregateCall& call, AggregatePhase phase, const Names& names) {
  if (phase == AggregatePhase::kFinal) {
    return name_at(names, call.column);  // the state, which partial has named after its call
  }
  switch (call.function) {
    case AggregateFunction::kCountStar:
      return "count(*)";
    case AggregateFunction::kCount:
      return "count(" + name_at(names, call.column) + ")";
    case AggregateFunction::kSum:
      return "sum(" + name_at(names, call.column) + ")";
    case AggregateFunction::kMin:
      return "min(" + name_at(names, call.column) + ")";
    case AggregateFunction::kMax:
      return "max(" + name_at(names, call.column) + ")";
    case AggregateFunction::kTotalCount:
    case AggregateFunction::kTotalSum:
      return "total(" + name_at(names, call.column) + ")";
    case AggregateFunction::kForeign:
      return foreign_name(call.foreign, names);
  }
  return "?";
}

Names call_names(const AggregateSpec& aggregate, const Names& names) {
  Names calls;
  for (const AggregateCall& call : aggregate.calls) {
    calls.push_back(shortened(call_name(call, aggregate.phase, names)));
  }
  return calls;
}

std::string aggregate_name(const AggregateSpec& aggregate) {
  const char* name = aggregate.group_keys.empty() ? "Aggregate" : "HashAggregate";
  switch (aggregate.phase) {
    case AggregatePhase::kPartial:
      return std::string("Partial ") + name;
    case AggregatePhase::kFinal:
      return std::string("Final ") + name;
    case AggregatePhase::kSingle:
      break;
  }
  return name;
}

std::string exchange_name(ExchangeKind kind) {
  switch (kind) {
    case ExchangeKind::kGather:
      return "Exchange Gather";
    case ExchangeKind::kRedistribute:
      return "Exchange Redistribute";
    case ExchangeKind::kBroadcast:
      return "Exchange Broadcast";
  }
  return "Exchange";
}

std::string join_name(JoinType type) {
  switch (type) {
    case JoinType::kInner:
      break;
    case JoinType::kLeft:
      return "Hash Left Join";
    case JoinType::kRight:
      return "Hash Right Join";
    case JoinType::kFull:
      return "Hash Full Join";
    case JoinType::kSemi:
      return "Hash Semi Join";
    case JoinType::kAnti:
      return "Hash Anti Join";
    case JoinType::kRightSemi:
      return "Hash Right Semi Join";
    case JoinType::kRightAnti:
      return "Hash Right Anti Join";
  }
  return "Hash Join";
}

struct OperatorName {
  std::string operator()(const ScanSpec& /*scan*/) const { return "Seq Scan"; }
  std::string operator()(const PlanInputSpec& /*input*/) const { return "Plan Input"; }
  std::string operator()(const FilterSpec& /*filter*/) const { return "Filter"; }
  std::string operator()(const ProjectSpec& /*project*/) const { return "Project"; }
  std::string operator()(const HashJoinSpec& join) const { return join_name(join.type); }
  std::string operator()(const AggregateSpec& aggregate) const { return aggregate_name(aggregate); }
  std::string operator()(const TopKSpec& /*top_k*/) const { return "Top-K"; }
  std::string operator()(const LimitSpec& /*limit*/) const { return "Limit"; }
  std::string operator()(const ExchangeSpec& exchange) const {
    return exchange_name(exchange.kind);
  }
};

struct NodeDetails {
  const PlanNode& node;
  Names names;  // of the inputs' columns

  Details operator()(const ScanSpec& scan) const {
    Details details;
    add_conditions(details, "Filter", scan.filters, names_of(scan.columns));
    return details;
  }
  Details operator()(const PlanInputSpec& /*input*/) const { return {}; }
  Details operator()(const FilterSpec& filter) const {
    Details details;
    add_conditions(details, "Filter", filter.conjuncts, names);
    return details;
  }
  Details operator()(const ProjectSpec& /*project*/) const {
    return {{"Output", joined(column_names(node), ", ")}};
  }
  Details operator()(const HashJoinSpec& join) const {
    Details details{{"Hash Cond", join_condition(node, join, names)}};
    add_conditions(details, "Join Filter", join.residual, names);
    return details;
  }
  Details operator()(const AggregateSpec& aggregate) const {
    Details details;
    if (!aggregate.group_keys.empty()) {
      details.push_back({"Group Key", joined(names_at(names, aggregate.group_keys), ", ")});
    }
    if (!aggregate.calls.empty()) {
      details.push_back({"Aggregates", joined(call_names(aggregate, names), ", ")});
    }
    return details;
  }
  Details operator()(const TopKSpec& top_k) const {
    return {{"Sort Key", sort_text(top_k, names)}, {"Rows", std::to_string(top_k.limit)}};
  }
  Details operator()(const LimitSpec& limit) const {
    return {{"Rows", std::to_string(limit.limit)}};
  }
  Details operator()(const ExchangeSpec& exchange) const {
    if (exchange.keys.empty()) {
      return {};
    }
    return {{"Hash Key", joined(names_at(names, exchange.keys), ", ")}};
  }
};

void print_below(const PlanNode& node, std::size_t indent, std::string& text) {
  text += std::string(indent * 2, ' ') + describe(node) + "\n";
  for (const PlanNode& input : node.inputs) {
    print_below(input, indent + 1, text);
  }
}

}  // namespace

std::string operator_name(const PlanNode& node) { return std::visit(OperatorName{}, node.spec); }

std::string title(const PlanNode& node) {
  std::string text = operator_name(node);
  if (const auto* scan = node.as<ScanSpec>()) {
    text += " on " + scan->name;
  } else if (const auto* input = node.as<PlanInputSpec>()) {
    text += " " + std::to_string(input->number + 1) + ": " + input->name;
  } else if (const auto* exchange = node.as<ExchangeSpec>()) {
    text += " stream " + std::to_string(exchange->stream.value());
  }
  return text;
}

std::vector<PlanDetail> details(const PlanNode& node) {
  return std::visit(NodeDetails{node, input_names(node)}, node.spec);
}

std::string describe(const PlanNode& node) {
  Names parts;
  for (const PlanDetail& detail : details(node)) {
    parts.push_back(detail.label + ": " + detail.text);
  }
  return title(node) + (parts.empty() ? "" : "  [" + joined(parts, "; ") + "]");
}

std::string to_string(const PlanSpec& plan) {
  std::string text;
  print_below(plan.root, 0, text);
  return text;
}

std::vector<std::string> column_names(const PlanNode& node) {
  if (const auto* scan = node.as<ScanSpec>()) {
    return names_at(names_of(scan->columns), scan->outputs);
  }
  if (const auto* input = node.as<PlanInputSpec>()) {
    return names_of(input->columns);
  }
  Names names = input_names(node);
  if (const auto* join = node.as<HashJoinSpec>()) {
    return names_at(names, join->outputs);
  }
  if (const auto* project = node.as<ProjectSpec>()) {
    Names computed;
    for (const Expr& expr : project->exprs) {
      computed.push_back(shortened(to_string(expr, names)));
    }
    return computed;
  }
  if (const auto* aggregate = node.as<AggregateSpec>()) {
    Names results = names_at(names, aggregate->group_keys);
    for (std::string& call : call_names(*aggregate, names)) {
      results.push_back(std::move(call));
    }
    return results;
  }
  return names;
}

}  // namespace sluice::plan
