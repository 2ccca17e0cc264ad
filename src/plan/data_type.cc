#include "plan/data_type.h"

namespace sluice::plan {

std::string to_string(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kBool:
      return "bool";
    case TypeKind::kInt16:
      return "int2";
    case TypeKind::kInt32:
      return "int4";
    case TypeKind::kInt64:
      return "int8";
    case TypeKind::kFloat64:
      return "float8";
    case TypeKind::kDecimal:
      return "decimal(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case TypeKind::kDate:
      return "date";
    case TypeKind::kTimestamp:
      return "timestamp";
    case TypeKind::kText:
      return "text";
    case TypeKind::kBpchar:
      return "bpchar";
    case TypeKind::kTimestampTz:
      return "timestamptz";
    case TypeKind::kTime:
      return "time";
    case TypeKind::kBytea:
      return "bytea";
    case TypeKind::kUuid:
      return "uuid";
    case TypeKind::kHandle:
      return "handle";
    case TypeKind::kOpaque:
      return "opaque";
  }
  return "type " + std::to_string(static_cast<int>(type.kind));
}

}  // namespace sluice::plan
