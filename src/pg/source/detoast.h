// Toasted values unpacked by the server into memory that lives as long as their batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/memory_budget.h"
#include "pg/border/pg_include.h"
#include "pg/source/decode/page_decoder.h"
#include "vector/batch.h"

namespace sluice::pg {

/// Unpacks what a PageDecoder could not read.
/// Owns:   the unpacked bytes, until clear(). They are charged to the budget as far as it reaches:
///         one row's values must fit in memory, as they must in PostgreSQL; how many rows come
///         together is what rows_within() bounds.
class Detoaster {
 public:
  explicit Detoaster(base::MemoryBudget& budget) noexcept;
  Detoaster(const Detoaster&) = delete;
  Detoaster& operator=(const Detoaster&) = delete;
  ~Detoaster();

  /// How far the rows before `rows` may go so that their values and those already here stay within
  /// a share of the budget: the first row after that, at least one past the first of `values`, or
  /// `rows` when all may.
  /// Errors: PgError, kCorrupt.
  [[nodiscard]] std::uint32_t rows_within(std::span<const ToastedValue> values, std::uint32_t rows);

  /// Unpacks those of `values` whose row is in [first, end) and stores them in `decoder`.
  /// Errors: PgError, kCorrupt, std::bad_alloc.
  void unpack(std::span<const ToastedValue> values, std::uint32_t first, std::uint32_t end,
              PageDecoder& decoder);
  void clear() noexcept;

 private:
  struct Unpacked;
  [[nodiscard]] std::uint8_t* allocate(std::size_t bytes);

  base::MemoryBudget* budget_;
  std::size_t allowance_bytes_;
  std::size_t held_bytes_ = 0;
  std::size_t charged_bytes_ = 0;
  std::vector<std::unique_ptr<std::uint8_t[]>> blocks_;
};

}  // namespace sluice::pg
