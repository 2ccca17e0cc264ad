// A relation opened for a scan: what the plan assumed of it is checked, what the decoder needs is
// read off it.
#pragma once

#include <vector>

#include "pg/border/pg_include.h"
#include "pg/source/decode/attribute_layout.h"
#include "plan/plan_spec.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/rel.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Opens and locks (AccessShareLock) the scan's relation.
/// Errors: PgError; kInternal where it is no heap table. Permissions were checked by the leader's
/// executor.
[[nodiscard]] Relation open_scanned_relation(const plan::ScanSpec& scan);
/// Closes it; the lock stays until the transaction ends.
void close_scanned_relation(Relation relation);

/// Every attribute up to the last that `scan` reads.
[[nodiscard]] std::vector<AttributeLayout> attribute_layouts(Relation relation,
                                                             const plan::ScanSpec& scan);

/// The scan's column as the decoder sees it.
/// Errors: kInternal where the attribute is not what was planned.
[[nodiscard]] ColumnTarget column_target(Relation relation, const plan::ScanColumn& column,
                                         Stage stage);

/// Whether the column's values are short whatever they are, so that those of rows which are not
/// wanted cost little, toasted or not.
[[nodiscard]] bool is_short(Relation relation, const plan::ScanColumn& column) noexcept;

}  // namespace sluice::pg
