// What EXPLAIN says about a Custom Scan, prepared in C++ and printed by PostgreSQL's functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/leader/leader_scan.h"
#include "plan/plan_spec.h"
#include "plan/runtime_filter.h"

SLUICE_PG_HEADERS_BEGIN
#include <commands/explain.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// The fragments, exchanges and operators of a plan as a sequence of print steps: indented lines
/// with arrows in the text format, nested groups of properties in the others.
/// Runs in: the leader.
class ExplainDocument {
 public:
  ExplainDocument() = default;
  ExplainDocument(const LeaderScan& scan, const ExplainState& options);

  /// Errors: ereport() by longjmp: outside of guard().
  void print(ExplainState* state) const;

 private:
  enum class Kind : std::uint8_t {
    kOpen,  // a group of `label`; `labeled` properties or, in a list, items
    kClose,
    kText,
    kInteger,  // with a unit in `text`, or none
    kReal,
    kTrue,
    kArrowLine,  // text format: a node
    kLine,       // text format: about the node above
  };
  struct Item {
    Kind kind;
    const char* label;
    std::string text;
    std::int64_t integer = 0;
    double real = 0;
    int depth = 0;
    bool labeled = true;
  };

  void add_node(const plan::PlanNode& node, int depth);
  void add_node_lines(const plan::PlanNode& node, int depth);
  void add_node_properties(const plan::PlanNode& node);
  void add_counter_properties(const plan::PlanNode& node);
  [[nodiscard]] std::string actual_text(const plan::PlanNode& node) const;
  void add_integer(const char* label, std::uint64_t value, const char* unit = "");
  void add_text(const char* label, std::string value);
  void open(const char* label, bool labeled);
  void close(const char* label, bool labeled);
  void add_line(Kind kind, int depth, std::string line);
  [[nodiscard]] const engine::NodeCounters* counters(const plan::PlanNode& node) const;
  [[nodiscard]] const exchange::StreamCounters* stream(const plan::PlanNode& node) const;

  [[nodiscard]] std::vector<std::string> runtime_filters(const plan::PlanNode& node) const;

  RunReport report_;
  std::vector<plan::RuntimeFilterSpec> filters_;  // of all fragments
  bool text_format_ = true;
  bool analyze_ = false;
  bool costs_ = false;
  bool verbose_ = false;
  int fragments_ = 0;
  std::vector<Item> items_;
};

}  // namespace sluice::pg
