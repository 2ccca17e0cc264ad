#include "codec/plan_codec.h"

#include <gtest/gtest.h>
#include <limits>
#include <random>

#include "base/error.h"
#include "codec/byte_writer.h"
#include "codec/plan_format.h"
#include "plan/enforce_dsm_shuffle.h"
#include "plan/limits.h"
#include "plan/random_plan.h"
#include "plan/tpch_plans.h"

namespace sluice::codec {
namespace {

using namespace sluice::plan;
using Bytes = std::vector<std::byte>;

ShuffleOptions seats(std::uint32_t count) {
  ShuffleOptions options;
  options.seats = count;
  return options;
}

/// Every kind of expression and every type of constant.
PlanSpec every_expression() {
  const auto call = [](Op op, DataType type, std::vector<Expr> args) {
    return Expr::make_call(op, type, std::move(args));
  };
  PlanNode scan = build_scan("every\"thing", {{"a", kInt4}, {"s", kText}, {"f", kFloat8}}, 0.5);
  const Expr a = column_of(0, kInt4);
  const Expr test =
      call(Op::kIn, kBool, {a, Expr::make_integer(-7, kInt4), Expr::make_null(kInt4)});
  std::vector<Expr> exprs = {
      Expr::make_param(3, kInt4),
      Expr::make_null(DataType::decimal(38, 38)),
      Expr::make_integer(base::kInt128Max, DataType::decimal(38, 2)),
      Expr::make_integer(base::kInt128Min, DataType::decimal(20, 0)),
      Expr::make_integer(std::numeric_limits<std::int64_t>::min(), kTimestamp),
      Expr::make_float(-0.0),
      Expr::make_float(std::numeric_limits<double>::quiet_NaN()),
      Expr::make_bytes(std::string("\0zero", 5), kText),
      Expr::make_bytes("", kBpchar),
      call(Op::kCase, kInt4, {test, a, Expr::make_integer(2, kInt4)}),
      call(Op::kLike, kBool, {column_of(1, kText), Expr::make_bytes("%x", kText)}),
      call(Op::kSubstring, kText, {column_of(1, kText), a, Expr::make_integer(2, kInt4)}),
      call(Op::kForeign, kText, {Expr::make_bytes(std::string("f\0{}", 4), kText), a}),
      call(Op::kAdd, kFloat8, {column_of(2, kFloat8), call(Op::kCast, kFloat8, {a})}),
  };
  return build_plan(build_project(std::move(scan), std::move(exprs)));
}

/// A join with a plan input on either side.
PlanSpec plan_inputs() {
  return build_plan(build_join(build_plan_input(7, {{"k", kInt4}, {"s", kText}}, 30),
                               build_plan_input(1, {{"k", kInt4}}, 5), {{0}, {0}}, {1}, 10));
}

PlanSpec foreign_aggregates() {
  std::vector<AggregateCall> calls(3, foreign_call({1, 0, 1}, DataType::of(TypeKind::kOpaque)));
  calls[1].foreign.filter = 2;
  calls[1].foreign.arguments.clear();
  calls[1].foreign.order = RowOrder::kScan;
  calls[2].foreign.keeps_rows = true;
  calls[2].foreign.order = RowOrder::kChecked;
  calls[2].foreign.errors_abandon = false;
  calls.push_back({AggregateFunction::kCountStar, 0, kInt8});
  return build_plan(build_aggregate(build_scan("t", {{"a", kInt4}, {"b", kText}, {"c", kBool}}, 9),
                                    {0}, std::move(calls), 2));
}

std::vector<PlanSpec> samples() {
  std::vector<PlanSpec> plans = {tpch_q1(), tpch_q6(), every_expression(), foreign_aggregates(),
                                 plan_inputs()};
  plans.push_back(enforce_dsm_shuffle(tpch_q3(), seats(3)));
  plans.push_back(enforce_dsm_shuffle(tpch_q5(), seats(4)));
  return plans;
}

/// Anything but kCorrupt fails the test.
bool is_corrupt(std::span<const std::byte> bytes) {
  try {
    (void)decode(bytes);
    return false;
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kCorrupt) << error.message();
    return true;
  }
}

/// The same bytes with a length and a checksum that fit.
Bytes sealed(Bytes bytes) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(bytes.size()));
  out.u32(0);
  out.u64(checksum_of(std::span(bytes).subspan(kHeaderBytes)));
  std::copy(out.bytes().begin(), out.bytes().end(), bytes.begin() + kLengthAt);
  return bytes;
}

