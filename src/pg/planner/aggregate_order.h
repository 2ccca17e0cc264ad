// Whether the rows of a group must come to an aggregate in PostgreSQL's order.
#pragma once

#include <cstdint>

#include "pg/border/pg_include.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/plannodes.h>
#include <nodes/primnodes.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// How values look that are equal.
enum class Forms : std::uint8_t {
  kOne = 0,    // the same
  kZeros = 1,  // the same, but for the zeros of two signs
  kMany = 2,
};

/// Of values of the PostgreSQL type `type`, which are `held` here.
/// Errors: PgError.
[[nodiscard]] Forms forms_of(Oid type, const plan::DataType& held);

/// Whether ORDER BY or DISTINCT leaves no two rows with arguments that differ without an order.
[[nodiscard]] bool is_sorted_by_all(const Aggref& aggref);

/// The weakest order of rows in which the aggregate's result is PostgreSQL's.
/// Shape:  `forms` is the most that one of the arguments has, those that it sorts by included.
///         `may_scan` prefers kScan, where the rows have that order, to a check that may fail.
/// Errors: PgError.
/// Source: the transition and final functions in PostgreSQL 15's src/backend/utils/adt.
[[nodiscard]] plan::RowOrder order_wanted(const Aggref& aggref, Forms forms, bool may_scan);

/// Whether `first`, PostgreSQL's own plan, hands the rows of the table to its groups as a scan
/// reads them: there is no index scan of it, and no group above it whose rows are sorted.
/// Errors: PgError.
[[nodiscard]] bool comes_in_scan_order(const PlannedStmt* first, Oid table);

}  // namespace sluice::pg
