#include "pg/source/scanned_relation.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "engine/physical.h"
#include "pg/border/call.h"
#include "pg/port/types.h"

SLUICE_PG_HEADERS_BEGIN
#include <access/detoast.h>
#include <access/heapam.h>
#include <access/htup_details.h>
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/pg_class.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {
namespace {

std::uint8_t alignment_bytes(char alignment) {
  switch (alignment) {
    case TYPALIGN_CHAR:
      return 1;
    case TYPALIGN_SHORT:
      return alignof(std::int16_t);
    case TYPALIGN_INT:
      return alignof(std::int32_t);
    default:
      return MAXIMUM_ALIGNOF;
  }
}

Form_pg_attribute planned_attribute(Relation relation, const plan::ScanColumn& column) {
  TupleDesc descriptor = RelationGetDescr(relation);
  SLUICE_CHECK(column.attribute >= 1 && column.attribute <= descriptor->natts,
               "a scan reads an attribute that its table does not have");
  Form_pg_attribute attribute = TupleDescAttr(descriptor, column.attribute - 1);
  SLUICE_CHECK(!attribute->attisdropped, "a scan reads a dropped attribute");
  const auto type =
      column_type_of(attribute->atttypid, attribute->atttypmod, attribute->attcollation);
  SLUICE_CHECK(type.has_value() && *type == column.type,
               "a scanned attribute has not the type that was planned");
  return attribute;
}

/// The value of rows that are older than the attribute, unpacked; its size is 0 where that is NULL.
struct MissingDatum {
  Datum datum = 0;
  std::size_t varlena_bytes = 0;
  bool is_null = true;
  varlena* unpacked = nullptr;  // to be freed
};

MissingDatum missing_datum(Relation relation, int attribute_number, bool is_varlena) {
  return call([relation, attribute_number, is_varlena] {
    MissingDatum missing;
    missing.datum = getmissingattr(RelationGetDescr(relation), attribute_number, &missing.is_null);
    if (!missing.is_null && is_varlena) {
      auto* packed = reinterpret_cast<varlena*>(DatumGetPointer(missing.datum));
      varlena* flat = detoast_attr(packed);
      missing.unpacked = flat == packed ? nullptr : flat;
      missing.datum = PointerGetDatum(flat);
      missing.varlena_bytes = VARSIZE(flat);
    }
    return missing;
  });
}

std::optional<std::vector<std::uint8_t>> missing_bytes(Relation relation, int attribute_number) {
  Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), attribute_number - 1);
  if (!attribute->atthasmissing) {
    return std::nullopt;
  }
  const bool is_varlena = attribute->attlen == kVarlenaLength;
  const MissingDatum missing = missing_datum(relation, attribute_number, is_varlena);
  if (missing.is_null) {
    return std::nullopt;
  }
  if (is_varlena) {
    const auto* flat = reinterpret_cast<const std::uint8_t*>(DatumGetPointer(missing.datum));
    std::vector<std::uint8_t> bytes(flat, flat + missing.varlena_bytes);
    if (missing.unpacked != nullptr) {
      call([&missing] { pfree(missing.unpacked); });
    }
    return bytes;
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(attribute->attlen));
  const void* value = &missing.datum;  // little-endian: the low bytes
  if (!attribute->attbyval) {
    value = DatumGetPointer(missing.datum);
  }
  std::memcpy(bytes.data(), value, bytes.size());
  return bytes;
}

}  // namespace

Relation open_scanned_relation(const plan::ScanSpec& scan) {
  bool is_heap = false;
  Relation relation = call([oid = Oid{scan.relation}, &is_heap] {
    Relation opened = table_open(oid, AccessShareLock);
    is_heap = opened->rd_tableam == GetHeapamTableAmRoutine();
    if (!is_heap) {
      table_close(opened, NoLock);
    }
    return opened;
  });
  SLUICE_CHECK(is_heap, "a heap scan was planned for what is no heap table");
  return relation;
}

void close_scanned_relation(Relation relation) {
  call([relation] { table_close(relation, NoLock); });
}

std::vector<AttributeLayout> attribute_layouts(Relation relation, const plan::ScanSpec& scan) {
  TupleDesc descriptor = RelationGetDescr(relation);
  int count = 0;
  for (const plan::ScanColumn& column : scan.columns) {
    count = std::max<int>(count, column.attribute);
  }
  count = std::min(count, descriptor->natts);
  std::vector<AttributeLayout> layouts;
  for (int i = 0; i < count; ++i) {
    Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
    layouts.push_back({attribute->attlen, alignment_bytes(attribute->attalign)});
  }
  return layouts;
}

ColumnTarget column_target(Relation relation, const plan::ScanColumn& column, Stage stage) {
  const Form_pg_attribute attribute = planned_attribute(relation, column);
  ColumnTarget target;
  target.attribute = static_cast<std::uint16_t>(attribute->attnum - 1);
  target.type = engine::physical_type_of(column.type);
  if (column.type.kind == plan::TypeKind::kDecimal) {
    target.precision = column.type.precision;
    target.scale = column.type.scale;
  }
  target.stage = stage;
  target.missing = missing_bytes(relation, attribute->attnum);
  return target;
}

bool is_short(Relation relation, const plan::ScanColumn& column) noexcept {
  constexpr int kCharactersMax = 32;
  const Form_pg_attribute attribute =
      TupleDescAttr(RelationGetDescr(relation), column.attribute - 1);
  if (attribute->attlen > 0 || column.type.kind == plan::TypeKind::kDecimal) {
    return true;
  }
  const bool is_limited = attribute->atttypid == BPCHAROID || attribute->atttypid == VARCHAROID;
  return is_limited && attribute->atttypmod >= VARHDRSZ &&
         attribute->atttypmod - VARHDRSZ <= kCharactersMax;
}

}  // namespace sluice::pg
