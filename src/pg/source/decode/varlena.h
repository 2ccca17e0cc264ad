// One varlena inside a tuple: where it starts, where it ends, what form it has. For the decode
// loops.
#pragma once

#include <bit>
#include <cstdint>

#include "base/error.h"
#include "pg/source/decode/heap_format.h"

namespace sluice::pg {

enum class VarlenaForm : std::uint8_t {
  kPlain,    // the payload lies right here
  kToasted,  // compressed or elsewhere: the server's detoast_attr() has to look at it
};

struct Varlena {
  VarlenaForm form;
  const std::uint8_t* start;  // its header
  const std::uint8_t* payload;
  const std::uint8_t* end;
};

/// Whether `header` starts a varlena with a 1-byte header that is no toast pointer.
[[nodiscard]] inline bool is_short_header(std::uint8_t header) noexcept {
  static_assert(kExternalHeader == 1);
  return std::rotr(header, 1) > 0x80;  // odd, and not 1
}

/// Of a short varlena; of a toast pointer none. Units: bytes, header included.
[[nodiscard]] inline std::uint32_t short_size_bytes(std::uint8_t header) noexcept {
  return header >> 1;
}

[[noreturn]] void throw_tuple_too_short();

/// Any varlena at `at`, which may be padding in front of it.
/// Errors: kCorrupt when it is not wholly before `tuple_end`.
[[nodiscard]] Varlena locate_varlena(const std::uint8_t* at, const std::uint8_t* tuple_end,
                                     std::uint8_t alignment);

/// Where the varlena at `at` ends.
[[nodiscard]] inline const std::uint8_t* skip_varlena(const std::uint8_t* at,
                                                      const std::uint8_t* tuple_end,
                                                      std::uint8_t alignment) {
  if (at < tuple_end) [[likely]] {
    const std::uint8_t header = *at;
    const std::uint8_t* next = at + short_size_bytes(header);
    if (is_short_header(header) && next <= tuple_end) [[likely]] {
      return next;
    }
  }
  return locate_varlena(at, tuple_end, alignment).end;
}

/// Where the last of `count` varlenas ends, the first of which is at `at`; null unless all have
/// short headers and lie before `tuple_end`. One test at the end tells that of all: a toast
/// pointer's header counts as no bytes, so that the walk stays there.
/// Shape: count >= 1.
[[gnu::always_inline]] inline const std::uint8_t* skip_short_varlenas(
    const std::uint8_t* at, const std::uint8_t* tuple_end, std::uint32_t count) noexcept {
  std::uint8_t header = 0;
  std::uint8_t common = 1;
  do {
    if (at >= tuple_end) [[unlikely]] {
      return nullptr;
    }
    header = *at;
    common &= header;
    at += short_size_bytes(header);
  } while (--count > 0);
  return common != 0 && header != kExternalHeader && at <= tuple_end ? at : nullptr;
}

}  // namespace sluice::pg
