#include "pg/leader/explain_document.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "pg/border/pg_include.h"
#include "plan/print.h"

SLUICE_PG_HEADERS_BEGIN
#include <lib/stringinfo.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

constexpr const char* kPlanLabel = "Sluice Plan";
constexpr const char* kInputsLabel = "Inputs";
constexpr const char* kOperatorLabel = "Operator";
constexpr int kNodeIndent =
    3;  // what PostgreSQL adds from a node to its children, in double blanks

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

/// Estimates may be more than any integer type holds.
std::string whole_number(double number) {
  std::array<char, std::numeric_limits<double>::max_exponent10 + 3> text;
  return {text.data(),
          std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed, 0)
              .ptr};
}

std::uint64_t kilobytes(std::uint64_t bytes) { return (bytes + 1023) / 1024; }

}  // namespace

ExplainDocument::ExplainDocument(const LeaderScan& scan, const ExplainState& options)
    : text_format_(options.format == EXPLAIN_FORMAT_TEXT),
      analyze_(options.analyze),
      costs_(options.costs),
      verbose_(options.verbose) {
  if (analyze_) {
    report_ = scan.report();
  }
  const plan::PlanSpec& plan = scan.plan().plan;
  if (scan.plan().workers_planned > 0) {
    add_integer("Workers Planned", scan.plan().workers_planned);
    if (analyze_ && report_.ran) {
      add_integer("Workers Launched", report_.workers_launched);
    }
  }
  if (scan.abandoned()) {
    add_text("Abandoned", scan.abandon_reason());
  }
  filters_ = plan::runtime_filters(plan.root);
  for (const plan::PlanNode* exchange : plan::collect_dsm_exchanges(plan.root)) {
    const auto more = plan::runtime_filters(exchange->inputs[0]);
    filters_.insert(filters_.end(), more.begin(), more.end());
  }
  for (const plan::SharedFilterSpec& set : plan::shared_filters(plan.root)) {
    filters_.insert(filters_.end(), set.scans.begin(), set.scans.end());
  }
  if (text_format_) {
    add_node(plan.root, 0);
    return;
  }
  open(kPlanLabel, true);
  add_node_properties(plan.root);
  close(kPlanLabel, true);
}

const engine::NodeCounters* ExplainDocument::counters(const plan::PlanNode& node) const {
  return node.id.index() < report_.nodes.size() ? &report_.nodes[node.id.index()] : nullptr;
}

const exchange::StreamCounters* ExplainDocument::stream(const plan::PlanNode& node) const {
  const auto* exchange = node.as<plan::ExchangeSpec>();
  return exchange != nullptr && exchange->stream.index() < report_.streams.size()
             ? &report_.streams[exchange->stream.index()]
             : nullptr;
}

std::vector<std::string> ExplainDocument::runtime_filters(const plan::PlanNode& node) const {
  std::vector<std::string> texts;
  for (const plan::RuntimeFilterSpec& filter : filters_) {
    if (filter.scan == &node) {
      texts.push_back(plan::to_string(filter));
    }
  }
  return texts;
}

void ExplainDocument::add_node(const plan::PlanNode& node, int depth) {
  add_node_lines(node, depth);
  for (const plan::PlanNode& input : node.inputs) {
    add_node(input, depth + 1);
  }
}

void ExplainDocument::add_node_lines(const plan::PlanNode& node, int depth) {
  std::string line = plan::describe(node);
  if (costs_) {
    line += "  (rows=" + whole_number(node.rows_estimated) + ")";
  }
  if (analyze_) {
    line += (costs_ ? " (" : "  (") + actual_text(node) + ")";
  }
  add_line(Kind::kArrowLine, depth, std::move(line));
  if (verbose_) {
    add_line(Kind::kLine, depth, "Output: " + joined(plan::column_names(node)));
  }
  const std::vector<std::string> filters = runtime_filters(node);
  if (!filters.empty()) {
    add_line(Kind::kLine, depth, "Runtime Filter: " + joined(filters));
  }
  if (const engine::NodeCounters* done = analyze_ ? counters(node) : nullptr; done != nullptr) {
    if (done->rows_removed_at_run_time != 0) {
      add_line(Kind::kLine, depth,
               "Rows Removed by Runtime Filter: " + std::to_string(done->rows_removed_at_run_time));
    }
    if (done->rows_removed != 0) {
      add_line(Kind::kLine, depth, "Rows Removed by Filter: " + std::to_string(done->rows_removed));
    }
    if (done->groups != 0) {
      add_line(Kind::kLine, depth,
               "Hash Entries: " + std::to_string(done->groups) +
                   "  Memory: " + std::to_string(kilobytes(done->memory_bytes_peak)) + "kB");
    }
  }
  if (node.as<plan::ExchangeSpec>() != nullptr) {
    add_line(Kind::kLine, depth, "Fragment " + std::to_string(++fragments_) + ":");
  }
}

std::string ExplainDocument::actual_text(const plan::PlanNode& node) const {
  if (node.as<plan::ExchangeSpec>() != nullptr) {
    const exchange::StreamCounters* sent = stream(node);
    if (sent == nullptr || sent->starts == 0) {
      return "never started";
    }
    return "actual rows=" + std::to_string(sent->rows) +
           " records=" + std::to_string(sent->records) + " bytes=" + std::to_string(sent->bytes) +
           " stalls=" + std::to_string(sent->stalls) + " wakes=" + std::to_string(sent->wakes);
  }
  const engine::NodeCounters* done = counters(node);
  if (done == nullptr || done->starts == 0) {
    return "never executed";
  }
  return "actual rows=" + std::to_string(done->rows) + " batches=" + std::to_string(done->batches);
}

