#include "vector/page.h"

#include <bit>
#include <cassert>
#include <cstring>

#include "base/check.h"

namespace sluice::vector {

static_assert(std::endian::native == std::endian::little, "the page format is little-endian");

namespace {

constexpr std::size_t kBufferAlignment = 16;
constexpr std::uint32_t kPageMagic = 0x31475053;  // "SPG1"
constexpr std::uint8_t kHasValidity = 1;
constexpr std::uint8_t kMayHoldNan = 2;

struct PageHeader {
  std::uint32_t magic;
  std::uint32_t column_count;
  std::uint32_t rows;
  std::uint32_t zero;
};
static_assert(sizeof(PageHeader) == 16);

struct PageColumn {
  std::uint8_t type;
  std::uint8_t flags;
  std::uint8_t zero[6];
  std::uint64_t validity_offset;  // 0 without kHasValidity
  std::uint64_t values_offset;
  std::uint64_t heap_bytes;  // kVarlen: long strings, right behind the values
};
static_assert(sizeof(PageColumn) == 32);
static_assert(offsetof(PageColumn, validity_offset) == 8);
static_assert(offsetof(PageColumn, heap_bytes) == 24);

// A string in a page: a StringRef whose pointer is an offset into the column's heap.
constexpr std::size_t kStringOffsetAt = 8;

constexpr std::size_t aligned(std::size_t bytes) noexcept {
  return (bytes + kBufferAlignment - 1) & ~(kBufferAlignment - 1);
}

constexpr std::size_t validity_bytes(std::size_t rows) noexcept { return (rows + 63) / 64 * 8; }

std::size_t heap_bytes(const Batch& batch, const ColumnView& column) noexcept {
  if (column.type != PhysicalType::kVarlen) {
    return 0;
  }
  const auto* strings = column.as<StringRef>();
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    const StringRef& string = strings[batch.row(i)];
    bytes += string.is_inline() ? 0 : string.size();
  }
  return bytes;
}

template <typename T>
void write_values(const Batch& batch, const ColumnView& column, std::byte* target) noexcept {
  const T* from = column.as<T>();
  const RowIndex* selection = batch.selection();
  if (selection == nullptr) {
    if (batch.count() != 0) {
      std::memcpy(target, from, batch.count() * sizeof(T));
    }
    return;
  }
  T* to = reinterpret_cast<T*>(target);
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    to[i] = from[selection[i]];
  }
}

void write_strings(const Batch& batch, const ColumnView& column, std::byte* values,
                   std::byte* heap) noexcept {
  const auto* from = column.as<StringRef>();
  std::uint64_t offset = 0;
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    const StringRef& string = from[batch.row(i)];
    std::byte* to = values + i * sizeof(StringRef);
    std::memcpy(to, &string, sizeof string);
    if (!string.is_inline()) {
      std::memcpy(heap + offset, string.data(), string.size());
      std::memcpy(to + kStringOffsetAt, &offset, sizeof offset);
      offset += string.size();
    }
  }
}

void write_column_values(const Batch& batch, const ColumnView& column, std::byte* values,
                         std::byte* heap) noexcept {
  switch (column.type) {
    case PhysicalType::kInt8:
      return write_values<std::uint8_t>(batch, column, values);
    case PhysicalType::kInt16:
      return write_values<std::uint16_t>(batch, column, values);
    case PhysicalType::kInt32:
      return write_values<std::uint32_t>(batch, column, values);
    case PhysicalType::kInt64:
    case PhysicalType::kFloat64:
      return write_values<std::uint64_t>(batch, column, values);
    case PhysicalType::kInt128:
      return write_values<base::Int128>(batch, column, values);
    case PhysicalType::kVarlen:
      return write_strings(batch, column, values, heap);
  }
}

void write_validity(const Batch& batch, const ColumnView& column, std::byte* target) noexcept {
  auto* to = reinterpret_cast<std::uint64_t*>(target);
  const RowIndex* selection = batch.selection();
  if (selection == nullptr) {
    if (batch.count() != 0) {
      std::memcpy(to, column.validity, validity_bytes(batch.count()));
    }
    return;
  }
  std::uint64_t word = 0;
  for (std::uint32_t i = 0; i < batch.count(); ++i) {
    const RowIndex row = selection[i];
    word |= ((column.validity[row / 64] >> (row % 64)) & 1) << (i % 64);
    if (i % 64 == 63 || i + 1 == batch.count()) {
      to[i / 64] = word;
      word = 0;
    }
  }
}

// Lays out one column from `offset` on; returns where the next one may start.
std::size_t place_column(const ColumnView& column, std::size_t rows, std::size_t heap,
                         std::size_t offset, PageColumn& entry) noexcept {
  entry = {};
  entry.type = static_cast<std::uint8_t>(column.type);
  entry.flags = static_cast<std::uint8_t>((column.validity != nullptr ? kHasValidity : 0) |
                                          (column.may_hold_nan ? kMayHoldNan : 0));
  if (column.validity != nullptr) {
    entry.validity_offset = offset;
    offset = aligned(offset + validity_bytes(rows));
  }
  entry.values_offset = offset;
  entry.heap_bytes = heap;
  offset = aligned(offset + rows * width_bytes(column.type));
  return aligned(offset + heap);
}

constexpr std::size_t first_buffer(std::size_t column_count) noexcept {
  return aligned(sizeof(PageHeader) + column_count * sizeof(PageColumn));
}

