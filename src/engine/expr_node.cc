#include "engine/expr_node.h"

#include <algorithm>
#include <cstring>

#include "engine/physical.h"

namespace sluice::engine {

using vector::ColumnView;
using vector::kBatchRowsMax;
using vector::PhysicalType;
using vector::RowIndex;
using vector::StringRef;

std::uint32_t ExprNode::select(const Frame& frame, Rows rows, RowIndex* passed) {
  const ColumnView result = evaluate(frame, rows);
  const auto* values = result.as<std::uint8_t>();
  if (result.validity == nullptr) {
    return select_rows(rows, passed, [=](std::uint32_t row) { return values[row] != 0; });
  }
  const std::uint64_t* validity = result.validity;
  return select_rows(rows, passed, [=](std::uint32_t row) {
    return (static_cast<unsigned>(values[row] != 0) &
            static_cast<unsigned>(is_valid(validity, row))) != 0;
  });
}

ValueBuffer::ValueBuffer(PhysicalType value_type, base::Arena& arena) : type(value_type) {
  const std::size_t value_bytes = width_bytes(type) * kBatchRowsMax;
  values = arena.allocate(value_bytes + kBatchRowsMax / 8, 64);
  validity = reinterpret_cast<std::uint64_t*>(values + value_bytes);
  std::memset(values, 0, value_bytes + kBatchRowsMax / 8);
}

namespace {

void store_constant(const plan::Constant& constant, PhysicalType type, std::byte* target,
                    base::Arena& arena) {
  const auto store = [target](auto value) { std::memcpy(target, &value, sizeof value); };
  switch (type) {
    case PhysicalType::kInt8:
      return store(static_cast<std::int8_t>(constant.integer));
    case PhysicalType::kInt16:
      return store(static_cast<std::int16_t>(constant.integer));
    case PhysicalType::kInt32:
      return store(static_cast<std::int32_t>(constant.integer));
    case PhysicalType::kInt64:
      return store(static_cast<std::int64_t>(constant.integer));
    case PhysicalType::kInt128:
      return store(constant.integer);
    case PhysicalType::kFloat64:
      return store(constant.float64);
    case PhysicalType::kVarlen: {
      char* bytes = reinterpret_cast<char*>(arena.allocate(constant.bytes.size() + 1, 1));
      std::ranges::copy(constant.bytes, bytes);
      return store(StringRef(bytes, static_cast<std::uint32_t>(constant.bytes.size())));
    }
  }
}

}  // namespace

ColumnView make_constant(const plan::Constant& constant, const plan::DataType& type,
                         base::Arena& arena) {
  const PhysicalType physical = physical_type_of(type);
  std::byte* target = arena.allocate(sizeof(base::Int128), alignof(base::Int128));
  const bool is_nan =
      type.kind == plan::TypeKind::kDecimal && constant.integer == vector::kDecimalNan128;
  if (is_nan && physical == PhysicalType::kInt64) {
    plan::Constant narrow;
    narrow.integer = vector::kDecimalNan64;
    store_constant(narrow, physical, target, arena);
  } else {
    store_constant(constant, physical, target, arena);
  }
  return {physical, is_nan, target, nullptr};
}

const std::uint64_t* both_valid(const Frame& frame, const std::uint64_t* left,
                                const std::uint64_t* right, std::uint64_t* buffer) noexcept {
  if (left == nullptr || left == right) {
    return right;
  }
  if (right == nullptr) {
    return left;
  }
  const std::size_t words = (frame.rows + 63) / 64;
  for (std::size_t i = 0; i < words; ++i) {
    buffer[i] = left[i] & right[i];
  }
  return buffer;
}

Rows valid_rows(Rows rows, const std::uint64_t* validity, RowIndex* target) noexcept {
  if (validity == nullptr) {
    return rows;
  }
  const std::uint32_t count =
      select_rows(rows, target, [=](std::uint32_t row) { return is_valid(validity, row); });
  return count == rows.count ? rows : Rows{target, count};
}

Rows rows_without(Rows rows, Rows taken, RowIndex* target) noexcept {
  std::uint32_t next = 0;
  const std::uint32_t count = select_rows(rows, target, [&](std::uint32_t row) {
    const bool hit = next < taken.count && taken.selection[next] == row;
    next += hit ? 1 : 0;
    return !hit;
  });
  return {target, count};
}

}  // namespace sluice::engine
