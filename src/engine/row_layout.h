// How a stored row lies in memory: a header word of the owner, the values without padding, one null
// bit a column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vector/physical_type.h"

namespace sluice::engine {

struct RowField {
  vector::PhysicalType type;
  std::uint32_t offset;  // from the row's start; not aligned
};

/// Shape:  header (4 bytes), fields in column order, null bits (1 = NULL), padded to a multiple of
///         4. Packed, because rows that fit fewer cache lines are worth more than aligned loads.
/// Units:  bytes.
class RowLayout {
 public:
  static constexpr std::uint32_t kHeaderBytes = 4;

  explicit RowLayout(std::span<const vector::PhysicalType> types) {
    std::uint32_t offset = kHeaderBytes;
    for (const vector::PhysicalType type : types) {
      fields_.push_back({type, offset});
      offset += static_cast<std::uint32_t>(vector::width_bytes(type));
    }
    null_offset_ = offset;
    null_bytes_ = static_cast<std::uint32_t>((types.size() + 7) / 8);
    stride_bytes_ = (offset + null_bytes_ + 3) / 4 * 4;
  }

  [[nodiscard]] std::size_t column_count() const noexcept { return fields_.size(); }
  [[nodiscard]] const RowField& field(std::size_t column) const noexcept { return fields_[column]; }
  [[nodiscard]] std::uint32_t null_offset() const noexcept { return null_offset_; }
  [[nodiscard]] std::uint32_t null_bytes() const noexcept { return null_bytes_; }
  [[nodiscard]] std::uint32_t stride_bytes() const noexcept { return stride_bytes_; }

 private:
  std::vector<RowField> fields_;
  std::uint32_t null_offset_ = 0;
  std::uint32_t null_bytes_ = 0;
  std::uint32_t stride_bytes_ = 0;
};

}  // namespace sluice::engine