// `offset..offset+bytes` is an aligned range inside a page of `page_bytes`.
bool fits(std::uint64_t offset, std::uint64_t bytes, std::uint64_t page_bytes) noexcept {
  return offset % kBufferAlignment == 0 && offset <= page_bytes && bytes <= page_bytes - offset;
}

}  // namespace

std::size_t page_bytes(const Batch& batch) noexcept {
  std::size_t offset = first_buffer(batch.columns().size());
  for (const ColumnView& column : batch.columns()) {
    PageColumn entry;
    offset = place_column(column, batch.count(), heap_bytes(batch, column), offset, entry);
  }
  return offset;
}

void write_page(const Batch& batch, std::span<std::byte> target) noexcept {
  assert(reinterpret_cast<std::uintptr_t>(target.data()) % kBufferAlignment == 0);
  assert(target.size() == page_bytes(batch));
  std::byte* base = target.data();
  const std::size_t column_count = batch.columns().size();
  const PageHeader header{kPageMagic, static_cast<std::uint32_t>(column_count), batch.count(), 0};
  std::memcpy(base, &header, sizeof header);
  std::size_t offset = first_buffer(column_count);
  for (std::size_t i = 0; i < column_count; ++i) {
    const ColumnView& column = batch.column(i);
    PageColumn entry;
    const std::size_t end =
        place_column(column, batch.count(), heap_bytes(batch, column), offset, entry);
    std::memcpy(base + sizeof(PageHeader) + i * sizeof entry, &entry, sizeof entry);
    if (column.validity != nullptr) {
      write_validity(batch, column, base + entry.validity_offset);
    }
    std::byte* values = base + entry.values_offset;
    write_column_values(batch, column, values,
                        values + aligned(batch.count() * width_bytes(column.type)));
    offset = end;
  }
}

PageReader::PageReader(std::span<const PhysicalType> types)
    : types_(types.begin(), types.end()), views_(types.size()), strings_(types.size()) {
  for (std::size_t i = 0; i < types_.size(); ++i) {
    if (types_[i] == PhysicalType::kVarlen) {
      strings_[i].resize(kBatchRowsMax);
    }
  }
}

Batch PageReader::open(std::span<const std::byte> page) {
  SLUICE_CHECK_BYTES(reinterpret_cast<std::uintptr_t>(page.data()) % kBufferAlignment == 0,
                     "page is not aligned");
  SLUICE_CHECK_BYTES(page.size() >= first_buffer(types_.size()), "page is too short");
  PageHeader header;
  std::memcpy(&header, page.data(), sizeof header);
  SLUICE_CHECK_BYTES(header.magic == kPageMagic, "not a page");
  SLUICE_CHECK_BYTES(header.column_count == types_.size(), "page has another number of columns");
  SLUICE_CHECK_BYTES(header.rows <= kBatchRowsMax, "page has too many rows");
  for (std::size_t i = 0; i < types_.size(); ++i) {
    open_column(page, i, header.rows);
  }
  return {views_, header.rows};
}

void PageReader::open_column(std::span<const std::byte> page, std::size_t index,
                             std::uint32_t rows) {
  PageColumn entry;
  std::memcpy(&entry, page.data() + sizeof(PageHeader) + index * sizeof entry, sizeof entry);
  const PhysicalType type = types_[index];
  SLUICE_CHECK_BYTES(entry.type == static_cast<std::uint8_t>(type), "page has another type");
  SLUICE_CHECK_BYTES((entry.flags & ~(kHasValidity | kMayHoldNan)) == 0, "page has unknown flags");
  ColumnView& view = views_[index];
  view = {type, (entry.flags & kMayHoldNan) != 0, nullptr, nullptr};
  if ((entry.flags & kHasValidity) != 0) {
    SLUICE_CHECK_BYTES(fits(entry.validity_offset, validity_bytes(rows), page.size()),
                       "page validity lies outside");
    view.validity = reinterpret_cast<const std::uint64_t*>(page.data() + entry.validity_offset);
  }
  const std::size_t values_bytes = rows * width_bytes(type);
  SLUICE_CHECK_BYTES(fits(entry.values_offset, values_bytes, page.size()),
                     "page values lie outside");
  const std::byte* values = page.data() + entry.values_offset;
  if (type != PhysicalType::kVarlen) {
    SLUICE_CHECK_BYTES(entry.heap_bytes == 0, "page has bytes for a fixed column");
    view.values = values;
    return;
  }
  SLUICE_CHECK_BYTES(
      fits(entry.values_offset + aligned(values_bytes), entry.heap_bytes, page.size()),
      "page strings lie outside");
  open_strings({values, values_bytes}, {values + aligned(values_bytes), entry.heap_bytes},
               strings_[index]);
  view.values = strings_[index].data();
}

void PageReader::open_strings(std::span<const std::byte> values, std::span<const std::byte> heap,
                              std::vector<StringRef>& strings) {
  const std::size_t rows = values.size() / sizeof(StringRef);
  if (rows != 0) {
    std::memcpy(static_cast<void*>(strings.data()), values.data(), values.size());
  }
  for (std::size_t i = 0; i < rows; ++i) {
    StringRef& string = strings[i];
    if (string.is_inline()) {
      continue;
    }
    std::uint64_t offset;
    std::memcpy(&offset, values.data() + i * sizeof(StringRef) + kStringOffsetAt, sizeof offset);
    SLUICE_CHECK_BYTES(offset <= heap.size() && string.size() <= heap.size() - offset,
                       "page string lies outside");
    string = StringRef(reinterpret_cast<const char*>(heap.data() + offset), string.size());
  }
}

}  // namespace sluice::vector
