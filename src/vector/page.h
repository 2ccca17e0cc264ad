// The page: a batch as position-independent bytes, the payload of a ring record.
// Layout: docs/formats/page.md. Little-endian, every buffer 16-byte aligned relative to the
// page's start; offsets, never pointers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vector/batch.h"

namespace sluice::vector {

/// Bytes a page of the counted rows of `batch` takes.
[[nodiscard]] std::size_t page_bytes(const Batch& batch) noexcept;

/// Writes the counted rows of `batch` as a page.
/// Shape: `target` is 16-byte aligned and has exactly page_bytes(batch) bytes.
void write_page(const Batch& batch, std::span<std::byte> target) noexcept;

/// Reads a page in place. Fixed-width columns and validity are views of the page's bytes; string
/// columns are rebuilt as StringRefs that point into them.
class PageReader {
 public:
  explicit PageReader(std::span<const PhysicalType> types);

  /// Valid until the next open(), and while `page` is.
  /// Shape:  `page` is 16-byte aligned.
  /// Errors: kCorrupt when a count, type or offset does not fit: nothing outside `page` is read.
  [[nodiscard]] Batch open(std::span<const std::byte> page);

 private:
  void open_column(std::span<const std::byte> page, std::size_t index, std::uint32_t rows);
  static void open_strings(std::span<const std::byte> values, std::span<const std::byte> heap,
                           std::vector<StringRef>& strings);

  std::vector<PhysicalType> types_;
  std::vector<ColumnView> views_;
  std::vector<std::vector<StringRef>> strings_;
};

}  // namespace sluice::vector
