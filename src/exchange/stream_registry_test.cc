#include "exchange/stream_registry.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace sluice::exchange {
namespace {

class SilentProcedure final : public StreamProcedure {
 public:
  void start(StreamId, Epoch) override { ++starts; }
  unsigned starts = 0;
};

TEST(StreamRegistry, FindsWhatWasAddedAndRunsNothing) {
  StreamRegistry registry;
  SilentProcedure first;
  SilentProcedure second;
  registry.add(StreamId(4), first);
  registry.add(StreamId(0), second);
  EXPECT_EQ(&registry.find(StreamId(4)), &first);
  EXPECT_EQ(&registry.find(StreamId(0)), &second);
  EXPECT_FALSE(registry.contains(StreamId(1)));
  EXPECT_FALSE(registry.contains(StreamId(5)));
  EXPECT_EQ(first.starts + second.starts, 0U);
}

TEST(StreamRegistry, StreamRegisteredTwiceOrNeverIsAnError) {
  StreamRegistry registry;
  SilentProcedure procedure;
  registry.add(StreamId(1), procedure);
  EXPECT_THROW(registry.add(StreamId(1), procedure), base::Error);
  EXPECT_THROW((void)registry.find(StreamId(0)), base::Error);
  EXPECT_THROW((void)registry.find(StreamId(2)), base::Error);
  EXPECT_THROW(registry.link(StreamId(2), {}), base::Error);
}

TEST(StreamRegistry, LinksAreKnownOnceTold) {
  StreamRegistry registry;
  SilentProcedure procedure;
  registry.add(StreamId(1), procedure);
  EXPECT_EQ(registry.links(StreamId(1)), nullptr);
  EXPECT_EQ(registry.links(StreamId(9)), nullptr);
  registry.link(StreamId(1), {SeatSet(1), {StreamId(2)}, SeatSet(6)});
  ASSERT_NE(registry.links(StreamId(1)), nullptr);
  EXPECT_EQ(registry.links(StreamId(1))->inputs.front(), StreamId(2));
}

}  // namespace
}  // namespace sluice::exchange