/// The header and the plan's own fields, before its nodes.
Bytes prelude(std::uint16_t nodes) {
  ByteWriter out;
  out.u32(kPlanMagic);
  out.u16(kPlanVersion);
  out.u16(0);
  out.u64(0);
  out.u64(0);
  out.u16(0);
  out.u16(nodes);
  out.u16(1);
  out.flag(false);
  out.flag(true);
  return out.take();
}

Bytes with_body(std::uint16_t nodes, ByteWriter body) {
  Bytes bytes = prelude(nodes);
  const Bytes rest = body.take();
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return sealed(std::move(bytes));
}

TEST(PlanCodec, PlansComeBackEqual) {
  for (const PlanSpec& plan : samples()) {
    EXPECT_TRUE(decode(encode(plan)) == plan);
  }
}

TEST(PlanCodec, RandomPlansComeBackEqualForAnyNumberOfSeats) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomPlan random(seed);
    const PlanSpec plan = random.make();
    for (std::uint32_t count = 1; count <= 8; ++count) {
      const PlanSpec shuffled = enforce_dsm_shuffle(plan, seats(count));
      const Bytes bytes = encode(shuffled);
      const PlanSpec decoded = decode(bytes);
      ASSERT_TRUE(decoded == shuffled) << "seed " << seed;
      ASSERT_EQ(encode(decoded), bytes);
    }
  }
}

TEST(PlanCodec, EveryTruncationIsCorrupt) {
  for (const PlanSpec& plan : samples()) {
    const Bytes bytes = encode(plan);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      ASSERT_TRUE(is_corrupt(cut)) << length;
    }
  }
}

TEST(PlanCodec, EveryTruncationWithAHeaderThatFitsIsCorrupt) {
  for (const PlanSpec& plan : samples()) {
    const Bytes bytes = encode(plan);
    for (std::size_t length = kHeaderBytes; length < bytes.size(); ++length) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      ASSERT_TRUE(is_corrupt(sealed(cut))) << length;
    }
  }
}

TEST(PlanCodec, EveryFlippedBitIsCorrupt) {
  for (const PlanSpec& plan : samples()) {
    Bytes bytes = encode(plan);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      const auto mask = static_cast<std::byte>(1 << bit % 8);
      bytes[bit / 8] ^= mask;
      ASSERT_TRUE(is_corrupt(bytes)) << bit;
      bytes[bit / 8] ^= mask;
    }
  }
}

TEST(PlanCodec, ChangedBytesBehindTheRightChecksumGiveAValidPlanOrAreCorrupt) {
  std::mt19937_64 random(1);
  std::size_t valid = 0;
  for (const PlanSpec& plan : samples()) {
    const Bytes bytes = encode(plan);
    for (int i = 0; i < 4000; ++i) {
      Bytes changed = bytes;
      for (std::uint64_t n = 1 + random() % 3; n > 0; --n) {
        changed[kHeaderBytes + random() % (bytes.size() - kHeaderBytes)] =
            static_cast<std::byte>(random() % 2 == 0 ? random() : random() % 12);
      }
      changed = sealed(std::move(changed));
      if (!is_corrupt(changed)) {
        const PlanSpec decoded = decode(changed);
        validate_plan(decoded);
        ASSERT_TRUE(decode(encode(decoded)) == decoded);
        ++valid;
      }
    }
  }
  EXPECT_GT(valid, 0U);
}

TEST(PlanCodec, TrailingBytesAreCorrupt) {
  Bytes bytes = encode(tpch_q6());
  bytes.push_back(std::byte{0});
  EXPECT_TRUE(is_corrupt(bytes));
  EXPECT_TRUE(is_corrupt(sealed(bytes)));
}

