#include "base/cut_text.h"

namespace sluice::base {

std::string_view cut_text(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) {
    return text;
  }
  std::size_t bytes = bytes_max;
  // A byte 10xxxxxx continues a character; cutting in front of one would leave half a character.
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) {
    --bytes;
  }
  return text.substr(0, bytes);
}

}  // namespace sluice::base
