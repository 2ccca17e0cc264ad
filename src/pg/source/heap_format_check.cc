// Asserts the decoder's own constants against the server's headers.

#include "pg/border/pg_include.h"
#include "pg/source/decode/attribute_layout.h"
#include "pg/source/decode/heap_format.h"
#include "vector/batch.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/htup_details.h>
#include <storage/bufpage.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

static_assert(kPageHeaderBytes == SizeOfPageHeaderData);
static_assert(kLinesEndOffset == offsetof(PageHeaderData, pd_lower));
static_assert(kLineBytes == sizeof(ItemIdData));
static_assert(kLineNormal == LP_NORMAL);
static_assert(BLCKSZ <= kLineOffsetMask + 1);
static_assert(kInfomask2Offset == offsetof(HeapTupleHeaderData, t_infomask2));
static_assert(kInfomaskOffset == offsetof(HeapTupleHeaderData, t_infomask));
static_assert(kDataStartOffset == offsetof(HeapTupleHeaderData, t_hoff));
static_assert(kNullBitmapOffset == offsetof(HeapTupleHeaderData, t_bits));
static_assert(kAttributeCountMask == HEAP_NATTS_MASK);
static_assert(kHasNulls == HEAP_HASNULL);
static_assert(kDataAlignment == MAXIMUM_ALIGNOF);
static_assert(kDataStartMin == MAXALIGN(SizeofHeapTupleHeader));
static_assert(kExternalOnDiskTag == VARTAG_ONDISK);
static_assert(kExternalOnDiskBytes == VARHDRSZ_EXTERNAL + sizeof(varatt_external));
static_assert(kLongHeaderBytes == VARHDRSZ);
static_assert(kCompressedHeaderBytes == VARHDRSZ_COMPRESSED);
static_assert(MaxHeapTuplesPerPage <= vector::kBatchRowsMax);
#ifdef WORDS_BIGENDIAN
#error "the page decoder reads little-endian varlena headers"
#endif

}  // namespace sluice::pg
