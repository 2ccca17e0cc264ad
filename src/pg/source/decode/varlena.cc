#include "pg/source/decode/varlena.h"

namespace sluice::pg {

void throw_tuple_too_short() { base::throw_corrupt("a heap tuple ends before its attributes do"); }

Varlena locate_varlena(const std::uint8_t* at, const std::uint8_t* tuple_end,
                       std::uint8_t alignment) {
  if (at >= tuple_end) {
    throw_tuple_too_short();
  }
  if (*at == 0) {
    at = align_up(at, alignment);
  }
  if (at >= tuple_end) {
    throw_tuple_too_short();
  }
  const auto room = static_cast<std::size_t>(tuple_end - at);
  const std::uint8_t header = *at;
  std::size_t size_bytes = 0;
  std::size_t header_bytes = 1;
  auto form = VarlenaForm::kPlain;
  if (header == kExternalHeader) {
    if (room < 2 || at[1] != kExternalOnDiskTag) {
      base::throw_corrupt("a heap tuple holds an unknown kind of toast pointer");
    }
    size_bytes = kExternalOnDiskBytes;
    form = VarlenaForm::kToasted;
  } else if ((header & 1) != 0) {
    size_bytes = short_size_bytes(header);
  } else {
    if (room < kLongHeaderBytes) {
      throw_tuple_too_short();
    }
    header_bytes = kLongHeaderBytes;
    size_bytes = load_bytes<std::uint32_t>(at) >> 2;
    if ((header & 2) != 0) {
      form = VarlenaForm::kToasted;
      header_bytes = kCompressedHeaderBytes;
    }
  }
  if (size_bytes < header_bytes || size_bytes > room) {
    throw_tuple_too_short();
  }
  return {form, at, at + header_bytes, at + size_bytes};
}

}  // namespace sluice::pg
