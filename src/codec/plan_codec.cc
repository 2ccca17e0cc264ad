#include "codec/plan_codec.h"

#include "base/check.h"
#include "codec/byte_reader.h"
#include "codec/byte_writer.h"
#include "codec/node_codec.h"
#include "codec/plan_format.h"
#include "plan/enforce_dsm_shuffle.h"

namespace sluice::codec {

std::vector<std::byte> encode(const plan::PlanSpec& plan) {
  plan::validate_plan(plan);
  plan::validate_deadlock_rules(plan);
  ByteWriter out;
  out.u32(kPlanMagic);
  out.u16(kPlanVersion);
  out.u16(0);
  out.u32(0);  // length
  out.u32(0);
  out.u64(0);  // checksum
  out.u16(plan.stream_count);
  out.u16(plan.node_count);
  out.u16(plan.partition_count);
  out.flag(plan.distributed);
  out.flag(plan.leader_computes);
  encode_node(plan.root, out);
  if (out.bytes().size() > kPlanBytesMax) {
    base::throw_abandon("plan too large to hand to other processes");
  }
  out.patch_u32(kLengthAt, static_cast<std::uint32_t>(out.bytes().size()));
  out.patch_u64(kChecksumAt, checksum_of(std::span(out.bytes()).subspan(kHeaderBytes)));
  return out.take();
}

plan::PlanSpec decode(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  SLUICE_CHECK_BYTES(in.u32() == kPlanMagic, "encoded plan: these bytes are no plan");
  SLUICE_CHECK_BYTES(in.u16() == kPlanVersion, "encoded plan: another version's format");
  SLUICE_CHECK_BYTES(in.u16() == 0, "encoded plan: header");
  SLUICE_CHECK_BYTES(in.u32() == bytes.size() && bytes.size() <= kPlanBytesMax,
                     "encoded plan: length");
  SLUICE_CHECK_BYTES(in.u32() == 0, "encoded plan: header");
  const std::uint64_t checksum = in.u64();
  SLUICE_CHECK_BYTES(checksum == checksum_of(bytes.subspan(kHeaderBytes)),
                     "encoded plan: checksum");
  plan::PlanSpec plan;
  plan.stream_count = in.u16();
  const std::uint16_t node_count = in.u16();
  plan.partition_count = in.u16();
  plan.distributed = in.flag();
  plan.leader_computes = in.flag();
  plan.root = decode_node(in);
  SLUICE_CHECK_BYTES(in.rest_bytes() == 0, "encoded plan: bytes behind its end");
  plan::number_nodes(plan);
  SLUICE_CHECK_BYTES(plan.node_count == node_count, "encoded plan: number of nodes");
  plan::validate_plan(plan);
  plan::validate_deadlock_rules(plan);
  return plan;
}

}  // namespace sluice::codec
