// Feeds arbitrary bytes to decode(), both as they are and behind a header that fits them, so that
// the fuzzer need not guess the checksum. What decodes must encode to bytes that decode to the same
// plan.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/error.h"
#include "codec/byte_writer.h"
#include "codec/plan_codec.h"
#include "codec/plan_format.h"
#include "plan/print.h"

namespace {

using namespace sluice;

std::vector<std::byte> behind_header(std::span<const std::byte> body) {
  codec::ByteWriter out;
  out.u32(codec::kPlanMagic);
  out.u16(codec::kPlanVersion);
  out.u16(0);
  out.u32(static_cast<std::uint32_t>(codec::kHeaderBytes + body.size()));
  out.u32(0);
  out.u64(codec::checksum_of(body));
  const std::vector<std::byte> header = out.take();
  std::vector<std::byte> bytes(header.size() + body.size());  // no room behind: it hides over-reads
  std::ranges::copy(header, bytes.begin());
  std::ranges::copy(body, bytes.begin() + static_cast<std::ptrdiff_t>(header.size()));
  return bytes;
}

void try_to_decode(std::span<const std::byte> bytes) {
  try {
    const plan::PlanSpec plan = codec::decode(bytes);
    (void)plan::to_string(plan);
    if (!(codec::decode(codec::encode(plan)) == plan)) {
      std::abort();
    }
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::kCorrupt) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try_to_decode(bytes);
  try_to_decode(behind_header(bytes));
  return 0;
}
