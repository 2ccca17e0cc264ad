#include "vector/batch_builder.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sluice::vector {

namespace {

constexpr std::size_t kValidityWords = kBatchRowsMax / 64;
constexpr std::uint64_t kAllValid = ~std::uint64_t{0};

template <typename T>
void gather_values(const ColumnView& source, std::span<const RowIndex> rows, std::byte* target) {
  const T* from = source.as<T>();
  T* to = reinterpret_cast<T*>(target);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    to[i] = from[rows[i]];
  }
}

std::size_t long_string_bytes(const StringRef* strings, std::span<const RowIndex> rows) {
  std::size_t bytes = 0;
  for (const RowIndex row : rows) {
    bytes += strings[row].is_inline() ? 0 : strings[row].size();
  }
  return bytes;
}

}  // namespace

ColumnBuffer::ColumnBuffer(PhysicalType type, base::MemoryBudget& budget)
    : type_(type),
      storage_(std::make_unique<base::Arena>(budget)),
      heap_(std::make_unique<base::Arena>(budget)) {
  const std::size_t value_bytes = width_bytes(type) * kBatchRowsMax;
  const std::size_t validity_bytes = kValidityWords * sizeof(std::uint64_t);
  // One allocation, so that a column takes one chunk.
  std::byte* memory = storage_->allocate(value_bytes + validity_bytes, 64);
  std::memset(memory, 0, value_bytes);  // values of null rows must be readable
  values_ = {memory, value_bytes};
  validity_ = {reinterpret_cast<std::uint64_t*>(memory + value_bytes), kValidityWords};
  std::fill(validity_.begin(), validity_.end(), kAllValid);
}

void ColumnBuffer::set_null(std::uint32_t row) noexcept {
  has_nulls_ = true;
  validity_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
  if (type_ == PhysicalType::kVarlen) {
    as<StringRef>()[row] = StringRef();
  }
}

void ColumnBuffer::set_string(std::uint32_t row, std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const char* data = bytes.data();
  if (size > StringRef::kInlineBytes) {
    char* copy = reinterpret_cast<char*>(heap_->allocate(size, 1));
    std::memcpy(copy, data, size);
    data = copy;
    heap_bytes_ += size;
  }
  as<StringRef>()[row] = StringRef(data, size);
}

void ColumnBuffer::gather(const ColumnView& source, std::span<const RowIndex> source_rows,
                          std::uint32_t target) {
  assert(source.type == type_ && target + source_rows.size() <= kBatchRowsMax);
  if (source_rows.empty()) {
    return;
  }
  std::byte* to = values_.data() + target * width_bytes(type_);
  switch (type_) {
    case PhysicalType::kInt8:
      gather_values<std::uint8_t>(source, source_rows, to);
      break;
    case PhysicalType::kInt16:
      gather_values<std::uint16_t>(source, source_rows, to);
      break;
    case PhysicalType::kInt32:
      gather_values<std::uint32_t>(source, source_rows, to);
      break;
    case PhysicalType::kInt64:
    case PhysicalType::kFloat64:
      gather_values<std::uint64_t>(source, source_rows, to);
      break;
    case PhysicalType::kInt128:
      gather_values<base::Int128>(source, source_rows, to);
      break;
    case PhysicalType::kVarlen:
      gather_strings(source, source_rows, target);
      break;
  }
  may_hold_nan_ = may_hold_nan_ || source.may_hold_nan;
  gather_validity(source, source_rows, target);
}

void ColumnBuffer::gather_strings(const ColumnView& source, std::span<const RowIndex> source_rows,
                                  std::uint32_t target) {
  const auto* from = source.as<StringRef>();
  StringRef* to = as<StringRef>() + target;
  const std::size_t long_bytes = long_string_bytes(from, source_rows);
  if (long_bytes == 0) {
    for (std::size_t i = 0; i < source_rows.size(); ++i) {
      to[i] = from[source_rows[i]];
    }
    return;
  }
  char* next = reinterpret_cast<char*>(heap_->allocate(long_bytes, 1));
  heap_bytes_ += long_bytes;
  for (std::size_t i = 0; i < source_rows.size(); ++i) {
    const StringRef& string = from[source_rows[i]];
    if (string.is_inline()) {
      to[i] = string;
      continue;
    }
    std::memcpy(next, string.data(), string.size());
    to[i] = StringRef(next, string.size());
    next += string.size();
  }
}

void ColumnBuffer::gather_validity(const ColumnView& source, std::span<const RowIndex> source_rows,
                                   std::uint32_t target) noexcept {
  if (source.validity == nullptr) {
    if (has_nulls_) {
      for (std::size_t i = target; i < target + source_rows.size(); ++i) {
        validity_[i / 64] |= std::uint64_t{1} << (i % 64);
      }
    }
    return;
  }
  std::uint64_t all = 1;
  std::size_t row = target;
  for (const RowIndex source_row : source_rows) {
    const std::uint64_t valid = (source.validity[source_row / 64] >> (source_row % 64)) & 1;
    std::uint64_t& word = validity_[row / 64];
    word = (word & ~(std::uint64_t{1} << (row % 64))) | (valid << (row % 64));
    all &= valid;
    ++row;
  }
  has_nulls_ = has_nulls_ || all == 0;
}

ColumnView ColumnBuffer::view() const noexcept {
  return {type_, may_hold_nan_, values_.data(), has_nulls_ ? validity_.data() : nullptr};
}

void ColumnBuffer::reset() noexcept {
  if (has_nulls_) {
    std::fill(validity_.begin(), validity_.end(), kAllValid);
    has_nulls_ = false;
  }
  heap_->reset();
  heap_bytes_ = 0;
}

BatchBuilder::BatchBuilder(std::span<const PhysicalType> types, base::MemoryBudget& budget)
    : views_(types.size()) {
  columns_.reserve(types.size());
  for (const PhysicalType type : types) {
    columns_.emplace_back(type, budget);
  }
}

void BatchBuilder::append(const Batch& batch, std::span<const RowIndex> source_rows) {
  assert(batch.columns().size() == columns_.size() && source_rows.size() <= free_rows());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].gather(batch.column(i), source_rows, rows_);
  }
  rows_ += static_cast<std::uint32_t>(source_rows.size());
}

std::size_t BatchBuilder::heap_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const ColumnBuffer& column : columns_) {
    bytes += column.heap_bytes();
  }
  return bytes;
}

Batch BatchBuilder::view() {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    views_[i] = columns_[i].view();
  }
  return {views_, rows_};
}

void BatchBuilder::reset() noexcept {
  for (ColumnBuffer& column : columns_) {
    column.reset();
  }
  rows_ = 0;
}

}  // namespace sluice::vector
