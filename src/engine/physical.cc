#include "engine/physical.h"

namespace sluice::engine {

using plan::TypeKind;
using vector::KeyEquality;
using vector::PhysicalType;

PhysicalType physical_type_of(const plan::DataType& type) noexcept {
  switch (type.kind) {
    case TypeKind::kBool:
      return PhysicalType::kInt8;
    case TypeKind::kInt16:
      return PhysicalType::kInt16;
    case TypeKind::kInt32:
    case TypeKind::kDate:
    case TypeKind::kHandle:
      return PhysicalType::kInt32;
    case TypeKind::kInt64:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kTime:
      return PhysicalType::kInt64;
    case TypeKind::kFloat64:
      return PhysicalType::kFloat64;
    case TypeKind::kDecimal:
      return type.is_decimal64() ? PhysicalType::kInt64 : PhysicalType::kInt128;
    case TypeKind::kUuid:
      return PhysicalType::kInt128;
    case TypeKind::kText:
    case TypeKind::kBpchar:
    case TypeKind::kBytea:
    case TypeKind::kOpaque:
      return PhysicalType::kVarlen;
  }
  return PhysicalType::kInt8;
}

std::vector<PhysicalType> physical_types_of(const std::vector<plan::DataType>& types) {
  std::vector<PhysicalType> result;
  result.reserve(types.size());
  for (const plan::DataType& type : types) {
    result.push_back(physical_type_of(type));
  }
  return result;
}

KeyEquality key_equality_of(const plan::DataType& type) noexcept {
  switch (type.kind) {
    case TypeKind::kFloat64:
      return KeyEquality::kFloat;
    case TypeKind::kText:
    case TypeKind::kBytea:
      return KeyEquality::kBytes;
    case TypeKind::kBpchar:
      return KeyEquality::kBlankPadded;
    default:
      return KeyEquality::kBits;
  }
}

}  // namespace sluice::engine
