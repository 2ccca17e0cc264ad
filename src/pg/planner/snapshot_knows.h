// Facts of the catalog that hold for the rows which a snapshot sees.
#pragma once

#include "pg/border/pg_include.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <access/xact.h>
#include <utils/snapmgr.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// Whether a constraint in the catalog row `tuple` held when the active snapshot was taken. ALTER
/// TABLE looks at the newest rows only; an older snapshot may see others.
/// Source: tablecmds.c, ATRewriteTable(). Runs in: call().
[[nodiscard]] inline bool snapshot_knows(HeapTuple tuple) {
  const TransactionId xmin = HeapTupleHeaderGetXmin(tuple->t_data);
  return ActiveSnapshotSet() && !TransactionIdIsCurrentTransactionId(xmin) &&
         !XidInMVCCSnapshot(xmin, GetActiveSnapshot());
}

}  // namespace sluice::pg