TEST(PlanCodec, ForeignMagicVersionAndFlagsAreCorrupt) {
  const Bytes bytes = encode(tpch_q6());
  for (const std::size_t at : {0, 4, 6, 12}) {
    Bytes foreign = bytes;
    foreign[at] = static_cast<std::byte>(static_cast<int>(foreign[at]) + 1);
    EXPECT_TRUE(is_corrupt(foreign)) << at;
  }
}

TEST(PlanCodec, NoiseIsCorrupt) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2000; ++i) {
    Bytes noise(random() % 200);
    for (std::byte& byte : noise) {
      byte = static_cast<std::byte>(random() % 16);
    }
    EXPECT_TRUE(is_corrupt(noise));
    Bytes body = prelude(1);
    body.insert(body.end(), noise.begin(), noise.end());
    EXPECT_TRUE(is_corrupt(sealed(std::move(body))));
  }
}

TEST(PlanCodec, CountsAndLengthsBeyondTheEndAreCorruptBeforeAnythingIsAllocated) {
  for (const std::uint32_t count : {2U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    ByteWriter project;
    project.f64(1);
    project.u8(static_cast<std::uint8_t>(NodeTag::kProject));
    project.u32(count);
    EXPECT_TRUE(is_corrupt(with_body(2, std::move(project))));
    ByteWriter scan;
    scan.f64(1);
    scan.u8(static_cast<std::uint8_t>(NodeTag::kScan));
    scan.u64(0);
    scan.u32(count);  // bytes of the name
    EXPECT_TRUE(is_corrupt(with_body(1, std::move(scan))));
  }
}

TEST(PlanCodec, NestingBeyondTheBoundsIsCorrupt) {
  ByteWriter nodes;
  for (int i = 0; i < 100000; ++i) {
    nodes.f64(1);
    nodes.u8(static_cast<std::uint8_t>(NodeTag::kLimit));
    nodes.u64(1);
  }
  EXPECT_TRUE(is_corrupt(with_body(1000, std::move(nodes))));
  ByteWriter exprs;
  exprs.f64(1);
  exprs.u8(static_cast<std::uint8_t>(NodeTag::kProject));
  for (int i = 0; i < 100000; ++i) {
    exprs.u32(1);
    exprs.u8(static_cast<std::uint8_t>(ExprKind::kCall));
    exprs.u8(static_cast<std::uint8_t>(TypeKind::kBool));
    exprs.u16(0);
    exprs.u8(static_cast<std::uint8_t>(Op::kNot));
  }
  EXPECT_TRUE(is_corrupt(with_body(2, std::move(exprs))));
}

TEST(PlanCodec, DeepestPlanAllowedComesBack) {
  Expr deep = column_of(0, kBool);
  for (std::size_t i = 1; i < kExprDepthMax; ++i) {
    deep = Expr::make_call(Op::kNot, kBool, {std::move(deep)});
  }
  PlanNode node = build_filter(build_scan("t", {{"b", kBool}}, 1), std::move(deep), 1);
  for (std::size_t i = 2; i < kPlanDepthMax; ++i) {
    node = build_limit(std::move(node), i);
  }
  const PlanSpec plan = build_plan(std::move(node));
  EXPECT_TRUE(decode(encode(plan)) == plan);
}

TEST(PlanCodec, PlanThatIsNotValidIsNotEncoded) {
  PlanSpec plan = tpch_q1();
  plan.node_count = 77;
  EXPECT_THROW((void)encode(plan), base::Error);
}

TEST(PlanCodec, PlanBeyondTheSizeBoundIsAbandoned) {
  PlanNode scan = build_scan("t", {{"s", kText}}, 1);
  const PlanSpec plan = build_plan(
      build_project(std::move(scan), {Expr::make_bytes(std::string(kPlanBytesMax, 'x'), kText)}));
  try {
    (void)encode(plan);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.kind(), base::ErrorKind::kAbandon);
  }
}

}  // namespace
}  // namespace sluice::codec
