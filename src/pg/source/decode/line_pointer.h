// The line pointers of a heap page: where its tuples lie. The page's bytes are not trusted: what
// they name is on the page, or broken. For the loops over a page's lines.
#pragma once

#include <cstdint>
#include <span>

#include "pg/source/decode/heap_format.h"
#include "pg/source/decode/tuple_group.h"

namespace sluice::pg {

enum class LineState : std::uint8_t {
  kNoTuple,  // unused, dead, or redirected to another line
  kTuple,
  kBroken,  // names bytes that are not on the page, or too few for a tuple's header
};

/// Line pointers of `page`, broken ones included; none lies outside of it.
/// Shape: `page` has at least kPageHeaderBytes.
[[nodiscard]] std::uint32_t line_count(std::span<const std::uint8_t> page) noexcept;

/// Shape: `line` counts from 0 and is less than line_count(); `tuple` is set for kTuple only.
[[nodiscard]] inline LineState read_line(std::span<const std::uint8_t> page, std::uint32_t line,
                                         TupleBytes& tuple) noexcept {
  const auto word =
      load_bytes<std::uint32_t>(page.data() + kPageHeaderBytes + std::size_t{line} * kLineBytes);
  if ((word >> kLineStateShift & kLineStateMask) != kLineNormal) {
    return LineState::kNoTuple;
  }
  const std::uint32_t offset = word & kLineOffsetMask;
  const std::uint32_t length = word >> kLineLengthShift;
  if (length < kDataStartMin || offset + length > page.size()) {
    return LineState::kBroken;
  }
  tuple = {page.data() + offset, length};
  return LineState::kTuple;
}

}  // namespace sluice::pg
