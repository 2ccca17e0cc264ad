// What the expressions of one PostgreSQL plan node can see: its leaves, and the engine columns
// behind them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg/border/pg_include.h"
#include "pg/planner/leaves.h"
#include "pg/planner/sluice_plan.h"
#include "plan/data_type.h"

namespace sluice::pg {

/// One value that the engine has in a column.
/// Shape: `terminal` says the value in base Vars and Aggrefs over them. A numeric whose values do
///        not all have `type`'s scale has their scale in the int4 column `scale_column`.
struct ScopeColumn {
  plan::DataType type;
  std::uint32_t column = 0;
  Node* terminal = nullptr;
  bool not_null = false;
  OutputKind kind = OutputKind::kColumn;
  std::uint32_t count_column = 0;  // kAverage only
  std::optional<std::uint32_t> scale_column;
  Node* scale_terminal = nullptr;
};

struct ScopeEntry {
  Node* leaf;
  ScopeColumn column;
};

class Scope {
 public:
  void add(Node* leaf, const ScopeColumn& column) { entries_.push_back({leaf, column}); }
  /// Null where the leaf has no column here.
  [[nodiscard]] const ScopeColumn* find(const Node* leaf) const {
    for (const ScopeEntry& entry : entries_) {
      if (same_leaf(entry.leaf, leaf)) {
        return &entry.column;
      }
    }
    return nullptr;
  }
  [[nodiscard]] const std::vector<ScopeEntry>& entries() const noexcept { return entries_; }
  [[nodiscard]] std::vector<ScopeEntry>& entries() noexcept { return entries_; }

  /// `expr` with its leaves replaced by their terminals.
  /// Errors: PgError.
  [[nodiscard]] Node* terminal_of(Node* expr) const {
    std::vector<LeafReplacement> replacements;
    for (const ScopeEntry& entry : entries_) {
      replacements.push_back({entry.leaf, entry.column.terminal});
    }
    return replace_leaves(expr, replacements);
  }

 private:
  std::vector<ScopeEntry> entries_;
};

}  // namespace sluice::pg
