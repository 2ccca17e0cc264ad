// How a heap tuple, a varlena and a numeric lie on disk, in constants of our own: the decoder is
// built and fuzzed without the server. pg/source/heap_format_check.cc asserts them against its
// headers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::pg {

static_assert(std::endian::native == std::endian::little, "varlena headers are read little-endian");

/// Source: PostgreSQL's storage/bufpage.h and storage/itemid.h. A line pointer has, from its least
/// significant bit on, the tuple's offset (15 bits), the line's state (2), the tuple's length (15).
inline constexpr std::size_t kPageHeaderBytes = 24;
inline constexpr std::size_t kLinesEndOffset = 12;  // pd_lower
inline constexpr std::size_t kLineBytes = 4;
inline constexpr std::uint32_t kLineOffsetMask = 0x7FFF;
inline constexpr int kLineStateShift = 15;
inline constexpr std::uint32_t kLineStateMask = 3;
inline constexpr std::uint32_t kLineNormal = 1;
inline constexpr int kLineLengthShift = 17;

/// Source: PostgreSQL's access/htup_details.h.
inline constexpr std::size_t kInfomask2Offset = 18;
inline constexpr std::size_t kInfomaskOffset = 20;
inline constexpr std::size_t kDataStartOffset = 22;  // t_hoff
inline constexpr std::size_t kNullBitmapOffset = 23;
inline constexpr std::uint16_t kAttributeCountMask = 0x07FF;
inline constexpr std::uint16_t kHasNulls = 0x0001;
inline constexpr std::size_t kDataAlignment = 8;
inline constexpr std::size_t kDataStartMin = 24;

/// Source: PostgreSQL's postgres.h. A short varlena has an odd first byte (twice its length plus
/// one); that of a toast pointer is 1. A long one has a 4-byte length, shifted by two, whose low
/// bits are 00, or 10 when its data are compressed. A zero first byte is padding or starts an
/// aligned long header.
inline constexpr std::uint8_t kExternalHeader = 0x01;
inline constexpr std::uint8_t kExternalOnDiskTag = 18;
inline constexpr std::size_t kExternalOnDiskBytes = 18;
inline constexpr std::size_t kLongHeaderBytes = 4;
inline constexpr std::size_t kCompressedHeaderBytes = 8;

/// Source: PostgreSQL's utils/adt/numeric.c, where they are private.
inline constexpr std::uint16_t kNumericFlagsMask = 0xC000;
inline constexpr std::uint16_t kNumericNegative = 0x4000;
inline constexpr std::uint16_t kNumericShort = 0x8000;
inline constexpr std::uint16_t kNumericSpecial = 0xC000;
inline constexpr std::uint16_t kNumericSpecialMask = 0xF000;
inline constexpr std::uint16_t kNumericNan = 0xC000;
inline constexpr int kNumericShortSignShift = 13;
inline constexpr std::uint16_t kNumericShortWeightBits = 0x007F;
inline constexpr int kNumericGroupDigits = 4;  // decimal digits in a stored digit
inline constexpr std::uint16_t kNumericBase = 10000;

template <typename T>
[[nodiscard]] inline T load_bytes(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

[[nodiscard]] inline const std::uint8_t* align_up(const std::uint8_t* at,
                                                  std::uintptr_t alignment) noexcept {
  return at + ((0 - reinterpret_cast<std::uintptr_t>(at)) & (alignment - 1));
}

}  // namespace sluice::pg
