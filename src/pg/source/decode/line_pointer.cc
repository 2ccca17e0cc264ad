#include "pg/source/decode/line_pointer.h"

#include <algorithm>

namespace sluice::pg {

std::uint32_t line_count(std::span<const std::uint8_t> page) noexcept {
  const std::size_t end =
      std::min<std::size_t>(load_bytes<std::uint16_t>(page.data() + kLinesEndOffset), page.size());
  return end <= kPageHeaderBytes
             ? 0
             : static_cast<std::uint32_t>((end - kPageHeaderBytes) / kLineBytes);
}

}  // namespace sluice::pg