void ExplainDocument::add_node_properties(const plan::PlanNode& node) {
  add_text(kOperatorLabel, plan::operator_name(node));
  add_text("Description", plan::describe(node));
  const auto* exchange = node.as<plan::ExchangeSpec>();
  if (exchange != nullptr) {
    add_integer("Stream", exchange->stream.value());
    add_integer("Fragment", static_cast<std::uint64_t>(++fragments_));
  }
  if (verbose_) {
    add_text("Output", joined(plan::column_names(node)));
  }
  if (const std::vector<std::string> filters = runtime_filters(node); !filters.empty()) {
    add_text("Runtime Filter", joined(filters));
  }
  if (costs_) {
    items_.push_back({Kind::kReal, "Estimated Rows", {}, 0, node.rows_estimated});
  }
  if (analyze_) {
    add_counter_properties(node);
  }
  if (node.inputs.empty()) {
    return;
  }
  open(kInputsLabel, false);
  for (const plan::PlanNode& input : node.inputs) {
    open(kOperatorLabel, true);
    add_node_properties(input);
    close(kOperatorLabel, true);
  }
  close(kInputsLabel, false);
}

void ExplainDocument::add_counter_properties(const plan::PlanNode& node) {
  const bool is_exchange = node.as<plan::ExchangeSpec>() != nullptr;
  if (const exchange::StreamCounters* sent = stream(node); sent != nullptr) {
    add_integer("Rows Sent", sent->rows);
    add_integer("Records", sent->records);
    add_integer("Bytes Sent", sent->bytes);
    add_integer("Stalls", sent->stalls);
    add_integer("Wakes", sent->wakes);
    add_integer("Starts", sent->starts);
  }
  if (is_exchange && (stream(node) == nullptr || stream(node)->starts == 0)) {
    items_.push_back({Kind::kTrue, "Never Started", {}});
  }
  const engine::NodeCounters* done = counters(node);
  if (done == nullptr) {
    return;
  }
  add_integer("Actual Rows", done->rows);
  add_integer("Batches", done->batches);
  add_integer("Rows Removed by Filter", done->rows_removed);
  if (node.as<plan::ScanSpec>() != nullptr) {
    add_integer("Rows Removed by Runtime Filter", done->rows_removed_at_run_time);
  }
  if (!is_exchange) {
    add_integer("Starts", done->starts);
  }
  if (done->groups != 0) {
    add_integer("Hash Entries", done->groups);
    add_integer("Peak Memory Usage", kilobytes(done->memory_bytes_peak), "kB");
  }
}

void ExplainDocument::add_integer(const char* label, std::uint64_t value, const char* unit) {
  items_.push_back({Kind::kInteger, label, unit, static_cast<std::int64_t>(value)});
}

void ExplainDocument::add_text(const char* label, std::string value) {
  items_.push_back({Kind::kText, label, std::move(value)});
}

void ExplainDocument::open(const char* label, bool labeled) {
  items_.push_back({Kind::kOpen, label, {}, 0, 0, 0, labeled});
}

void ExplainDocument::close(const char* label, bool labeled) {
  items_.push_back({Kind::kClose, label, {}, 0, 0, 0, labeled});
}

void ExplainDocument::add_line(Kind kind, int depth, std::string line) {
  items_.push_back({kind, nullptr, std::move(line), 0, 0, depth});
}

void ExplainDocument::print(ExplainState* state) const {
  bool in_list = false;  // the group opened last is a list: its items have no names
  for (const Item& item : items_) {
    switch (item.kind) {
      case Kind::kOpen:
        ExplainOpenGroup(item.label, in_list ? nullptr : item.label, item.labeled, state);
        in_list = !item.labeled;
        break;
      case Kind::kClose:
        // An item's end leaves us in its list, a list's end in an item.
        in_list = item.labeled;
        ExplainCloseGroup(item.label, in_list ? nullptr : item.label, item.labeled, state);
        break;
      case Kind::kText:
        ExplainPropertyText(item.label, item.text.c_str(), state);
        break;
      case Kind::kInteger:
        ExplainPropertyInteger(item.label, item.text.empty() ? nullptr : item.text.c_str(),
                               item.integer, state);
        break;
      case Kind::kReal:
        ExplainPropertyFloat(item.label, nullptr, item.real, 0, state);
        break;
      case Kind::kTrue:
        ExplainPropertyBool(item.label, true, state);
        break;
      case Kind::kArrowLine:
      case Kind::kLine: {
        const bool arrow = item.kind == Kind::kArrowLine;
        const int indent = state->indent + kNodeIndent * (item.depth + (arrow ? 0 : 1));
        appendStringInfoSpaces(state->str, indent * 2);
        appendStringInfoString(state->str, arrow ? "->  " : "");
        appendStringInfoString(state->str, item.text.c_str());
        appendStringInfoChar(state->str, '\n');
        break;
      }
    }
  }
}

}  // namespace sluice::pg
