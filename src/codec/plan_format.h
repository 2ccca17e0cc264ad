// The bytes of an encoded plan; described in docs/formats/plan.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::codec {

inline constexpr std::uint32_t kPlanMagic = 0x4E4C5053;  // "SPLN"
inline constexpr std::uint16_t kPlanVersion = 8;
inline constexpr std::size_t kPlanBytesMax = std::size_t{4} << 20;

/// Magic, version, flags (zero), length, zero, checksum.
inline constexpr std::size_t kHeaderBytes = 24;
inline constexpr std::size_t kLengthAt = 8;
inline constexpr std::size_t kChecksumAt = 16;

/// FNV-1a of 64 bits: each step is a bijection of the state, so no change within one byte goes
/// unseen.
[[nodiscard]] constexpr std::uint64_t checksum_of(std::span<const std::byte> bytes) noexcept {
  std::uint64_t state = 0xCBF29CE484222325;
  for (const std::byte byte : bytes) {
    state = (state ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3;
  }
  return state;
}

/// The kinds of nodes; a gap in the numbers is an unknown node.
enum class NodeTag : std::uint8_t {
  kScan = 1,
  kFilter = 2,
  kProject = 3,
  kHashJoin = 4,
  kAggregate = 5,
  kTopK = 6,
  kLimit = 7,
  kExchange = 8,
  kPlanInput = 9,
};

}  // namespace sluice::codec
