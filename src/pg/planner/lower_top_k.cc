// Limit over Sort -> TopKSpec.
#include "pg/border/call.h"
#include "pg/planner/decline.h"
#include "pg/planner/lower_plan.h"
#include "pg/port/types.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/stratnum.h>
#include <nodes/nodeFuncs.h>
#include <utils/lsyscache.h>
#include <utils/typcache.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

namespace {

/// Beyond that many rows PostgreSQL's sort, which can spill, is the better choice.
constexpr std::uint64_t kTopKRowsMax = 100'000;

/// A constant row count; nothing for NULL, expressions and negative values.
std::optional<std::uint64_t> constant_count(const Node* expr) {
  if (expr == nullptr || !IsA(expr, Const) || reinterpret_cast<const Const*>(expr)->constisnull) {
    return std::nullopt;
  }
  const std::int64_t count = DatumGetInt64(reinterpret_cast<const Const*>(expr)->constvalue);
  return count < 0 ? std::nullopt : std::optional<std::uint64_t>(count);
}

struct SortOrder {
  bool known;
  bool descending;
  Oid type;
};

/// Whether `sort_operator` belongs to the default order of its type.
SortOrder order_of(Oid sort_operator) {
  return call([sort_operator] {
    Oid family;
    Oid type;
    std::int16_t strategy;
    if (!get_ordering_op_properties(sort_operator, &family, &type, &strategy)) {
      return SortOrder{false, false, InvalidOid};
    }
    const TypeCacheEntry* entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);
    return SortOrder{entry->btree_opf == family, strategy == BTGreaterStrategyNumber, type};
  });
}

}  // namespace

std::optional<std::uint64_t> top_k_limit(const Limit& limit) {
  if (limit.limitOption != LIMIT_OPTION_COUNT || limit.plan.lefttree == nullptr ||
      !IsA(limit.plan.lefttree, Sort)) {
    return std::nullopt;
  }
  const auto count = constant_count(limit.limitCount);
  const auto offset = limit.limitOffset == nullptr ? std::optional<std::uint64_t>(0)
                                                   : constant_count(limit.limitOffset);
  if (!count.has_value() || !offset.has_value() || *count == 0 || *count > kTopKRowsMax ||
      *offset > kTopKRowsMax) {
    return std::nullopt;
  }
  return *count + *offset;
}

std::vector<plan::SortKey> sort_keys_of(const Sort& sort, const std::vector<ScopeColumn>& columns) {
  std::vector<plan::SortKey> keys;
  for (int i = 0; i < sort.numCols; ++i) {
    const SortOrder order = order_of(sort.sortOperators[i]);
    if (!order.known) {
      decline(Reason::kOrder, "order by another operator than the type's own");
    }
    if (OidIsValid(sort.collations[i]) && !is_byte_order(sort.collations[i])) {
      decline(Reason::kOrder, "text ordered by a collation other than C");
    }
    const ScopeColumn& column = columns[static_cast<std::size_t>(i)];
    if (column.kind != OutputKind::kColumn) {
      decline(Reason::kOrder, "order by what is computed above the engine");
    }
    if (!column.type.has_order()) {
      decline(Reason::kOrder, "order of a type that only PostgreSQL compares");
    }
    keys.push_back({column.column, order.descending, sort.nullsFirst[i]});
  }
  return keys;
}

}  // namespace sluice::pg
