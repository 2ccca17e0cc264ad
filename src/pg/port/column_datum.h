// Values of the engine's columns as PostgreSQL's Datums, and back.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pg/border/pg_include.h"
#include "pg/port/types.h"
#include "plan/data_type.h"
#include "vector/batch.h"

SLUICE_PG_HEADERS_BEGIN
#include <utils/palloc.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

/// A value that is not NULL, in the current memory context.
/// Shape: `form` is that of an opaque value's type. Runs in: call().
[[nodiscard]] Datum datum_of(const vector::ColumnView& view, std::uint32_t row,
                             const plan::DataType& type, const StoredForm& form);

/// The bytes of a batch's strings. Owns: nothing; the context is the machinery's.
struct Strings {
  /// Units: bytes that they may take together: 512 kB each.
  static constexpr std::size_t kBytesMax = std::size_t{1} << 30;

  MemoryContext context = nullptr;
  std::size_t bytes = 0;
  std::size_t bytes_max = kBytesMax;
};

/// Writes a value that is not NULL to values[row]; a string's bytes are copied to `strings`. False
/// where the type or Strings::bytes_max does not hold it.
/// Shape: as datum_of(). Runs in: call().
[[nodiscard]] bool store_datum(Datum value, const plan::DataType& type, const StoredForm& form,
                               std::uint32_t row, std::byte* values, Strings& strings);

}  // namespace sluice::pg
