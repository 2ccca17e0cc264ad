// Attributes, values and columns for the page decoder's tests.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pg/source/decode/page_decoder.h"
#include "pg/source/decode/tuple_builder.h"

namespace sluice::pg {

inline constexpr AttributeLayout kInt4{4, 4};
inline constexpr AttributeLayout kInt8Byte{8, 8};
inline constexpr AttributeLayout kVarlena{kVarlenaLength, 4};

inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

inline StoredValue text(std::string_view value) {
  return value.size() < 127 ? stored_short(bytes_of(value)) : stored_long(bytes_of(value));
}

inline StoredValue money(std::int64_t cents) { return stored_short(numeric_payload(cents, 2)); }

inline ColumnTarget column(int attribute, vector::PhysicalType type, Stage stage = 0) {
  ColumnTarget target;
  target.attribute = static_cast<std::uint16_t>(attribute);
  target.type = type;
  target.stage = stage;
  return target;
}

inline ColumnTarget decimal(int attribute, int precision, int scale, Stage stage = 0) {
  ColumnTarget target =
      column(attribute,
             precision <= 18 ? vector::PhysicalType::kInt64 : vector::PhysicalType::kInt128, stage);
  target.precision = static_cast<std::uint8_t>(precision);
  target.scale = static_cast<std::uint8_t>(scale);
  return target;
}

inline base::ErrorKind kind_of_failure(const TupleBuilder& builder,
                                       std::vector<ColumnTarget> columns) {
  PageDecoder decoder(builder.attributes(), std::move(columns));
  try {
    decoder.load(builder.tuples());
    decoder.decode_stage(0, nullptr, decoder.rows());
  } catch (const base::Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return base::ErrorKind::kInternal;
}

}  // namespace sluice::pg
