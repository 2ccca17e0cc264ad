// Bringing a page into the cache before it is decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::pg {

/// Reads bytes once from the first to the last, one of every cache line: the processor's own
/// prefetcher then delivers them at the memory's full speed. A page's tuples are read backwards and
/// in pieces, which it does not recognize.
/// Source: docs/decisions/0005-read-pages-through-before-decoding.md
inline void read_through(std::span<const std::uint8_t> bytes) noexcept {
  constexpr std::size_t kCacheLineBytes = 64;
  for (std::size_t offset = 0; offset < bytes.size(); offset += kCacheLineBytes) {
    (void)*static_cast<const volatile std::uint8_t*>(bytes.data() + offset);
  }
}

}  // namespace sluice::pg
